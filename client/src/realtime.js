import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { copy } from "./json.js";
import { Reconnector } from "./reconnector.js";
import { Room } from "./room.js";
import { RoomId } from "./room-id.js";
import { RoomSession } from "./room-session.js";
import { watch } from "./wakeups.js";
import { systemTimers } from "./timers.js";

/**
 * @typedef {object} Options
 * @property {import("./credentials.js").Token | null} [token]
 *   an access token, or better a function that gets one. It is called for each connection, with
 *   the `reason` if the last token was refused, and with TOKEN_EXPIRING while the connection
 *   lives. Null means that nobody is signed in any more, and stops the client; after an error it
 *   is called again. Without this option the browser's session signs in, by its cookie, on pages of
 *   a site whose server accepts that
 * @property {import("./credentials.js").Credential} [credential] the place of the token:
 *   `subprotocol` (the default) keeps it out of the URL; `query` is for proxies that drop
 *   subprotocols; with `ticket` the function returns a ticket in its place
 * @property {import("./reconnector.js").SocketClass} [WebSocket] the class; Node has one since
 *   22, before that pass the one of the package `ws`. Needed only to connect
 * @property {{ warn: (message: string) => void } | null} [logger] gets, once each, the problems that
 *   a developer must fix, such as a refused origin; the console by default, null for none
 * @property {number} [queueLimit] updates of a room that may wait at once
 * @property {number} [connectTimeout] for a token, and again for the server's answer; in milliseconds,
 *   as all times here
 * @property {number} [pingInterval] of silence, after which the client pings
 * @property {number} [pongTimeout] for the answer
 * @property {number} [replyTimeout] for a reply, before the connection is given up
 * @property {number} [stableAfter] online, after which the waits between attempts begin anew
 * @property {number} [idleTimeout] without a room, before the client disconnects until the next
 *   `join`; the server ends a socket that is in no room
 * @property {number} [leaveDelay] after the last `leave` of a room, in which a new `join` goes unseen
 *   by the others
 * @property {import("./timers.js").Timers} [timers]
 * @property {() => number} [random]
 * @property {import("./wakeups.js").WakeupSource} [window]
 */

/**
 * @typedef {object} RealtimeEvents
 * @property {[change: import("./reconnector.js").StateChange]} state
 * @property {[error: RealtimeError]} error
 */

const CREDENTIALS = ["subprotocol", "query", "ticket"];

/** @satisfies {Partial<Options>} */
const DEFAULTS = {
  credential: /** @type {const} */ ("subprotocol"),
  queueLimit: 256,
  connectTimeout: 10_000,
  pingInterval: 25_000,
  pongTimeout: 8_000,
  replyTimeout: 20_000,
  stableAfter: 5_000,
  idleTimeout: 30_000,
  leaveDelay: 500,
  timers: systemTimers,
  random: Math.random,
  logger: console,
};

