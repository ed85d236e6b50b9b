/** Provide composables for Vue: `app.use(realtimePlugin, realtime)`, and in components `useRoom` and others. */
import {
  computed, inject, markRaw, onMounted, onScopeDispose, shallowRef, toValue, triggerRef, watch,
} from "vue";

import { members, status, subscribe, tasks } from "./bindings.js";

/** @typedef {import("./protocol.js").AnyRoom} AnyRoom */
/** @typedef {import("./bindings.js").ConnectionState} ConnectionState */
/** @typedef {import("./protocol.js").RoomKind} RoomKind */

/**
 * @template {RoomKind} Kind
 * @typedef {import("vue").MaybeRefOrGetter<import("./room.js").Room<Kind> | null>} MaybeRoom
 */

/** @type {import("vue").InjectionKey<import("./realtime.js").Realtime>} */
const CLIENT = Symbol("realtime");

/** @type {import("vue").ObjectPlugin<import("./realtime.js").Realtime>} */
export const realtimePlugin = { install: (app, client) => void app.provide(CLIENT, client) };

/** Return the client of the plugin. */
export function useRealtime() {
  const client = inject(CLIENT, null);
  if (!client) {
    throw new Error("A component uses a room, and there was no app.use(realtimePlugin, client)");
  }
  return client;
}

/**
 * Join a room while the component is mounted; return null before that, as on a server. Components
 * that join the same room share it. The ref is triggered when `joined`, `role` or `ended` changes.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("vue").MaybeRefOrGetter<import("./protocol.js").KeyOf<Kind> | null>} key null for no room
 * @returns {import("vue").ShallowRef<import("./room.js").Room<Kind> | null>}
 */
export function useRoom(kind, key) {
  const client = useRealtime();
  const found = shallowRef(/** @type {import("./room.js").Room<any> | null} */ (null));
  onMounted(() =>
    watch(
      () => toValue(key),
      (wanted, _, onCleanup) => {
        const room = wanted === null ? null : client.join(/** @type {any} */ (kind), wanted);
        // A proxy of the room could not read its private fields.
        found.value = room && markRaw(/** @type {import("./room.js").Room<any>} */ (room));
        onCleanup(() => void room?.leave());
      },
      { immediate: true },
    ),
  );
  const known = useValue(found, status);
  watch(known, () => triggerRef(found));
  return found;
}

/**
 * Return the state of a room, or the part that `select` returns; undefined before the first join.
 *
 * @template {RoomKind} Kind
 * @template [Value=Readonly<Kind["state"]>]
 * @param {MaybeRoom<Kind>} room
 * @param {(state: Readonly<Kind["state"]>) => Value} [select]
 */
export function useRoomState(room, select = (state) => /** @type {any} */ (state)) {
  const state = useValue(room, (joined) => joined?.state ?? null);
  return computed(() => (state.value ? select(state.value) : undefined));
}

/**
 * @template {RoomKind} Kind
 * @param {MaybeRoom<Kind>} room
 * @returns {import("vue").ShallowRef<readonly import("./protocol.js").Member<Kind>[]>}
 */
export const useMembers = (room) => useValue(room, members);

/** @param {MaybeRoom<any>} room */
export const useTasks = (room) => useValue(room, tasks);

/**
 * Return the last change of the connection's state.
 *
 * @returns {import("vue").ShallowRef<ConnectionState>}
 */
export function useConnection() {
  const client = useRealtime();
  const change = shallowRef(/** @type {ConnectionState} */ ({ state: client.state }));
  onScopeDispose(client.on("state", (next) => (change.value = next)));
  return change;
}

/**
 * @template Value
 * @param {MaybeRoom<any>} source
 * @param {(room: import("./room.js").Room<any> | null) => Value} read
 */
function useValue(source, read) {
  const value = shallowRef(read(toValue(source)));
  const follow = (/** @type {import("./room.js").Room<any> | null} */ room) => {
    const update = () => void (value.value = read(room));
    update();
    return subscribe(room, update);
  };
  watch(() => toValue(source), (room, _, onCleanup) => onCleanup(follow(room)), { immediate: true });
  return value;
}
