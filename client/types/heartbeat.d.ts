/**
 * Find out that the other side is gone; a socket may take many minutes to tell.
 *
 * After a time of silence it asks for a sign of life. Any frame is one.
 */
export declare class Heartbeat {
    #private;
    /**
     * @param {object} options
     * @param {import("./timers.js").Timers} options.timers
     * @param {number} options.pingInterval milliseconds of silence before it asks
     * @param {number} options.pongTimeout milliseconds for the answer
     * @param {() => void} options.ping asks
     * @param {() => void} options.onDead called where no answer came
     */
    constructor(options: {
        timers: import("./timers.js").Timers;
        pingInterval: number;
        pongTimeout: number;
        ping: () => void;
        onDead: () => void;
    });
    start(): void;
    stop(): void;
    /** A frame came. It is only noted: to set a timer anew for each would cost more. */
    heard(): void;
    /** Ask at once. */
    probe(): void;
}
