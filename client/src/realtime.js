import { backoff } from "./backoff.js";
import { instruction } from "./close-codes.js";
import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { Room } from "./room.js";
import { watch } from "./surroundings.js";
import { systemTimers } from "./timers.js";

/**
 * - `connecting`: an attempt is under way
 * - `online`: the server answers
 * - `offline`: not started yet, or waiting for the next attempt
 * - `stopped`: by `close()`, or by a server that wants no reconnection
 *
 * @typedef {"connecting" | "online" | "offline" | "stopped"} State
 */

/**
 * @typedef {object} StateChange
 * @property {State} state
 * @property {number} [code] of the close that led here, where there was one
 * @property {string} [reason] an error code of the protocol, or one of the client's own
 * @property {number} [retryAt] when the next attempt is made, in milliseconds since 1970
 */

/** @typedef {{ state: [change: StateChange], error: [error: RealtimeError] }} RealtimeEvents */

/**
 * @typedef {object} TokenRequest
 * @property {string} [reason] why a token is asked for again: TOKEN_EXPIRING while the connection
 *   lives; TOKEN_EXPIRED, TOKEN_INVALID or TOKEN_MISSING where the last one was refused
 */

/**
 * @typedef {object} Options
 * @property {string | ((request: TokenRequest) => string | null | Promise<string | null>)} token
 *   an access token, or better a function that gets one: it is called anew for each attempt. Null
 *   says that nobody is signed in any more, and stops the client; an error is tried again.
 * @property {new (url: string) => import("./connection.js").Socket} [WebSocket] the class; needed
 *   before Node 22
 * @property {number} [queueLimit] updates of a room that may wait at once
 * @property {number} [connectTimeout] milliseconds, as all times here
 * @property {number} [pingInterval] of silence, after which the server is asked for a sign of life
 * @property {number} [pongTimeout] for that sign
 * @property {number} [replyTimeout] for the reply to a command, before the connection is given up
 * @property {number} [stableAfter] online, after which a lost connection counts as the first
 * @property {import("./timers.js").Timers} [timers]
 * @property {() => number} [random]
 * @property {import("./surroundings.js").Surroundings} [window]
 */

const DEFAULTS = {
  queueLimit: 256,
  connectTimeout: 10_000,
  pingInterval: 25_000,
  pongTimeout: 8_000,
  replyTimeout: 20_000,
  stableAfter: 5_000,
  timers: systemTimers,
  random: Math.random,
};

/** A connection to a server that lasts: it comes back by itself, and its rooms miss nothing. */
export class Realtime {
  #url;
  #options;
  /** @type {Emitter<RealtimeEvents>} */
  #emitter = new Emitter();
  /** @type {Map<number, Room>} */
  #rooms = new Map();
  /** @type {State} */
  #state = "offline";
  /** @type {Connection | null} */
  #connection = null;
  /** Counts the attempts, so that one that was given up is known when its token comes. */
  #attempt = 0;
  /** Failures since a connection lasted. */
  #failures = 0;
  /** @type {number | null} */
  #onlineSince = null;
  /** @type {string | undefined} why the last token was refused */
  #refusal;
  /** @type {unknown} */
  #timer;
  /** @type {() => void} */
  #unwatch = () => {};
  #keys = 0;
  #keyPrefix = randomHex();

