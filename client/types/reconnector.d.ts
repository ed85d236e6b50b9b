import { Connection } from "./connection.js";
import { RealtimeError } from "./errors.js";
export type State = "connecting" | "online" | "offline" | "stopped";
export type Reason = import("./errors.js").Reason;
export type StateChange = {
    state: "connecting" | "online";
    code?: undefined;
    reason?: undefined;
    retryAt?: undefined;
} | {
    state: "offline";
    code?: number | undefined;
    reason: Reason;
    retryAt?: number;
} | {
    state: "stopped";
    code?: number | undefined;
    reason: Reason;
    retryAt?: undefined;
};
export type SocketClass = new (url: string, protocols?: string[]) => import("./connection.js").Socket;
export type Target = {
    url: URL;
    WebSocket: SocketClass;
};
export type Settings = {
    WebSocket?: SocketClass;
    token: import("./credentials.js").Token | null;
    credential: import("./credentials.js").Credential;
    /**
     * milliseconds
     */
    stableAfter: number;
    timers: import("./timers.js").Timers;
    random: () => number;
    /**
     * tells a developer what to fix
     */
    warn: (problem: string) => void;
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
/** Keep one connection up while it is wanted: attempts, tokens, waits and close codes. */
export declare class Reconnector {
    #private;
    /**
     * @param {Settings & import("./connection.js").Limits} settings
     * @param {Handlers} handlers
     */
    constructor(settings: Settings & import("./connection.js").Limits, handlers: Handlers);
    get state(): State;
    /** The connection, if commands can be sent on it. */
    get connection(): Connection | null;
    /**
     * Connect, unless connected or connecting.
     *
     * @param {Target} target
     */
    start(target: Target): void;
    /** Try now, or probe the connection, as something may have changed. */
    check(): void;
    /** Make the next attempt now. */
    retryNow(): void;
    /** Disconnect until `start`, as nobody needs the connection. */
    rest(): void;
    /**
     * Disconnect, and do not come back.
     *
     * @param {{ code?: number | undefined, reason: Reason }} why
     */
    stop({ code, reason }: {
        code?: number | undefined;
        reason: Reason;
    }): void;
    /** Give the connection a fresh token, and try for as long as it lives. */
    renewToken(): Promise<void>;
}
