import { RealtimeError } from "./errors.js";
export type RoomEvents<Kind extends import("./protocol.js").RoomKind> = {
    [Type in keyof import("./protocol.js").RoomPayloads<Kind> & string]: [
        payload: import("./protocol.js").RoomPayloads<Kind>[Type],
        message: import("./protocol.js").Envelope<Kind, Type>
    ];
} & {
    change: [];
    snapshot: [state: Kind["state"]];
};
export type Snapshot<Kind extends import("./protocol.js").RoomKind> = {
    type: "snapshot";
    payload: Kind["state"];
    seq: number;
};
/**
 * Show one join of a room, made by `Realtime.join`. All joins of a client share the room's state;
 * each has listeners of its own, and is left by itself.
 *
 * Its properties hold frozen values that are replaced and never changed, so compare them by identity.
 *
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 */
export declare class Room<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> {
    #private;
    /**
     * The kind of the room, such as `project`.
     *
     * @returns {import("./protocol.js").KindName<Kind>}
     */
    get kind(): import("./protocol.js").KindName<Kind>;
    /**
     * The key of the room's object.
     *
     * @returns {import("./protocol.js").KeyOf<Kind>}
     */
    get key(): import("./protocol.js").KeyOf<Kind>;
    /**
     * Resolves with the room when it is joined for the first time; rejects with a RealtimeError if it
     * cannot be, such as PROJECT_NOT_FOUND of a `project`.
     */
    get ready(): Promise<this>;
    /**
     * The state, with own updates that are not confirmed yet; null before the first join.
     *
     * @returns {Readonly<Kind["state"]> | null}
     */
    get state(): Readonly<Kind["state"]> | null;
    /**
     * The users who are here, oneself too; while not `joined`, as last known. It has only some of very
     * many: see `memberCount`.
     *
     * @returns {readonly import("./protocol.js").Member<Kind>[]}
     */
    get members(): readonly import("./protocol.js").Member<Kind>[];
    /** The number of users who are here, oneself too. */
    get memberCount(): number;
    /** The tasks that are queued or running. */
    get tasks(): readonly import("./protocol.js").Task[];
    /**
     * The own role in the room, such as `editor`; null before the first join.
     *
     * @returns {import("./protocol.js").RoleOf<Kind> | null}
     */
    get role(): import("./protocol.js").RoleOf<Kind> | null;
    /** The own user id; null before the first join. */
    get me(): import("./protocol.js").UserId | null;
    /** The position of the last durable event in `state`, for `baseSeq`. */
    get seq(): number;
    /** True while events come; otherwise the room shows its last known state. */
    get joined(): boolean;
    /** Updates that wait for their answer. */
    get pending(): number;
    /** The reason why the room has ended, or null. It does not come back: `join` makes a new one. */
    get ended(): RealtimeError | null;
    /**
     * Listen to an event.
     *
     * @template {keyof RoomEvents<Kind> & string} Name
     * @param {Name} name
     * @param {(...values: RoomEvents<Kind>[Name]) => void} listener called when `state` includes the event
     * @param {import("./emitter.js").ListenOptions} [options]
     * @returns {() => void} stops listening
     */
    on<Name extends keyof RoomEvents<Kind> & string>(name: Name, listener: (...values: RoomEvents<Kind>[Name]) => void, options?: import("./emitter.js").ListenOptions): () => void;
    /**
     * Iterate over the messages from now on, `snapshot` among them, until the room is left or the
     * client closed.
     *
     * @returns {AsyncGenerator<import("./protocol.js").RoomMessage<Kind> | Snapshot<Kind>, void>}
     * @throws {import("./errors.js").RealtimeError} while iterating: `ended`, or OVERRUN
     */
    [Symbol.asyncIterator](): AsyncGenerator<import("./protocol.js").RoomMessage<Kind> | Snapshot<Kind>, void>;
    /**
     * Change the state; it shows in `state` at once.
     *
     * Resolves when the server has saved it, even after a reconnection; it happens once. Rejects with a
     * RealtimeError if the server refuses it; then `state` is without it.
     *
     * @param {import("./protocol.js").PatchOf<Kind>} data a merge patch: objects are merged, null deletes a key
     * @param {object} [options]
     * @param {number} [options.baseSeq] reject with CONFLICT if anybody else changed something in
     *   `data` after that position; the client's own updates do not count
     * @param {boolean} [options.optimistic] false to show it only once it is confirmed
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     */
    update(data: import("./protocol.js").PatchOf<Kind>, { baseSeq, optimistic }?: {
        baseSeq?: number;
        optimistic?: boolean;
    }): Promise<import("./protocol.js").UpdateAck>;
    /**
     * Send a command that the site has declared for this kind of rooms. What it changes shows when the
     * room is told.
     *
     * Resolves and rejects as `update` does; it happens once, and in the order of the calls.
     *
     * @template {keyof import("./protocol.js").CommandsOf<Kind> & string} Name
     * @param {Name} name such as `move_card`
     * @param {import("./protocol.js").CommandPayload<import("./protocol.js").CommandsOf<Kind>[Name]>} payload
     *   without the key of the room
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     * @throws {TypeError} for a name that is one of the protocol's
     */
    command<Name extends keyof import("./protocol.js").CommandsOf<Kind> & string>(name: Name, ...[payload]: import("./protocol.js").CommandPayload<import("./protocol.js").CommandsOf<Kind>[Name]>): Promise<import("./protocol.js").UpdateAck>;
    /**
     * Send a cursor, a selection or typing to the others now; without a connection, drop it.
     *
     * Signals that come faster than the server takes them replace each other, and the last one is sent.
     * A client that reads slowly gets only the newest of each user. So each signal should say it all.
     *
     * @param {import("./protocol.js").SignalOf<Kind>} data
     * @throws {import("./errors.js").RealtimeError} INVALID_DATA, MESSAGE_TOO_LARGE
     */
    signal(data: import("./protocol.js").SignalOf<Kind>): void;
    /**
     * What the client shows of its user, frozen; null until `setPresence`, or a join with `presence`. That
     * of each user stands in `members`.
     *
     * @returns {Readonly<import("./protocol.js").PresenceOf<Kind>> | null}
     */
    get presence(): Readonly<import("./protocol.js").PresenceOf<Kind>> | null;
    /**
     * Show something of the user for as long as they are in the room: a cursor, a selection, a color.
     *
     * It is merged into `presence`, and null takes a key away. What comes faster than the server takes
     * it is sent together, and the last value always arrives, also at those who join later. The first
     * call asks for the presence of the others, too.
     *
     * @param {import("./protocol.js").DeepPartial<import("./protocol.js").PresenceOf<Kind>>} patch
     * @throws {import("./errors.js").RealtimeError} INVALID_DATA, MESSAGE_TOO_LARGE
     */
    setPresence(patch: import("./protocol.js").DeepPartial<import("./protocol.js").PresenceOf<Kind>>): void;
    /**
     * Leave. Listeners hear nothing more; earlier updates are still sent.
     *
     * The others see it once every join of the room was left, and none was made for a moment
     * (`leaveDelay`).
     *
     * @returns {Promise<void>} resolves when that is done, or when the room is joined again
     */
    leave(): Promise<void>;
}
