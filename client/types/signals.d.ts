/**
 * Send the signals of a room, or its presence, as fast as the server takes them. An early one waits, and
 * a newer one replaces it, so the last one always arrives while there is a connection.
 */
export declare class SignalSender {
    #private;
    /**
     * @param {"send_signal" | "set_presence"} type
     * @param {object} options
     * @param {import("./room-id.js").RoomId} options.roomId
     * @param {import("./timers.js").Timers} options.timers
     * @param {() => number} options.random
     * @param {(error: import("./errors.js").RealtimeError) => void} options.onError gets the
     *   refusal of a signal that is not sent again
     */
    constructor(type: "send_signal" | "set_presence", { roomId, timers, random, onError }: {
        roomId: import("./room-id.js").RoomId;
        timers: import("./timers.js").Timers;
        random: () => number;
        onError: (error: import("./errors.js").RealtimeError) => void;
    });
    /** @param {import("./merge.js").Json} data */
    add(data: import("./merge.js").Json): void;
    /** Send the signal that waits, if it may be sent now. */
    pump(): void;
    /**
     * Send signals, as the room is joined.
     *
     * @param {import("./connection.js").Connection} connection
     */
    open(connection: import("./connection.js").Connection): void;
    /** Drop the signal that waits, as the room is not joined any more. */
    close(): void;
}
