/** Provide hooks for React: `<RealtimeProvider client={realtime}>`, and below it `useRoom` and others. */
import {
  createContext, createElement, useCallback, useContext, useEffect, useMemo, useState, useSyncExternalStore,
} from "react";

import { members, status, subscribe, tasks } from "./bindings.js";

/** @typedef {import("./protocol.js").AnyRoom} AnyRoom */
/** @typedef {import("./bindings.js").ConnectionState} ConnectionState */
/** @typedef {import("./protocol.js").RoomKind} RoomKind */

const Context = createContext(/** @type {import("./realtime.js").Realtime | null} */ (null));

/**
 * Provide the client to the components below.
 *
 * @param {{ client: import("./realtime.js").Realtime, children?: import("react").ReactNode }} properties
 */
export function RealtimeProvider({ client, children }) {
  return createElement(Context.Provider, { value: client }, children);
}

/** Return the client of the provider. */
export function useRealtime() {
  const client = useContext(Context);
  if (!client) {
    throw new Error("A component uses a room, and no <RealtimeProvider client={…}> is around it");
  }
  return client;
}

/**
 * Join a room while the component is mounted; return null before that, as on a server. Components
 * that join the same room share it. Render again when `joined`, `role` or `ended` changes.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("./protocol.js").KeyOf<Kind> | null} key null for no room
 * @returns {import("./room.js").Room<Kind> | null}
 */
export function useRoom(kind, key) {
  const client = useRealtime();
  const [joined, setJoined] = useState(
    /** @type {{ client: object, room: import("./room.js").Room<Kind> } | null} */ (null),
  );
  useEffect(() => {
    const room = key === null ? null : client.join(/** @type {any} */ (kind), key);
    setJoined(room && { client, room: /** @type {any} */ (room) });
    return () => void room?.leave();
  }, [client, kind, key]);
  // In the first rendering after a change of the key, the room is still the old one.
  const isIt = joined?.client === client && joined.room.kind === kind && joined.room.key === key;
  const room = isIt ? joined.room : null;
  useValue(room, () => status(room));
  return room;
}

/**
 * Return the state of a room, or the part that `select` returns; undefined before the first join.
 * Render again when that is another value: with a `select` that makes new objects, at each change.
 *
 * @template {RoomKind} Kind
 * @template [Value=Readonly<Kind["state"]>]
 * @param {import("./room.js").Room<Kind> | null} room
 * @param {(state: Readonly<Kind["state"]>) => Value} [select]
 * @returns {Value | undefined}
 */
export function useRoomState(room, select = (state) => /** @type {any} */ (state)) {
  const get = useMemo(() => {
    /** @type {{ state: unknown, value: Value | undefined }} */
    let last = { state: null, value: undefined };
    return () => {
      const state = room?.state ?? null;
      if (state !== last.state) {
        last = { state, value: state ? select(state) : undefined };
      }
      return last.value;
    };
  }, [room, select]);
  return useValue(room, get);
}

/**
 * @template {RoomKind} Kind
 * @param {import("./room.js").Room<Kind> | null} room
 * @returns {readonly import("./protocol.js").Member<Kind>[]}
 */
export function useMembers(room) {
  return useValue(room, () => members(room));
}

/** @param {import("./room.js").Room<any> | null} room */
export function useTasks(room) {
  return useValue(room, () => tasks(room));
}

/**
 * Show something of the user, and ask for that of the others, which stands in `useMembers`. Returns the
 * own presence, and the function that changes it: see `Room.setPresence`.
 *
 * @template {RoomKind} Kind
 * @param {import("./room.js").Room<Kind> | null} room
 * @returns {[presence: import("./room.js").Room<Kind>["presence"], change: import("./room.js").Room<Kind>["setPresence"]]}
 */
export function usePresence(room) {
  useEffect(() => room?.setPresence(/** @type {any} */ ({})), [room]);
  const change = useCallback((/** @type {any} */ patch) => room?.setPresence(patch), [room]);
  return [useValue(room, () => room?.presence ?? null), change];
}

/**
 * Return the last change of the connection's state.
 *
 * @returns {ConnectionState}
 */
export function useConnection() {
  const client = useRealtime();
  const [change, setChange] = useState(/** @type {ConnectionState} */ ({ state: client.state }));
  useEffect(() => {
    setChange({ state: client.state });
    return client.on("state", setChange);
  }, [client]);
  return change;
}

/**
 * @template Value
 * @param {import("./room.js").Room<any> | null} room
 * @param {() => Value} get returns the same value until the room changes
 */
function useValue(room, get) {
  const follow = useCallback((/** @type {() => void} */ onChange) => subscribe(room, onChange), [room]);
  return useSyncExternalStore(follow, get, get);
}
