/**
 * What is used of a WebSocket: the browser's, Node's, or that of the package `ws`.
 *
 * @typedef {object} Socket
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 */

/**
 * @typedef {object} Limits in milliseconds
 * @property {number} connectTimeout until the server has answered
 * @property {number} pingInterval of silence, after which the server is asked for a sign of life
 * @property {number} pongTimeout for that sign
 * @property {number} replyTimeout for the reply to a command
 */

/**
 * @typedef {object} Handlers
 * @property {() => void} onOpen commands can be sent
 * @property {() => void} onReady the server has answered: it took the token
 * @property {(message: import("./protocol.js").Message) => void} onMessage whatever is no reply
 * @property {() => void} onWritable updates can be sent again
 * @property {(end: End) => void} onEnd the last call; not after `close()`
 *
 * @typedef {object} End
 * @property {number} [code] of the close frame, where there was one
 * @property {string} reason an error code of the server, or one of the client's own
 * @property {string} message
 * @property {number} [retryAfter] seconds
 */

/** @typedef {{ ok: true, payload: any } | { ok: false, error: RealtimeError }} Reply */

import { RealtimeError } from "./errors.js";

/** Commands without a reply, beyond which updates wait; below what the server takes at once. */
const WINDOW = 32;

/**
 * One socket, from its first byte to its last. It is not opened again: the next attempt makes a
 * new connection, so nothing of an old one can be taken for the new one's.
 */
export class Connection {
  #socket;
  #timers;
  #limits;
  #handlers;
  /** @type {Map<string | number, { onReply: (reply: Reply) => void, timer: unknown }>} */
  #waiting = new Map();
  #refs = 0;
  /** Frames that came so far. */
  #heard = 0;
  #heardAt = 0;
  #isOpen = false;
  #isReady = false;
  #isProbing = false;
  #isDraining = false;
  #isClosed = false;
  /** @type {import("./protocol.js").ErrorPayload | undefined} the last frame, if it was an error */
  #error;
  /** @type {unknown} the timer of the opening, then of the heartbeat */
  #watch;
  /** @type {unknown} */
  #holdTimer;
  #heldUntil = 0;

