export type Options = {
    roomId: import("./room-id.js").RoomId;
    timers: import("./timers.js").Timers;
    random: () => number;
    /**
     * returns the position from which to replay
     */
    since: () => number | undefined;
    onJoined: (ack: import("./protocol.js").JoinAck) => void;
    /**
     * the room is not joined, and will be tried again
     */
    onDelayed: () => void;
    /**
     * for good
     */
    onRefused: (error: import("./errors.js").RealtimeError) => void;
};
/**
 * @typedef {object} Options
 * @property {import("./room-id.js").RoomId} roomId
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {() => number | undefined} since returns the position from which to replay
 * @property {(ack: import("./protocol.js").JoinAck) => void} onJoined
 * @property {() => void} onDelayed the room is not joined, and will be tried again
 * @property {(error: import("./errors.js").RealtimeError) => void} onRefused for good
 */
/** Join a room on each connection, and try again where that may help. */
export declare class JoinLoop {
    #private;
    /** @param {Options} options */
    constructor(options: Options);
    /** @param {import("./connection.js").Connection} connection */
    open(connection: import("./connection.js").Connection): void;
    /** The connection is lost, or no longer needed. */
    close(): void;
    /** Join, or join anew. */
    join(): void;
}
