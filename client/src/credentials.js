import { RealtimeError } from "./errors.js";

/**
 * @typedef {string | ((request: { reason?: string }) => string | null | Promise<string | null>)} Token
 *
 * @typedef {"subprotocol" | "query" | "ticket"} Credential the place of a token in the handshake
 *
 * A site's own pages need no token if the server accepts the session's cookie: then `Token` is null.
 */

/** Get tokens from the application, each within a time limit. */
export class TokenSource {
  #token;
  #options;
  /** @type {Set<() => void>} functions that give up each pending `fetch` */
  #pending = new Set();

  /**
   * @param {Token | null} token null if the browser's session signs in
   * @param {object} options
   * @param {import("./timers.js").Timers} options.timers
   * @param {number} options.timeout milliseconds
   * @param {(error: RealtimeError) => void} options.onError called if there was none
   * @param {(problem: string) => void} options.warn tells a developer what to fix
   */
  constructor(token, options) {
    this.#token = token;
    this.#options = options;
  }

  /** True if it is always the same token. */
  get isFixed() {
    return typeof this.#token === "string";
  }

  /** True if the browser's session signs in, by its cookie. */
  get isSession() {
    return this.#token === null;
  }

  /**
   * Return a token; "" or null if nobody is signed in, undefined if there is none for now.
   * Never rejects.
   *
   * @param {string} [reason] the error code that refused the previous token
   * @returns {Promise<string | null | undefined>}
   */
  fetch(reason) {
    const token = this.#token;
    if (token === null || typeof token === "string") {
      return Promise.resolve(token);
    }
    const { timers, timeout, onError, warn } = this.#options;
    return new Promise((resolve) => {
      /** @param {string | null} [fetched] */
      const done = (fetched) => {
        timers.clear(timer);
        this.#pending.delete(giveUp);
        resolve(fetched);
      };
      const giveUp = () => done();
      /** @param {unknown} cause */
      const failed = (cause) => {
        // A failure after the end of the wait is of no interest.
        if (this.#pending.has(giveUp)) {
          done();
          onError(new RealtimeError("TOKEN_UNAVAILABLE", "There is no token for now", { cause }));
        }
      };
      const timer = timers.set(() => failed(new Error("No token came in time")), timeout);
      this.#pending.add(giveUp);
      new Promise((fetched) => fetched(token(reason ? { reason } : {}))).then((fetched = null) => {
        if (fetched === null || typeof fetched === "string") {
          done(fetched);
        } else {
          const message = `\`token\` gave a ${typeof fetched}: a string is needed, or null`;
          warn(message);
          failed(new TypeError(message));
        }
      }, failed);
    });
  }

  /** Stop waiting: each pending `fetch` resolves with undefined. */
  cancel() {
    [...this.#pending].forEach((giveUp) => giveUp());
  }
}

/**
 * Return the arguments of `new WebSocket` that present a token; null if it cannot be presented.
 *
 * @param {URL} url
 * @param {string | null} token null if the browser's session signs in
 * @param {Credential} credential
 * @returns {[url: string, protocols?: string[]] | null}
 */
export function handshake(url, token, credential) {
  if (token === null) {
    return [url.href, ["realtime"]];
  }
  if (credential === "subprotocol") {
    // A URL ends up in logs and histories. RFC 7230 limits the characters of a subprotocol.
    const isToken = /^[\w!#$%&'*+.^`|~-]+$/.test(token);
    return isToken ? [url.href, ["realtime", `token.${token}`]] : null;
  }
  const complete = new URL(url);
  complete.searchParams.set(credential === "ticket" ? "ticket" : "token", token);
  return [complete.href];
}
