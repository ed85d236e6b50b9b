import { backoff } from "./backoff.js";
import { instruction } from "./close-codes.js";
import { Connection } from "./connection.js";
import { handshake, TokenSource } from "./credentials.js";
import { PASSING, RealtimeError } from "./errors.js";

/**
 * - `connecting`: an attempt is under way
 * - `online`: the server answers
 * - `offline`: not started, resting, or waiting for the next attempt
 * - `stopped`: by `close`, or by a server that forbids a reconnection
 *
 * @typedef {"connecting" | "online" | "offline" | "stopped"} State
 *
 * - `code`: of the close that led here, if there was one
 * - `retryAt`: the time of the next attempt, by performance.now()
 *
 * @typedef {import("./errors.js").Reason} Reason
 * @typedef {{ state: "connecting" | "online", code?: undefined, reason?: undefined, retryAt?: undefined }
 *   | { state: "offline", code?: number | undefined, reason: Reason, retryAt?: number }
 *   | { state: "stopped", code?: number | undefined, reason: Reason, retryAt?: undefined }} StateChange
 *
 * @typedef {new (url: string, protocols?: string[]) => import("./connection.js").Socket} SocketClass
 *
 * @typedef {{ url: URL, WebSocket: SocketClass }} Target
 *
 * @typedef {object} Settings
 * @property {SocketClass} [WebSocket]
 * @property {import("./credentials.js").Token | null} token
 * @property {import("./credentials.js").Credential} credential
 * @property {number} stableAfter milliseconds
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {(problem: string) => void} warn tells a developer what to fix
 *
 * @typedef {object} Handlers
 * @property {(connection: Connection) => void} onOpen
 * @property {(message: import("./protocol.js").Message) => void} onMessage
 * @property {() => void} onWritable
 * @property {() => void} onDown the connection is gone
 * @property {(change: StateChange) => void} onState
 * @property {(error: RealtimeError) => void} onError
 */

/** Milliseconds for which further attempts reuse a token that no server has answered to. */
const TOKEN_KEPT = 60_000;

/** Keep one connection up while it is wanted: attempts, tokens, waits and close codes. */
export class Reconnector {
  #settings;
  #handlers;
  #tokens;
  /** @type {Target | undefined} */
  #target;
  /** @type {State} */
  #state = "offline";
  /** @type {Connection | null} */
  #connection = null;
  /** Identity of the present attempt: the token of an earlier one may still come. */
  #attempt = {};
  #isRunning = false;
  /** Failures since a connection lasted. */
  #failures = 0;
  #onlineSince = Infinity;
  /** @type {string | undefined} the error code that refused the last token */
  #refusal;
  /** @type {{ token: string, until: number, isReused: boolean } | null} a token that no server has
   * answered to */
  #kept = null;
  /** True if the last connection ended because the server refused one of several updates, unnamed. */
  #isUnclear = false;
  /** @type {unknown} */
  #timer;
  /** Failures in a row to renew the present connection's token. */
  #renewals = 0;
  /** @type {unknown} */
  #renewalTimer;

  /**
   * @param {Settings & import("./connection.js").Limits} settings
   * @param {Handlers} handlers
   */
  constructor(settings, handlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    const { token, timers, connectTimeout: timeout, warn } = settings;
    this.#tokens = new TokenSource(token, { timers, timeout, warn, onError: handlers.onError });
  }

  get state() {
    return this.#state;
  }

  /** The connection, if commands can be sent on it. */
  get connection() {
    return this.#connection?.isOpen ? this.#connection : null;
  }

  /**
   * Connect, unless connected or connecting.
   *
   * @param {Target} target
   */
  start(target) {
    if (!this.#isRunning) {
      this.#target = target;
      this.#isRunning = true;
      this.#failures = 0;
      void this.#try();
    }
  }

  /** Try now, or probe the connection, as something may have changed. */
  check() {
    this.retryNow();
    this.#connection?.probe();
  }

  /** Make the next attempt now. */
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
   * @param {{ code?: number | undefined, reason: Reason }} why
   */
  stop({ code, reason }) {
    this.#halt();
    this.#setState({ state: "stopped", code, reason });
  }

  /** Give the connection a fresh token, and try for as long as it lives. */
  async renewToken() {
    const connection = this.connection;
    // A ticket opens a socket and cannot prolong it; the next socket gets a new ticket.
    const { isFixed, isSession } = this.#tokens;
    if (!connection || isFixed || isSession || this.#settings.credential === "ticket") {
      return;
    }
    const token = await this.#tokens.fetch("TOKEN_EXPIRING");
    // Meanwhile the connection may have ended; the next attempt gets a token of its own.
    if (!connection.isOpen) {
      return;
    }
    if (token === undefined) {
      this.#renewLater();
    } else if (token) {
      connection.request("authenticate", { token }, (reply) => this.#renewed(reply));
    } else {
      this.stop({ reason: "TOKEN_MISSING" });
    }
  }

  /** @param {import("./connection.js").Reply} reply */
  #renewed(reply) {
    if (reply.ok) {
      this.#renewals = 0;
    } else if (PASSING.has(reply.error.code)) {
      this.#renewLater(reply.error.retryAfter);
    } else {
      const { code: reason, message } = reply.error;
      this.#handlers.onError(reply.error);
      // The token may be another user's: reconnect now to learn who is signed in.
      this.#lost({ reason, message, order: "token" });
    }
  }

