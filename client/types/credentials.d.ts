import { RealtimeError } from "./errors.js";
export type Token = string | ((request: {
    reason?: string;
}) => string | null | Promise<string | null>);
export type Credential = "subprotocol" | "query" | "ticket";
/**
 * @typedef {string | ((request: { reason?: string }) => string | null | Promise<string | null>)} Token
 *
 * @typedef {"subprotocol" | "query" | "ticket"} Credential the place of a token in the handshake
 *
 * A site's own pages need no token if the server accepts the session's cookie: then `Token` is null.
 */
/** Get tokens from the application, each within a time limit. */
export declare class TokenSource {
    #private;
    /**
     * @param {Token | null} token null if the browser's session signs in
     * @param {object} options
     * @param {import("./timers.js").Timers} options.timers
     * @param {number} options.timeout milliseconds
     * @param {(error: RealtimeError) => void} options.onError called if there was none
     * @param {(problem: string) => void} options.warn tells a developer what to fix
     */
    constructor(token: Token | null, options: {
        timers: import("./timers.js").Timers;
        timeout: number;
        onError: (error: RealtimeError) => void;
        warn: (problem: string) => void;
    });
    /** True if it is always the same token. */
    get isFixed(): boolean;
    /** True if the browser's session signs in, by its cookie. */
    get isSession(): boolean;
    /**
     * Return a token; "" or null if nobody is signed in, undefined if there is none for now.
     * Never rejects.
     *
     * @param {string} [reason] the error code that refused the previous token
     * @returns {Promise<string | null | undefined>}
     */
    fetch(reason?: string): Promise<string | null | undefined>;
    /** Stop waiting: each pending `fetch` resolves with undefined. */
    cancel(): void;
}
/**
 * Return the arguments of `new WebSocket` that present a token; null if it cannot be presented.
 *
 * @param {URL} url
 * @param {string | null} token null if the browser's session signs in
 * @param {Credential} credential
 * @returns {[url: string, protocols?: string[]] | null}
 */
export declare function handshake(url: URL, token: string | null, credential: Credential): [url: string, protocols?: string[]] | null;
