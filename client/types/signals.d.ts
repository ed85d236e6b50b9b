/**
 * Send the signals of a room no faster than the server takes them. One that comes too early waits,
 * and a newer one takes its place, so the last one always arrives while there is a connection.
 */
export declare class SignalSender {
    #private;
    /**
     * @param {object} options
     * @param {import("./room-id.js").RoomId} options.roomId
     * @param {import("./timers.js").Timers} options.timers
     * @param {() => number} options.random
     * @param {(error: import("./errors.js").RealtimeError) => void} options.onError told why a signal
     *   was refused for good
     */
    constructor({ roomId, timers, random, onError }: {
        roomId: import("./room-id.js").RoomId;
        timers: import("./timers.js").Timers;
        random: () => number;
        onError: (error: import("./errors.js").RealtimeError) => void;
    });
    /** @param {import("./merge.js").Json} data */
    add(data: import("./merge.js").Json): void;
    /** Send what waits, if it may be sent now. */
    pump(): void;
    /**
     * The room is joined.
     *
     * @param {import("./connection.js").Connection} connection
     */
    open(connection: import("./connection.js").Connection): void;
    /** The room is not joined any more. What waits is dropped: a signal is for now. */
    close(): void;
}
