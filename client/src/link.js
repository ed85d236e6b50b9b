import { backoff } from "./backoff.js";
import { instruction } from "./close-codes.js";
import { Connection } from "./connection.js";
import { RealtimeError } from "./errors.js";

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
 * @property {number} [retryAt] when the next attempt is made, in milliseconds since 1970
 *
 * @typedef {string | ((request: { reason?: string }) => MaybeToken | Promise<MaybeToken>)} Token
 * @typedef {string | null} MaybeToken
 *
 * @typedef {object} Settings
 * @property {new (url: string) => import("./connection.js").Socket} WebSocket
 * @property {Token} token
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
export class Link {
  #url;
  #settings;
  #handlers;
  /** @type {State} */
  #state = "offline";
  /** @type {Connection | null} */
  #connection = null;
  /** Identifies the attempt under way: the token of one that was given up may still come. */
  #attempt = {};
  #isRunning = false;
  /** Failures since a connection lasted. */
  #failures = 0;
  #onlineSince = Infinity;
  /** @type {string | undefined} why the last token was refused */
  #refusal;
  /** @type {unknown} */
  #timer;

  /**
   * @param {URL} url
   * @param {Settings & import("./connection.js").Limits} settings
   * @param {Handlers} handlers
   */
  constructor(url, settings, handlers) {
    this.#url = url;
    this.#settings = settings;
    this.#handlers = handlers;
  }

  get state() {
    return this.#state;
  }

  /** The connection, if commands can be sent on it. */
  get connection() {
    return this.#connection?.isOpen ? this.#connection : null;
  }

  /** Connect, unless that is under way or done. */
  start() {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#failures = 0;
      void this.#try();
    }
  }

  /** Something happened around us: find out now whether there is a connection. */
  check() {
    this.retryNow();
    this.#connection?.probe();
  }

  /** Make the attempt that is waited for now. */
  retryNow() {
    if (this.#isRunning && this.#state === "offline") {
      void this.#try();
    }
  }

  /** Disconnect until `start`, as nobody needs the connection. */
  rest() {
    if (this.#isRunning) {
      this.#halt();
      this.#setState({ state: "offline", reason: "IDLE" });
    }
  }

  /**
   * Disconnect, and do not come back.
   *
   * @param {{ code?: number, reason: string }} why
   */
  stop({ code, reason }) {
    this.#halt();
    this.#setState({ state: "stopped", code, reason });
  }

  /** Give the connection a fresh token. If that fails, the server ends it and a new one begins. */
  async renewToken() {
    const connection = this.connection;
    if (typeof this.#settings.token === "string") {
      return;
    }
    const token = await this.#fetchToken("TOKEN_EXPIRING");
    if (token && connection?.isOpen) {
      connection.request("authenticate", { token }, (reply) => {
        if (!reply.ok) {
          this.#handlers.onError(reply.error);
        }
      });
    }
  }

  // --- attempts

  /** Never rejects. */
  async #try() {
    const attempt = (this.#attempt = {});
    this.#settings.timers.clear(this.#timer);
    this.#setState({ state: "connecting" });
    const token = await this.#fetchToken(this.#refusal);
    if (attempt !== this.#attempt) {
      return;
    }
    if (token === undefined) {
      this.#wait({ reason: "TOKEN_UNAVAILABLE" });
    } else if (token) {
      this.#open(token);
    } else {
      this.stop({ reason: "TOKEN_MISSING" });
    }
  }

  /**
   * Return a token; "" or null if nobody is signed in, undefined if none could be had for now.
   *
   * @param {string | undefined} reason
   * @returns {Promise<string | null | undefined>}
   */
  async #fetchToken(reason) {
    const { token, timers, connectTimeout } = this.#settings;
    /** @type {unknown} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = timers.set(() => reject(new Error("No token came in time")), connectTimeout);
    });
    try {
      const fetched = typeof token === "string" ? token : token(reason ? { reason } : {});
      return (await Promise.race([fetched, /** @type {Promise<never>} */ (late)])) ?? null;
    } catch (cause) {
      const error = new RealtimeError("TOKEN_UNAVAILABLE", "A token could not be had", { cause });
      this.#handlers.onError(error);
      return undefined;
    } finally {
      timers.clear(timer);
    }
  }

  /** @param {string} token */
  #open(token) {
    const { WebSocket, timers } = this.#settings;
    const { onOpen, onMessage, onWritable } = this.#handlers;
    const url = new URL(this.#url);
    url.searchParams.set("token", token);
    let socket;
    try {
      socket = new WebSocket(url.href);
    } catch (cause) {
      // A browser forbids some: ws: in a page that came over https:, for one.
      const message = "The browser refused to connect";
      this.#handlers.onError(new RealtimeError("CONNECTION_FAILED", message, { cause }));
      this.#wait({ reason: "CONNECTION_FAILED" });
      return;
    }
    const connection = new Connection(socket, {
      timers,
      limits: this.#settings,
      handlers: {
        onOpen: () => onOpen(connection),
        onReady: () => this.#ready(),
        onMessage,
        onWritable,
        onEnd: (end) => this.#lost(end),
      },
    });
    this.#connection = connection;
  }

  #ready() {
    this.#refusal = undefined;
    this.#onlineSince = this.#settings.timers.now();
    this.#setState({ state: "online" });
  }

  /** @param {import("./connection.js").End} end */
  #lost(end) {
    const { timers, stableAfter, token } = this.#settings;
    if (timers.now() - this.#onlineSince >= stableAfter) {
      this.#failures = 0;
    }
    this.#drop();
    const order = instruction(end.code);
    const isRefused = order === "token";
    // A token that is always the same would be refused again.
    if (order === "stop" || (isRefused && typeof token === "string")) {
      this.stop(end);
      return;
    }
    this.#refusal = isRefused ? end.reason : undefined;
    if (isRefused && this.#failures === 0) {
      this.#failures = 1;
      void this.#try();
    } else {
      this.#wait(end);
    }
  }

  /** @param {{ code?: number, reason: string, retryAfter?: number }} why */
  #wait({ code, reason, retryAfter = 0 }) {
    const { timers, random } = this.#settings;
    const delay = Math.max(backoff(this.#failures, random), retryAfter * 1000);
    this.#failures += 1;
    this.#timer = timers.set(() => void this.#try(), delay);
    this.#setState({ state: "offline", code, reason, retryAt: timers.now() + delay });
  }

  // --- ends

  #halt() {
    this.#isRunning = false;
    this.#attempt = {};
    this.#settings.timers.clear(this.#timer);
    this.#drop();
  }

  #drop() {
    this.#onlineSince = Infinity;
    if (this.#connection) {
      this.#connection.close();
      this.#connection = null;
      this.#handlers.onDown();
    }
  }

  /** @param {StateChange} change */
  #setState(change) {
    this.#state = change.state;
    this.#handlers.onState(change);
  }
}
