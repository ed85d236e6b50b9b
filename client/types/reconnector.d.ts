import { Connection } from "./connection.js";
import { RealtimeError } from "./errors.js";
export type State = "connecting" | "online" | "offline" | "stopped";
export type StateChange = {
    state: State;
    /**
     * of the close that led here, where there was one
     */
    code?: number;
    /**
     * an error code of the protocol, or one of the client's own
     */
    reason?: string;
    /**
     * when the next attempt is made, in milliseconds as performance.now()
     * counts them
     */
    retryAt?: number;
};
export type SocketClass = new (url: string, protocols?: string[]) => import("./connection.js").Socket;
export type Settings = {
    WebSocket: SocketClass;
    token: import("./credentials.js").Token;
    credential: import("./credentials.js").Credential;
    /**
     * milliseconds
     */
    stableAfter: number;
    timers: import("./timers.js").Timers;
    random: () => number;
};
export type Handlers = {
    onOpen: (connection: Connection) => void;
    onMessage: (message: import("./protocol.js").Message) => void;
    onWritable: () => void;
    /**
     * the connection is gone
     */
    onDown: () => void;
    onState: (change: StateChange) => void;
    onError: (error: RealtimeError) => void;
};
/**
 * - `connecting`: an attempt is under way
 * - `online`: the server answers
 * - `offline`: not started, resting, or waiting for the next attempt
 * - `stopped`: by `close`, or by a server that wants no reconnection
 *
 * @typedef {"connecting" | "online" | "offline" | "stopped"} State
 *
 * @typedef {object} StateChange
 * @property {State} state
 * @property {number} [code] of the close that led here, where there was one
 * @property {string} [reason] an error code of the protocol, or one of the client's own
 * @property {number} [retryAt] when the next attempt is made, in milliseconds as performance.now()
 *   counts them
 *
 * @typedef {new (url: string, protocols?: string[]) => import("./connection.js").Socket} SocketClass
 *
 * @typedef {object} Settings
 * @property {SocketClass} WebSocket
 * @property {import("./credentials.js").Token} token
 * @property {import("./credentials.js").Credential} credential
 * @property {number} stableAfter milliseconds
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 *
 * @typedef {object} Handlers
 * @property {(connection: Connection) => void} onOpen
 * @property {(message: import("./protocol.js").Message) => void} onMessage
 * @property {() => void} onWritable
 * @property {() => void} onDown the connection is gone
 * @property {(change: StateChange) => void} onState
 * @property {(error: RealtimeError) => void} onError
 */
/** Keeps one connection up for as long as it is wanted: attempts, tokens, waits and close codes. */
export declare class Reconnector {
    #private;
    /**
     * @param {URL} url
     * @param {Settings & import("./connection.js").Limits} settings
     * @param {Handlers} handlers
     */
    constructor(url: URL, settings: Settings & import("./connection.js").Limits, handlers: Handlers);
    get state(): State;
    /** The connection, if commands can be sent on it. */
    get connection(): Connection | null;
    /** Connect, unless that is under way or done. */
    start(): void;
    /** Something happened around us: find out now whether there is a connection. */
    check(): void;
    /** Make the attempt that is waited for now. */
    retryNow(): void;
    /** Disconnect until `start`, as nobody needs the connection. */
    rest(): void;
    /**
     * Disconnect, and do not come back.
     *
     * @param {{ code?: number, reason: string }} why
     */
    stop({ code, reason }: {
        code?: number;
        reason: string;
    }): void;
    /** Give the connection a fresh token; try for as long as the connection lives. */
    renewToken(): Promise<void>;
}
