export type AnyRoom = import("./protocol.js").AnyRoom;
export type ConnectionState = import("./bindings.js").ConnectionState;
export type RoomKind = import("./protocol.js").RoomKind;
export type Readable<Value> = import("svelte/store").Readable<Value>;
/**
 * Provide the client to this component and those below.
 *
 * @param {import("./realtime.js").Realtime} client
 */
export declare const setRealtime: (client: import("./realtime.js").Realtime) => undefined;
/**
 * Return the client of the component or of one above it.
 *
 * @returns {import("./realtime.js").Realtime}
 */
export declare function useRealtime(): import("./realtime.js").Realtime;
/**
 * Return a store with a room, which is joined while the store has subscribers; null on a server.
 * Subscribers hear of each change of the room.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("./protocol.js").KeyOf<Kind>} key
 * @returns {Readable<import("./room.js").Room<Kind> | null>}
 */
export declare function useRoom<Kind extends RoomKind = AnyRoom>(kind: import("./protocol.js").KindName<Kind>, key: import("./protocol.js").KeyOf<Kind>): Readable<import("./room.js").Room<Kind> | null>;
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
export declare function useRoomState<Kind extends RoomKind, Value = Readonly<Kind["state"]>>(room: Readable<import("./room.js").Room<Kind> | null>, select?: (state: Readonly<Kind["state"]>) => Value): Readable<Value | undefined>;
/**
 * @template {RoomKind} Kind
 * @param {Readable<import("./room.js").Room<Kind> | null>} room
 * @returns {Readable<readonly import("./protocol.js").Member<Kind>[]>}
 */
export declare const useMembers: <Kind extends RoomKind>(room: Readable<import("./room.js").Room<Kind> | null>) => Readable<readonly import("./protocol.js").Member<Kind>[]>;
/** @param {Readable<import("./room.js").Room<any> | null>} room */
export declare const useTasks: (room: Readable<import("./room.js").Room<any> | null>) => import("svelte/store").Readable<readonly import("./protocol.js").Task[]>;
/**
 * Return a store with the last change of the connection's state.
 *
 * @returns {Readable<ConnectionState>}
 */
export declare function useConnection(): Readable<ConnectionState>;
