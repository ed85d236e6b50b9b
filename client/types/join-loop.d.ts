export type Options = {
    roomId: import("./room-id.js").RoomId;
    timers: import("./timers.js").Timers;
    random: () => number;
    /**
     * returns the position from which to replay
     */
    since: () => number | undefined;
    /**
     * returns one if that of the others is asked for
     */
    presence: () => object | undefined;
    onJoined: (ack: import("./protocol.js").JoinAck) => void;
    /**
     * called when a join has failed, and will be tried again
     */
    onDelayed: () => void;
    /**
     * called when a join is
     * refused for good
     */
    onRefused: (error: import("./errors.js").RealtimeError) => void;
};
/**
 * @typedef {object} Options
 * @property {import("./room-id.js").RoomId} roomId
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {() => number | undefined} since returns the position from which to replay
 * @property {() => object | undefined} presence returns one if that of the others is asked for
 * @property {(ack: import("./protocol.js").JoinAck) => void} onJoined
 * @property {() => void} onDelayed called when a join has failed, and will be tried again
 * @property {(error: import("./errors.js").RealtimeError) => void} onRefused called when a join is
 *   refused for good
 */
/** Join a room on each connection, and try again if that may help. */
export declare class JoinLoop {
    #private;
    /** @param {Options} options */
    constructor(options: Options);
    /** @param {import("./connection.js").Connection} connection */
    open(connection: import("./connection.js").Connection): void;
    /** Join no more: the connection is lost, or no longer needed. */
    close(): void;
    /** Join, or join anew. */
    join(): void;
}
