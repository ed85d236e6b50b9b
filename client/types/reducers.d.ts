/** Reduce a room's messages to its view, by pure functions. */
export type View = {
    /**
     * the last durable event that is part of it
     */
    seq: number;
    state: import("./merge.js").Json;
    members: readonly import("./protocol.js").Member[];
    /**
     * the number of users here; `members` has only some of very many
     */
    memberCount: number;
    /**
     * queued or running ones
     */
    tasks: readonly import("./protocol.js").Task[];
    /**
     * the tasks that ended last: late progress does not revive them
     */
    ended: readonly string[];
    /**
     * the client's own user id
     */
    me: import("./protocol.js").UserId;
    /**
     * the role at position `joinSeq`
     */
    joinRole: string;
    joinSeq: number;
    /**
     * roles that changed after that, by user
     */
    roles: Readonly<Record<import("./protocol.js").UserId, string | null>>;
};
/**
 * Return the view after a join was acknowledged.
 *
 * @param {View | null} view the view before; null at the first join
 * @param {import("./protocol.js").JoinAck} ack
 * @returns {View}
 */
export declare function join(view: View | null, ack: import("./protocol.js").JoinAck): View;
/**
 * Return the own role in the room.
 *
 * @param {View} view
 * @returns {string | null}
 */
export declare function role({ me, roles, joinRole }: View): string | null;
/**
 * Return the view after a message of the room. A durable event must be the next one.
 *
 * @param {View} view
 * @param {import("./protocol.js").RoomMessage} message
 * @param {import("./room-id.js").RoomId} roomId
 * @returns {View}
 */
export declare function reduce(view: View, message: import("./protocol.js").RoomMessage, roomId: import("./room-id.js").RoomId): View;