  /**
   * It connects at the first `join`, or with `connect`.
   *
   * @param {string} url as `ws://localhost:8010`; relative ones and http are understood too
   * @param {Options} options
   * @throws {TypeError} for options that cannot work
   */
  constructor(url, options) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const { WebSocket = globalThis.WebSocket, window = globalThis, ...rest } = options;
    if (typeof options.token !== "string" && typeof options.token !== "function") {
      throw new TypeError("`token` must be a string or a function that returns one");
    }
    if (typeof WebSocket !== "function") {
      throw new TypeError("There is no WebSocket here: give the class of the package ws as an option");
    }
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    /** @type {Required<Options>} */
    this.#options = { ...DEFAULTS, ...rest, ...Object.fromEntries(given), WebSocket, window };
  }

  get state() {
    return this.#state;
  }

  /**
   * Listen to `state` (a StateChange), or to `error`: a RealtimeError that no promise tells of.
   *
   * @template {keyof RealtimeEvents} Name
   * @param {Name} name
   * @param {(...values: RealtimeEvents[Name]) => void} listener
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /** Connect, unless that was done; also after the client has stopped. */
  connect() {
    if (this.#state === "stopped" || this.#attempt === 0) {
      this.#failures = 0;
      this.#unwatch = watch(this.#options.window, () => this.#look());
      this.#try();
    }
  }

  /**
   * Join a project's room. The same room as long as it has not ended.
   *
   * @param {number} projectId
   * @returns {Room}
   */
  join(projectId) {
    if (!Number.isSafeInteger(projectId) || projectId <= 0) {
      throw new TypeError(`A project's id is a positive integer, not ${String(projectId)}`);
    }
    let room = this.#rooms.get(projectId);
    if (room) {
      room.stay();
      return room;
    }
    room = new Room(projectId, {
      ...this.#options,
      newKey: () => `${this.#keyPrefix}-${++this.#keys}`,
      onEnd: () => this.#rooms.delete(projectId),
    });
    this.#rooms.set(projectId, room);
    if (this.#connection?.isOpen) {
      room.attach(this.#connection);
    }
    this.connect();
    return room;
  }

  /** Make the next attempt now, if one is waited for. */
  retryNow() {
    if (this.#state === "offline" && this.#attempt > 0) {
      this.#try();
    }
  }

  /** Disconnect for good. Rooms end, and updates that were not acknowledged reject with CLOSED. */
  close() {
    this.#stop({ reason: "CLOSED", message: "The client was closed" });
  }

  // --- attempts

  /** Never rejects. */
  async #try() {
    const attempt = ++this.#attempt;
    this.#options.timers.clear(this.#timer);
    this.#setState({ state: "connecting" });
    try {
      const token = await this.#fetchToken(this.#refusal);
      if (attempt !== this.#attempt) {
        return;
      }
      if (!token) {
        this.#stop({ reason: "TOKEN_MISSING", message: "There is no token: nobody is signed in" });
      } else {
        this.#open(token);
      }
    } catch (error) {
      if (attempt === this.#attempt) {
        const message = "A token could not be had";
        this.#emitter.emit("error", new RealtimeError("TOKEN_UNAVAILABLE", message, { cause: error }));
        this.#wait({ reason: "TOKEN_UNAVAILABLE", message });
      }
    }
  }

  /**
   * @param {string | undefined} reason
   * @returns {Promise<string | null>}
   */
  async #fetchToken(reason) {
    const { token, timers, connectTimeout } = this.#options;
    if (typeof token === "string") {
      return token;
    }
    /** @type {unknown} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = timers.set(() => reject(new Error("No token came in time")), connectTimeout);
    });
    try {
      return await Promise.race([token({ reason }), /** @type {Promise<never>} */ (late)]);
    } finally {
      timers.clear(timer);
    }
  }

  /** @param {string} token */
  #open(token) {
    const { WebSocket, timers } = this.#options;
    const url = new URL(this.#url);
    url.searchParams.set("token", token);
    const connection = new Connection(new WebSocket(url.href), {
      timers,
      limits: this.#options,
      handlers: {
        onOpen: () => this.#rooms.forEach((room) => room.attach(connection)),
        onReady: () => this.#online(),
        onMessage: (message) => this.#received(message),
        onWritable: () => this.#rooms.forEach((room) => room.pump()),
        onEnd: (end) => this.#lost(end),
      },
    });
    this.#connection = connection;
  }

  #online() {
    this.#refusal = undefined;
    this.#onlineSince = this.#options.timers.now();
    this.#setState({ state: "online" });
  }

  /** @param {import("./connection.js").End} end */
  #lost(end) {
    const { timers, stableAfter, token } = this.#options;
    const wasStable =
      this.#onlineSince !== null && timers.now() - this.#onlineSince >= stableAfter;
    this.#disconnect();
    const order = instruction(end.code);
    // The same token would be refused again.
    if (order === "stop" || (order === "token" && typeof token === "string")) {
      this.#stop(end);
      return;
    }
    if (wasStable) {
      this.#failures = 0;
    }
    this.#refusal = order === "token" ? end.reason : undefined;
    if (order === "token" && this.#failures === 0) {
      this.#failures = 1;
      this.#try();
    } else {
      this.#wait(end);
    }
  }

  /** @param {import("./connection.js").End} end */
  #wait({ code, reason, retryAfter = 0 }) {
    const { timers, random } = this.#options;
    const delay = Math.max(backoff(this.#failures, random), retryAfter * 1000);
    this.#failures += 1;
    this.#timer = timers.set(() => this.#try(), delay);
    this.#setState({ state: "offline", code, reason, retryAt: timers.now() + delay });
  }

  /** @param {import("./connection.js").End} end */
  #stop({ code, reason, message }) {
    if (this.#state === "stopped") {
      return;
    }
    this.#attempt += 1;
    this.#options.timers.clear(this.#timer);
    this.#unwatch();
    this.#disconnect();
    this.#state = "stopped";
    for (const room of [...this.#rooms.values()]) {
      room.end(new RealtimeError(reason, message));
    }
    this.#emitter.emit("state", { state: "stopped", code, reason });
  }

  #disconnect() {
    this.#connection?.close();
    this.#connection = null;
    this.#onlineSince = null;
    for (const room of [...this.#rooms.values()]) {
      room.detach();
    }
  }

  /** Something happened around: find out now whether there is a connection. */
  #look() {
    this.retryNow();
    this.#connection?.probe();
  }

  // --- messages

  /** @param {import("./protocol.js").Message} message */
  #received(message) {
    switch (message.type) {
      case "error":
        this.#emitter.emit("error", RealtimeError.from(message.payload));
        break;
      case "token_expiring":
        void this.#renewToken();
        break;
      default: {
        const projectId = message.payload.project_id ?? message.project_id;
        const room = this.#rooms.get(projectId);
        room?.receive(/** @type {import("./protocol.js").RoomMessage} */ (message));
      }
    }
  }

  /** Give the connection a fresh token. If that fails, the server ends it, and a new one begins. */
  async #renewToken() {
    const connection = this.#connection;
    if (typeof this.#options.token === "string") {
      return;
    }
    try {
      const token = await this.#fetchToken("TOKEN_EXPIRING");
      if (token && connection === this.#connection) {
        connection?.request("authenticate", { token }, (reply) => {
          if (!reply.ok) {
            this.#emitter.emit("error", reply.error);
          }
        });
      }
    } catch (error) {
      const message = "A fresh token could not be had";
      this.#emitter.emit("error", new RealtimeError("TOKEN_UNAVAILABLE", message, { cause: error }));
    }
  }

  /** @param {StateChange} change */
  #setState(change) {
    this.#state = change.state;
    this.#emitter.emit("state", change);
  }
}

/** Good where crypto.randomUUID is not: on pages that came over plain HTTP. */
function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