  /**
   * @param {Socket} socket just made
   * @param {{ timers: import("./timers.js").Timers, limits: Limits, handlers: Handlers }} options
   */
  constructor(socket, { timers, limits, handlers }) {
    this.#socket = socket;
    this.#timers = timers;
    this.#limits = limits;
    this.#handlers = handlers;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#lost(code);
    // A close follows, and tells as much.
    socket.onerror = () => {};
    this.#watch = timers.set(
      () => this.#end({ reason: "CONNECT_TIMEOUT", message: "The server did not answer in time" }),
      limits.connectTimeout,
    );
  }

  /** Whether commands can be sent. */
  get isOpen() {
    return this.#isOpen && !this.#isClosed;
  }

  /** Whether updates may be sent now. */
  get isWritable() {
    return !this.#isDraining && this.#holdTimer === undefined && this.#waiting.size < WINDOW;
  }

  /**
   * Send a command.
   *
   * @param {string} type
   * @param {object} payload
   * @param {object} [more] members of the envelope
   */
  send(type, payload, more = {}) {
    this.#socket.send(JSON.stringify({ type, payload, ...more }));
  }

  /**
   * Send a command that wants a reply. There is none if the connection ends before.
   *
   * @param {string} type
   * @param {object} payload
   * @param {(reply: Reply) => void} onReply
   * @param {object} [more] members of the envelope
   */
  request(type, payload, onReply, more = {}) {
    this.#refs += 1;
    // No answer is no failure: the next connection brings it.
    const timer = this.#timers.set(
      () => this.#end({ reason: "REPLY_TIMEOUT", message: `No reply to ${type} in time` }),
      this.#limits.replyTimeout,
    );
    this.#waiting.set(this.#refs, { onReply, timer });
    this.send(type, payload, { ref: this.#refs, ...more });
  }

  /**
   * Send no updates for a while.
   *
   * @param {number} delay milliseconds
   */
  hold(delay) {
    const until = this.#timers.now() + delay;
    if (this.#holdTimer !== undefined && until <= this.#heldUntil) {
      return;
    }
    this.#timers.clear(this.#holdTimer);
    this.#heldUntil = until;
    this.#holdTimer = this.#timers.set(() => {
      this.#holdTimer = undefined;
      this.#handlers.onWritable();
    }, delay);
  }

  /** Ask for a sign of life at once. */
  probe() {
    if (!this.#isReady || this.#isProbing || this.#isClosed) {
      return;
    }
    const { pongTimeout } = this.#limits;
    const heard = this.#heard;
    this.#isProbing = true;
    this.#timers.clear(this.#watch);
    this.#watch = this.#timers.set(() => {
      this.#isProbing = false;
      if (this.#heard === heard) {
        this.#end({ reason: "NO_PONG", message: "The server gave no sign of life" });
      } else {
        this.#listen();
      }
    }, pongTimeout);
    this.send("ping", {});
  }

  /** Close the socket; nothing of it is heard any more. */
  close() {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#timers.clear(this.#watch);
    this.#timers.clear(this.#holdTimer);
    for (const { timer } of this.#waiting.values()) {
      this.#timers.clear(timer);
    }
    this.#waiting.clear();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }

  #opened() {
    this.#isOpen = true;
    // Answered only after the token was looked at: until then nothing is known.
    this.send("ping", {});
    this.#handlers.onOpen();
  }

  /** @param {unknown} data */
  #received(data) {
    this.#heard += 1;
    this.#heardAt = this.#timers.now();
    const message = parse(data);
    if (message === null) {
      this.#end({ reason: "BAD_MESSAGE", message: "The server sent what is no message" });
      return;
    }
    this.#error = message.type === "error" ? message.payload : undefined;
    if (message.type === "pong") {
      this.#answered();
    } else if (message.ref !== undefined) {
      this.#replied(message);
    } else {
      this.#isDraining ||= message.type === "server_draining";
      this.#handlers.onMessage(message);
    }
  }

  #answered() {
    if (!this.#isReady) {
      this.#isReady = true;
      this.#timers.clear(this.#watch);
      this.#listen();
      this.#handlers.onReady();
    }
  }

  /** @param {import("./protocol.js").Message} message */
  #replied({ type, payload, ref = 0 }) {
    const waiting = this.#waiting.get(ref);
    if (!waiting) {
      return;
    }
    this.#waiting.delete(ref);
    this.#timers.clear(waiting.timer);
    waiting.onReply(
      type === "error" ? { ok: false, error: RealtimeError.from(payload) } : { ok: true, payload },
    );
    if (this.isWritable) {
      this.#handlers.onWritable();
    }
  }

  /** Wait for a time of silence. Each frame only notes when it came; no timer is set anew. */
  #listen() {
    const silence = this.#timers.now() - this.#heardAt;
    const left = this.#limits.pingInterval - silence;
    if (left <= 0) {
      this.probe();
    } else {
      this.#watch = this.#timers.set(() => this.#listen(), left);
    }
  }

  /** @param {number | undefined} code */
  #lost(code) {
    const error = this.#error;
    if (error) {
      const { code: reason, message, retry_after: retryAfter } = error;
      this.#end({ code, reason, message, retryAfter });
    } else if (this.#isDraining) {
      this.#end({ code, reason: "SERVER_DRAINING", message: "The server is going down" });
    } else if (this.#isOpen) {
      this.#end({ code, reason: "CONNECTION_LOST", message: "The connection was lost" });
    } else {
      this.#end({ code, reason: "CONNECTION_FAILED", message: "The server could not be reached" });
    }
  }

  /** @param {End} end */
  #end(end) {
    if (!this.#isClosed) {
      this.close();
      this.#handlers.onEnd(end);
    }
  }
}

/**
 * @param {unknown} data
 * @returns {import("./protocol.js").Message | null}
 */
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? { payload: {}, ...message } : null;
  } catch {
    return null;
  }
}
