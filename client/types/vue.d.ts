export type AnyRoom = import("./protocol.js").AnyRoom;
export type ConnectionState = import("./bindings.js").ConnectionState;
export type RoomKind = import("./protocol.js").RoomKind;
export type MaybeRoom<Kind extends RoomKind> = import("vue").MaybeRefOrGetter<import("./room.js").Room<Kind> | null>;
/** @type {import("vue").ObjectPlugin<import("./realtime.js").Realtime>} */
export declare const realtimePlugin: import("vue").ObjectPlugin<import("./realtime.js").Realtime>;
/** Return the client of the plugin. */
export declare function useRealtime(): import("./realtime.js").Realtime;
/**
 * Join a room while the component is mounted; return null before that, as on a server. Components
 * that join the same room share it. The ref is triggered when `joined`, `role` or `ended` changes.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("vue").MaybeRefOrGetter<import("./protocol.js").KeyOf<Kind> | null>} key null for no room
 * @returns {import("vue").ShallowRef<import("./room.js").Room<Kind> | null>}
 */
export declare function useRoom<Kind extends RoomKind = AnyRoom>(kind: import("./protocol.js").KindName<Kind>, key: import("vue").MaybeRefOrGetter<import("./protocol.js").KeyOf<Kind> | null>): import("vue").ShallowRef<import("./room.js").Room<Kind> | null>;
/**
 * Return the state of a room, or the part that `select` returns; undefined before the first join.
 *
 * @template {RoomKind} Kind
 * @template [Value=Readonly<Kind["state"]>]
 * @param {MaybeRoom<Kind>} room
 * @param {(state: Readonly<Kind["state"]>) => Value} [select]
 */
export declare function useRoomState<Kind extends RoomKind, Value = Readonly<Kind["state"]>>(room: MaybeRoom<Kind>, select?: (state: Readonly<Kind["state"]>) => Value): import("vue").ComputedRef<Value | undefined>;
/**
 * @template {RoomKind} Kind
 * @param {MaybeRoom<Kind>} room
 * @returns {import("vue").ShallowRef<readonly import("./protocol.js").Member<Kind>[]>}
 */
export declare const useMembers: <Kind extends RoomKind>(room: MaybeRoom<Kind>) => import("vue").ShallowRef<readonly import("./protocol.js").Member<Kind>[]>;
/** @param {MaybeRoom<any>} room */
export declare const useTasks: (room: MaybeRoom<any>) => import("vue").ShallowRef<readonly import("./protocol.js").Task[], readonly import("./protocol.js").Task[]>;
/**
 * Return the last change of the connection's state.
 *
 * @returns {import("vue").ShallowRef<ConnectionState>}
 */
export declare function useConnection(): import("vue").ShallowRef<ConnectionState>;
