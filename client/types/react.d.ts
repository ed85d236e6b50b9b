export type AnyRoom = import("./protocol.js").AnyRoom;
export type ConnectionState = import("./bindings.js").ConnectionState;
export type RoomKind = import("./protocol.js").RoomKind;
/**
 * Provide the client to the components below.
 *
 * @param {{ client: import("./realtime.js").Realtime, children?: import("react").ReactNode }} properties
 */
export declare function RealtimeProvider({ client, children }: {
    client: import("./realtime.js").Realtime;
    children?: import("react").ReactNode;
}): import("react").FunctionComponentElement<import("react").ProviderProps<import("./realtime.js").Realtime | null>>;
/** Return the client of the provider. */
export declare function useRealtime(): import("./realtime.js").Realtime;
/**
 * Join a room while the component is mounted; return null before that, as on a server. Components
 * that join the same room share it. Render again when `joined`, `role` or `ended` changes.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @param {import("./protocol.js").KindName<Kind>} kind
 * @param {import("./protocol.js").KeyOf<Kind> | null} key null for no room
 * @returns {import("./room.js").Room<Kind> | null}
 */
export declare function useRoom<Kind extends RoomKind = AnyRoom>(kind: import("./protocol.js").KindName<Kind>, key: import("./protocol.js").KeyOf<Kind> | null): import("./room.js").Room<Kind> | null;
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
export declare function useRoomState<Kind extends RoomKind, Value = Readonly<Kind["state"]>>(room: import("./room.js").Room<Kind> | null, select?: (state: Readonly<Kind["state"]>) => Value): Value | undefined;
/**
 * @template {RoomKind} Kind
 * @param {import("./room.js").Room<Kind> | null} room
 * @returns {readonly import("./protocol.js").Member<Kind>[]}
 */
export declare function useMembers<Kind extends RoomKind>(room: import("./room.js").Room<Kind> | null): readonly import("./protocol.js").Member<Kind>[];
/** @param {import("./room.js").Room<any> | null} room */
export declare function useTasks(room: import("./room.js").Room<any> | null): readonly import("./protocol.js").Task[];
/**
 * Show something of the user, and ask for that of the others, which stands in `useMembers`. Returns the
 * own presence, and the function that changes it: see `Room.setPresence`.
 *
 * @template {RoomKind} Kind
 * @param {import("./room.js").Room<Kind> | null} room
 * @returns {[presence: import("./room.js").Room<Kind>["presence"], change: import("./room.js").Room<Kind>["setPresence"]]}
 */
export declare function usePresence<Kind extends RoomKind>(room: import("./room.js").Room<Kind> | null): [presence: import("./room.js").Room<Kind>["presence"], change: import("./room.js").Room<Kind>["setPresence"]];
/**
 * Return the last change of the connection's state.
 *
 * @returns {ConnectionState}
 */
export declare function useConnection(): ConnectionState;
