/** Provide stores for Svelte: `setRealtime(realtime)` in a component, and below it `useRoom` and others. */
import { getContext, setContext } from "svelte";
import { derived, readable } from "svelte/store";

import { members, subscribe, tasks } from "./bindings.js";

/** @typedef {import("./protocol.js").AnyRoom} AnyRoom */
/** @typedef {import("./bindings.js").ConnectionState} ConnectionState */
/** @typedef {import("./protocol.js").RoomKind} RoomKind */

/**
 * @template Value
 * @typedef {import("svelte/store").Readable<Value>} Readable
 */

const CLIENT = Symbol("realtime");

/**
 * Provide the client to this component and those below.
 *
 * @param {import("./realtime.js").Realtime} client
 */
export const setRealtime = (client) => void setContext(CLIENT, client);

/**
 * Return the client of the component or of one above it.
 *
 * @returns {import("./realtime.js").Realtime}
 */
export function useRealtime() {
  const client = getContext(CLIENT);
  if (!client) {
    throw new Error("A component uses a room, and none above it has called setRealtime(client)");
  }
  return /** @type {import("./realtime.js").Realtime} */ (client);
}

/**
 * Return a store with a room, which is joined while the store has subscribers; null on a server.
 * Subscribers hear of each change of the room.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("./protocol.js").KeyOf<Kind>} key
 * @returns {Readable<import("./room.js").Room<Kind> | null>}
 */
export function useRoom(kind, key) {
  const client = useRealtime();
  return readable(/** @type {import("./room.js").Room<any> | null} */ (null), (set) => {
    // A page that is rendered on a server subscribes, too.
    if (typeof document === "undefined") {
      return;
    }
    const room = /** @type {import("./room.js").Room<any>} */ (client.join(/** @type {any} */ (kind), key));
    set(room);
    subscribe(room, () => set(room));
    return () => void room.leave();
  });
}

/**
 * Return a store with the state of a room, or the part that `select` returns; undefined before the
 * first join.
 *
 * @template {RoomKind} Kind
 * @template [Value=Readonly<Kind["state"]>]
 * @param {Readable<import("./room.js").Room<Kind> | null>} room
 * @param {(state: Readonly<Kind["state"]>) => Value} [select]
 * @returns {Readable<Value | undefined>}
 */
export function useRoomState(room, select = (state) => /** @type {any} */ (state)) {
  return distinct(room, (joined) => (joined?.state ? select(joined.state) : undefined));
}

/**
 * @template {RoomKind} Kind
 * @param {Readable<import("./room.js").Room<Kind> | null>} room
 * @returns {Readable<readonly import("./protocol.js").Member<Kind>[]>}
 */
export const useMembers = (room) => distinct(room, members);

/** @param {Readable<import("./room.js").Room<any> | null>} room */
export const useTasks = (room) => distinct(room, tasks);

/**
 * Return a store with the last change of the connection's state.
 *
 * @returns {Readable<ConnectionState>}
 */
export function useConnection() {
  const client = useRealtime();
  /** @type {ConnectionState} */
  const first = { state: client.state };
  return readable(first, (set) => {
    set({ state: client.state });
    return client.on("state", set);
  });
}

/**
 * Return a store that is set only when the value changes: Svelte treats each object as new.
 *
 * @template {RoomKind} Kind
 * @template Value
 * @param {Readable<import("./room.js").Room<Kind> | null>} room
 * @param {(room: import("./room.js").Room<Kind> | null) => Value} read
 * @returns {Readable<Value>}
 */
function distinct(room, read) {
  /** @type {unknown} */
  let last = NaN;
  return derived(room, (joined, set) => {
    const value = read(joined);
    if (value !== last) {
      set((last = value));
    }
  }, read(null));
}
