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
 * One join of a room, made by `Realtime.join`. All joins of a client share the room's
 * state; each has listeners of its own, and is left by itself.
 *
 * Its properties hold frozen values that are replaced and never changed: to compare, compare
 * identities.
 *
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 */
export declare class Room<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> {
    #private;
    /** The kind of the room, such as `project`. */
    get kind(): string;
    /** The key of the room's object. */
    get key(): import("./room-id.js").RoomKey;
    /**
     * Resolves with the room when it is joined for the first time; rejects with a RealtimeError if
     * that cannot be, as with PROJECT_NOT_FOUND of a `project`.
     */
    get ready(): Promise<this>;
    /**
     * The state, with the own updates that are not confirmed yet; null before the first join.
     *
     * @returns {Readonly<Kind["state"]> | null}
     */
    get state(): Readonly<Kind["state"]> | null;
    /**
     * The users who are here, oneself too; while not `joined`, as last known. Of very many only some:
     * see `memberCount`.
     */
    get members(): readonly import("./protocol.js").Member[];
    /** How many users are here, oneself too. */
    get memberCount(): number;
    /** The tasks that are queued or running. */
    get tasks(): readonly import("./protocol.js").Task[];
    /** The own role in the room, such as `editor`; null before the first join. */
    get role(): string | null;
    /** The own user id; null until the room has told it, just after a join. */
    get me(): import("./protocol.js").UserId | null;
    /** The last durable event that is part of `state`: what `baseSeq` takes. */
    get seq(): number;
    /** True while events come; while not, the room shows what was last known. */
    get joined(): boolean;
    /** Updates that wait for their answer. */
    get pending(): number;
    /** Why the room has ended, or null. It does not come back: `join` makes a new one. */
    get ended(): RealtimeError | null;
    /**
     * Listen to an event.
     *
     * @template {keyof RoomEvents<Kind> & string} Name
     * @param {Name} name
     * @param {(...values: RoomEvents<Kind>[Name]) => void} listener called when `state` has it
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
     * Resolves when the server has saved it, be that after a reconnection; it happens once. Rejects
     * with a RealtimeError if the server refuses it, and `state` is without it then.
     *
     * @param {import("./protocol.js").PatchOf<Kind>} data a merge patch: objects are merged, null deletes a key
     * @param {object} [options]
     * @param {number} [options.baseSeq] reject with CONFLICT if anybody else changed what `data`
     *   names after that position; updates of this room do not count
     * @param {boolean} [options.optimistic] false: show it only when it is confirmed
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     */
    update(data: import("./protocol.js").PatchOf<Kind>, { baseSeq, optimistic }?: {
        baseSeq?: number;
        optimistic?: boolean;
    }): Promise<import("./protocol.js").UpdateAck>;
    /**
     * Show something to the others now, or without a connection never: a cursor, a selection, typing.
     *
     * Signals that come faster than the server takes them replace each other, and the last one is
     * sent. To who reads slowly, too, only the newest of each user comes: put all in one that counts.
     *
     * @param {Record<string, any>} data
     * @throws {import("./errors.js").RealtimeError} INVALID_DATA, MESSAGE_TOO_LARGE
     */
    signal(data: Record<string, any>): void;
    /**
     * Leave. Listeners hear nothing more; updates made before are still sent.
     *
     * The others see it once each of those who joined the room has left it, and nobody has joined it
     * again for a moment (`leaveDelay`).
     *
     * @returns {Promise<void>} resolves when that is done, or somebody else wants the room
     */
    leave(): Promise<void>;
}