  /** @param {number} [retryAfter] seconds */
  #renewLater(retryAfter) {
    const { timers, random } = this.#settings;
    const delay = retryAfter === undefined ? backoff(this.#renewals++, random) : retryAfter * 1000;
    timers.clear(this.#renewalTimer);
    this.#renewalTimer = timers.set(() => void this.renewToken(), delay);
  }

  // --- attempts

  /** Never rejects. */
  async #try() {
    const attempt = (this.#attempt = {});
    this.#settings.timers.clear(this.#timer);
    this.#setState({ state: "connecting" });
    const token = this.#keptToken() ?? (await this.#newToken());
    // Meanwhile the client may have stopped, rested or begun another attempt.
    if (attempt !== this.#attempt) {
      return;
    }
    if (token === undefined) {
      this.#wait({ reason: "TOKEN_UNAVAILABLE" });
    } else if (token || this.#tokens.isSession) {
      this.#open(token);
    } else {
      this.stop({ reason: "TOKEN_MISSING" });
    }
  }

  /** Return the token of the last attempt, if it may be presented once more. */
  #keptToken() {
    if (!this.#kept || this.#settings.timers.now() >= this.#kept.until) {
      return undefined;
    }
    this.#kept.isReused = true;
    return this.#kept.token;
  }

  async #newToken() {
    const attempt = this.#attempt;
    this.#kept = null;
    const token = await this.#tokens.fetch(this.#refusal);
    // A ticket is spent with the attempt that presents it.
    if (token && attempt === this.#attempt && this.#settings.credential !== "ticket") {
      const until = this.#settings.timers.now() + TOKEN_KEPT;
      this.#kept = { token, until, isReused: false };
    }
    return token;
  }

  /** @param {string | null} token */
  #open(token) {
    const { timers, credential, warn } = this.#settings;
    const { url, WebSocket } = /** @type {Target} */ (this.#target);
    const { onOpen, onMessage, onWritable } = this.#handlers;
    const arguments_ = handshake(url, token, credential);
    if (!arguments_) {
      const message = "A token has characters that a subprotocol cannot carry";
      warn(`${message}: is it a token? credential: "query" takes any`);
      this.#lost({ reason: "TOKEN_INVALID", message, order: "token" });
      return;
    }
    let socket;
    try {
      socket = new WebSocket(...arguments_);
    } catch (cause) {
      // A browser forbids some URLs, such as ws: in a page that came over https:.
      const message = "The browser refused to connect";
      this.#handlers.onError(new RealtimeError("CONNECTION_FAILED", message, { cause }));
      this.#wait({ reason: "CONNECTION_FAILED" });
      return;
    }
    const connection = new Connection(socket, {
      timers,
      limits: this.#settings,
      isCareful: this.#isUnclear,
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
    this.#kept = null;
    this.#renewals = 0;
    this.#onlineSince = this.#settings.timers.now();
    this.#setState({ state: "online" });
  }

  /** @param {import("./connection.js").End} end */
  #lost(end) {
    const { timers, stableAfter, warn } = this.#settings;
    if (end.reason === "ORIGIN_FORBIDDEN") {
      warn(`${end.message}: add the origin to REALTIME["ALLOWED_ORIGINS"]`);
    } else if (end.reason === "RATE_LIMITED" && this.#onlineSince === Infinity) {
      warn(`${end.message}: one client is enough for all rooms of a page`);
    }
    if (timers.now() - this.#onlineSince >= stableAfter) {
      this.#failures = 0;
    }
    this.#drop();
    this.#isUnclear = end.isUnclear ?? false;
    const order = end.order ?? instruction(end.code);
    const isRefused = order === "token";
    // A fixed token would be refused again; and without a session nobody is signed in. A session
    // that has ended may have a successor, which the next attempt presents.
    const { isFixed, isSession } = this.#tokens;
    const isFinal = isFixed || (isSession && end.reason === "TOKEN_MISSING");
    if (order === "stop" || (isRefused && isFinal)) {
      this.stop(end);
      return;
    }
    const isOutdated = isRefused && this.#kept?.isReused;
    if (isRefused) {
      this.#kept = null;
    }
    this.#refusal = isRefused ? end.reason : undefined;
    if (isOutdated || (isRefused && this.#failures === 0)) {
      this.#failures = Math.max(this.#failures, 1);
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
    this.#kept = null;
    this.#tokens.cancel();
    this.#settings.timers.clear(this.#timer);
    this.#drop();
  }

  #drop() {
    this.#onlineSince = Infinity;
    this.#settings.timers.clear(this.#renewalTimer);
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
