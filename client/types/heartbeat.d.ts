/**
 * Detect that the server is gone; a socket may take many minutes to tell.
 *
 * After a time of silence it pings. Any frame proves that the server is there.
 */
export declare class Heartbeat {
    #private;
    /**
     * @param {object} options
     * @param {import("./timers.js").Timers} options.timers
     * @param {number} options.pingInterval milliseconds of silence before it pings
     * @param {number} options.pongTimeout milliseconds for the answer
     * @param {() => void} options.ping sends the ping
     * @param {() => void} options.onDead called if no answer came
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
    /** Note a frame. Setting a timer anew for each frame would cost more. */
    heard(): void;
    /** Ping at once. */
    probe(): void;
}
