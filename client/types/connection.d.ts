import { RealtimeError } from "./errors.js";
export type Socket = {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    send: (text: string) => void;
    close: () => void;
};
export type Limits = {
    /**
     * until the server has answered
     */
    connectTimeout: number;
    /**
     * of silence, after which the client pings
     */
    pingInterval: number;
    /**
     * for the answer
     */
    pongTimeout: number;
    /**
     * for the reply to a command
     */
    replyTimeout: number;
};
export type End = {
    /**
     * of the close frame, if there was one
     */
    code?: number;
    /**
     * an error code of the server, or one of the client's own
     */
    reason: string;
    message: string;
    /**
     * seconds
     */
    retryAfter?: number;
    /**
     * the instruction, if no close code has it
     */
    order?: "stop" | "token" | "retry";
    /**
     * true if the server refused one of several updates without its `ref`
     */
    isUnclear?: boolean;
};
export type Handlers = {
    /**
     * commands can be sent
     */
    onOpen: () => void;
    /**
     * the server has answered, so it accepted the token
     */
    onReady: () => void;
    /**
     * called with each message that is no reply
     */
    onMessage: (message: import("./protocol.js").Message) => void;
    /**
     * updates can be sent again
     */
    onWritable: () => void;
    /**
     * it is over; not called after `close`
     */
    onEnd: (end: End) => void;
};
export type Reply = {
    ok: true;
    payload: any;
} | {
    ok: false;
    error: RealtimeError;
};
export type Waiting = {
    type: string;
    onReply: (reply: Reply) => void;
    timer: unknown;
    size: number;
};
/**
 * Keep one socket from its first byte to its last. The next attempt makes a new connection, so no
 * message of an old one is ever mistaken for one of the new.
 */
export declare class Connection {
    #private;
    /**
     * @param {Socket} socket just made
     * @param {object} options
     * @param {import("./timers.js").Timers} options.timers
     * @param {Limits} options.limits
     * @param {Handlers} options.handlers
     * @param {boolean} [options.isCareful] send one command at a time, to learn which is refused
     */
    constructor(socket: Socket, { timers, limits, handlers, isCareful }: {
        timers: import("./timers.js").Timers;
        limits: Limits;
        handlers: Handlers;
        isCareful?: boolean;
    });
    /** True while commands can be sent. */
    get isOpen(): boolean;
    /** True while updates and signals should be sent. */
    get isWritable(): boolean;
    /**
     * Send a command.
     *
     * @param {string} type
     * @param {object} payload
     */
    send(type: string, payload: object): void;
    /**
     * Send a command that wants a reply. If the connection ends first, there is none.
     *
     * @param {string} type
     * @param {object} payload
     * @param {(reply: Reply) => void} onReply
     * @param {{ idempotency_key?: string }} [more] members of the envelope
     */
    request(type: string, payload: object, onReply: (reply: Reply) => void, more?: {
        idempotency_key?: string;
    }): void;
    /**
     * Send no updates for a while.
     *
     * @param {number} delay milliseconds
     */
    hold(delay: number): void;
    /** Ping, to learn whether the server is still there. */
    probe(): void;
    /** Close the socket, and hear nothing of it any more. */
    close(): void;
}