/** Errors without a `ref` that `error` leaves out: a close follows, or a signal was dropped. */
const SILENT = new Set([
  ...["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "USER_INACTIVE"],
  ...["RATE_LIMITED", "NOT_JOINED"],
]);

/**
 * Keep a connection to a server. It comes back by itself, and its rooms miss nothing.
 *
 * It acts for one user: if another one is signed in after a reconnection, its rooms end with
 * USER_CHANGED, and nothing of the first user is sent.
 */
export class Realtime {
  #url;
  #options;
  #reconnector;
  /** @type {Set<string>} */
  #warnings = new Set();
  /** @type {Emitter<RealtimeEvents>} */
  #emitter = new Emitter();
  /** @type {Map<string, RoomSession>} by room */
  #sessions = new Map();
  /** @type {import("./protocol.js").UserId | null} the user whom the server joined last; null before the first join */
  #user = null;
  /** @type {(() => void) | null} */
  #unwatch = null;
  /** @type {unknown} */
  #idleTimer;
  #keys = 0;
  #keyPrefix = randomHex();

  /**
   * Make a client, even without a page or a WebSocket; `join` or `connect` connects it.
   *
   * @param {string} url such as `ws://localhost:8010`; in a page also a path, such as `/ws/`
   * @param {Options} [options]
   * @throws {TypeError} if the options cannot work
   */
  constructor(url, options = {}) {
    this.#url = url;
    this.#options = withDefaults(options);
    absolute(url, globalThis.location?.href ?? "ws://unknown");
    const settings = { ...this.#options, warn: (/** @type {string} */ text) => this.#warn(text) };
    this.#reconnector = new Reconnector(settings, {
      onOpen: (connection) => this.#eachSession((session) => session.attach(connection)),
      onMessage: (message) => this.#received(message),
      onWritable: () => this.#eachSession((session) => session.pump()),
      onDown: () => this.#eachSession((session) => session.detach()),
      onState: (change) => this.#became(change),
      onError: (error) => this.#emitter.emit("error", error),
    });
  }

  /** `connecting`, `online`, `offline` or `stopped`. */
  get state() {
    return this.#reconnector.state;
  }

  /**
   * Listen to `state`, or to `error`: a RealtimeError that no promise and no state has told.
   *
   * @template {keyof RealtimeEvents} Name
   * @param {Name} name
   * @param {(...values: RealtimeEvents[Name]) => void} listener
   * @param {import("./emitter.js").ListenOptions} [options]
   * @returns {() => void} stops listening
   */
  on(name, listener, options) {
    return this.#emitter.on(name, listener, options);
  }

  /**
   * Connect; also after the client has stopped.
   *
   * @throws {TypeError} if there is no WebSocket, or no page for a path
   */
  connect() {
    const target = this.#target();
    this.#unwatch ??= watch(this.#options.window, () => this.#reconnector.check());
    this.#reconnector.start(target);
    this.#restWhenIdle();
  }

  /**
   * Join a room. All joins of one room share it, and each is left by itself.
   *
   * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
   * @param {import("./protocol.js").KindName<Kind>} kind the noun of the rooms, such as `project`
   * @param {import("./protocol.js").KeyOf<Kind>} key of the room's object: an integer, or the text of any other key
   * @param {{ signal?: AbortSignal, presence?: import("./protocol.js").PresenceOf<Kind> }} [options] `signal`: leave the room
   *   when it is aborted; `presence`: as `Room.setPresence`, from the start
   * @returns {Room<Kind>}
   * @throws {TypeError} if the arguments name no room; and as `connect`
   */
  join(kind, key, { signal, presence } = {}) {
    const roomId = new RoomId(kind, key);
    signal?.throwIfAborted();
    this.#target();
    /** @type {Room<Kind>} */
    const room = this.#join(roomId, presence && copy(presence));
    signal?.addEventListener("abort", () => void room.leave());
    return room;
  }

  /**
   * @template {import("./protocol.js").RoomKind} Kind
   * @param {RoomId} roomId
   * @param {Record<string, any> | undefined} presence
   * @returns {Room<Kind>}
   */
  #join(roomId, presence) {
    const known = this.#sessions.get(`${roomId}`);
    if (known) {
      if (presence) {
        known.setPresence(presence);
      }
      return new Room(known);
    }
    const session = new RoomSession(roomId, {
      ...this.#options,
      newKey: () => `${this.#keyPrefix}-${++this.#keys}`,
      onError: (error) => this.#emitter.emit("error", error),
      identify: (userId) => this.#identify(userId),
      onEnd: () => this.#forget(roomId),
    });
    if (presence) {
      session.setPresence(presence);
    }
    /** @type {Room<Kind>} */
    const room = new Room(session);
    this.#sessions.set(`${roomId}`, session);
    if (this.#reconnector.connection) {
      session.attach(this.#reconnector.connection);
    }
    this.connect();
    return room;
  }

  /** Make the next attempt now, if one is due later. */
  retryNow() {
    this.#reconnector.retryNow();
  }

  /** Disconnect for good. Rooms end, and updates without an answer reject with CLOSED. */
  close() {
    if (this.state !== "stopped") {
      this.#reconnector.stop({ reason: "CLOSED" });
    }
  }

  /** @param {import("./reconnector.js").StateChange} change */
  #became(change) {
    if (change.state === "stopped") {
      this.#unwatch?.();
      this.#unwatch = null;
      this.#user = null;
      const { reason = "CLOSED" } = change;
      const error = new RealtimeError(reason, `The client has stopped: ${reason}`);
      this.#eachSession((session) => session.end(error));
      this.#options.timers.clear(this.#idleTimer);
    }
    this.#emitter.emit("state", change);
  }

  /** @param {import("./protocol.js").Message} message */
  #received(message) {
    if (message.type === "error") {
      if (!SILENT.has(message.payload.code)) {
        this.#emitter.emit("error", RealtimeError.from(message.payload));
      }
    } else if (message.type === "token_expiring") {
      void this.#reconnector.renewToken();
    } else {
      this.#sessionOf(message)?.receive(/** @type {import("./protocol.js").RoomMessage} */ (message));
    }
  }

  /**
   * Return the session of a message's room. Its envelope names the room, or else its payload, which
   * may name objects of other kinds, too.
   *
   * @param {import("./protocol.js").Message} message
   */
  #sessionOf(message) {
    const isOnEnvelope = Object.keys(message).some((name) => name.endsWith("_id"));
    const part = isOnEnvelope ? message : message.payload;
    return [...this.#sessions.values()].find(({ roomId }) => roomId.isNamedBy(part));
  }

  /**
   * Note the user whom the server joined; end rooms of another user before anything is sent.
   *
   * @param {import("./protocol.js").UserId} userId
   */
  #identify(userId) {
    const known = this.#user;
    this.#user = userId;
    if (known !== null && known !== userId) {
      const error = new RealtimeError("USER_CHANGED", "Another user is signed in now");
      this.#eachSession((session) => session.depart(error));
    }
  }

  /** @param {RoomId} roomId of the room that has ended */
  #forget(roomId) {
    this.#sessions.delete(`${roomId}`);
    this.#restWhenIdle();
  }

  /** @returns {import("./reconnector.js").Target} */
  #target() {
    const { WebSocket = globalThis.WebSocket } = this.#options;
    if (typeof WebSocket !== "function") {
      throw new TypeError("`WebSocket` is needed here: the class, such as that of the package ws");
    }
    return { url: absolute(this.#url, globalThis.location?.href), WebSocket };
  }

  /** @param {string} problem */
  #warn(problem) {
    if (!this.#warnings.has(problem)) {
      this.#warnings.add(problem);
      this.#options.logger?.warn(`Realtime: ${problem}`);
    }
  }

  #restWhenIdle() {
    const { timers, idleTimeout } = this.#options;
    timers.clear(this.#idleTimer);
    if (this.#sessions.size === 0) {
      this.#idleTimer = timers.set(() => this.#reconnector.rest(), idleTimeout);
    }
  }

  /** @param {(session: RoomSession) => void} visit may end the session */
  #eachSession(visit) {
    [...this.#sessions.values()].forEach(visit);
  }
}

/**
 * @param {Options} options
 * @returns {Required<Omit<Options, "WebSocket">> & Pick<Options, "WebSocket">}
 */
function withDefaults(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const { window = globalThis } = globalThis;
  /** @type {ReturnType<typeof withDefaults>} */
  const all = { ...DEFAULTS, window, token: null, ...Object.fromEntries(given) };
  // An option that is present and undefined is a caller's mistake, not a wish for the session.
  const isGiven = "token" in options && options.token !== null;
  if (isGiven && (!options.token || !["string", "function"].includes(typeof options.token))) {
    throw new TypeError("`token` must be an access token, or a function that gets one");
  }
  if (!CREDENTIALS.includes(all.credential)) {
    throw new TypeError(`\`credential\` must be one of ${CREDENTIALS.join(", ")}`);
  }
  return all;
}

/**
 * @param {string} url
 * @param {string} [base]
 * @returns {URL}
 */
function absolute(url, base) {
  const result = new URL(url, base);
  result.protocol = result.protocol.replace("http", "ws");
  if (!["ws:", "wss:"].includes(result.protocol)) {
    throw new TypeError(`The URL of a WebSocket begins with ws: or wss:, unlike ${url}`);
  }
  return result;
}

/** Return random digits; pages over plain HTTP have no crypto.randomUUID. */
function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
