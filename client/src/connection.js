import { RealtimeError } from "./errors.js";
import { Heartbeat } from "./heartbeat.js";
import { isObject } from "./merge.js";

/**
 * Describe the part of a WebSocket that the client uses: a browser's, Node's, or of the package `ws`.
 *
 * @typedef {object} Socket
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(text: string) => void} send
 * @property {() => void} close
 *
 * @typedef {object} Limits in milliseconds
 * @property {number} connectTimeout until the server has answered
 * @property {number} pingInterval of silence, after which the client pings
 * @property {number} pongTimeout for the answer
 * @property {number} replyTimeout for the reply to a command
 *
 * @typedef {object} End
 * @property {number} [code] of the close frame, if there was one
 * @property {string} reason an error code of the server, or one of the client's own
 * @property {string} message
 * @property {number} [retryAfter] seconds
 * @property {"stop" | "token" | "retry"} [order] the instruction, if no close code has it
 * @property {boolean} [isUnclear] true if the server refused one of several updates without its `ref`
 *
 * @typedef {object} Handlers
 * @property {() => void} onOpen commands can be sent
 * @property {() => void} onReady the server has answered, so it accepted the token
 * @property {(message: import("./protocol.js").Message) => void} onMessage called with each message that is no reply
 * @property {() => void} onWritable updates can be sent again
 * @property {(end: End) => void} onEnd it is over; not called after `close`
 */

/**
 * @typedef {{ ok: true, payload: any } | { ok: false, error: RealtimeError }} Reply
 * @typedef {{
 *   type: string, onReply: (reply: Reply) => void, timer: unknown, size: number,
 * }} Waiting
 */

/** Commands without a reply, beyond which updates wait; fewer than the server's own limit. */
const WINDOW = 32;
/** Refusals of a command in which the server found no `ref`. */
const UNREADABLE = new Set(["INVALID_JSON", "INVALID_MESSAGE"]);

/**
 * Keep one socket from its first byte to its last. The next attempt makes a new connection, so no
 * message of an old one is ever mistaken for one of the new.
 */
export class Connection {
  #socket;
  #timers;
  #limits;
  #handlers;
  #window;
  #heartbeat;
  /** @type {Map<string | number, Waiting>} commands without a reply, by `ref` */
  #waiting = new Map();
  #refs = 0;
  #isOpen = false;
  #isReady = false;
  #isDraining = false;
  #isClosed = false;
  /** @type {RealtimeError | undefined} of the last frame, if it was one */
  #error;
  /** @type {unknown} */
  #openTimer;
  /** @type {unknown} */
  #holdTimer;
  #heldUntil = 0;

  /**
   * @param {Socket} socket just made
   * @param {object} options
   * @param {import("./timers.js").Timers} options.timers
   * @param {Limits} options.limits
   * @param {Handlers} options.handlers
   * @param {boolean} [options.isCareful] send one command at a time, to learn which is refused
   */
  constructor(socket, { timers, limits, handlers, isCareful = false }) {
    this.#socket = socket;
    this.#timers = timers;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#window = isCareful ? 1 : WINDOW;
    this.#heartbeat = new Heartbeat({
      timers,
      pingInterval: limits.pingInterval,
      pongTimeout: limits.pongTimeout,
      ping: () => this.send("ping", {}),
      onDead: () => this.#end("NO_PONG", "The server gave no sign of life"),
    });
    this.#openTimer = timers.set(
      () => this.#end("CONNECT_TIMEOUT", "The server did not answer in time"),
      limits.connectTimeout,
    );
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#lost(code);
    // In `ws` an error that nobody handles is thrown.
    socket.onerror = (event) => this.#failed(event?.error);
  }

  /** True while commands can be sent. */
  get isOpen() {
    return this.#isOpen && !this.#isClosed;
  }

  /** True while updates and signals should be sent. */
  get isWritable() {
    const isHeld = this.#holdTimer !== undefined;
    return this.isOpen && !this.#isDraining && !isHeld && this.#waiting.size < this.#window;
  }

  /**
   * Send a command.
   *
   * @param {string} type
   * @param {object} payload
   */
  send(type, payload) {
    this.#socket.send(JSON.stringify({ type, payload }));
  }

  /**
   * Send a command that wants a reply. If the connection ends first, there is none.
   *
   * @param {string} type
   * @param {object} payload
   * @param {(reply: Reply) => void} onReply
   * @param {{ idempotency_key?: string }} [more] members of the envelope
   */
  request(type, payload, onReply, more = {}) {
    const ref = ++this.#refs;
    const text = JSON.stringify({ type, payload, ref, ...more });
    // A missing reply is no failure: the caller asks again on the next connection.
    const timer = this.#timers.set(
      () => this.#end("REPLY_TIMEOUT", `No reply to ${type} in time`),
      this.#limits.replyTimeout,
    );
    this.#waiting.set(ref, { type, onReply, timer, size: text.length });
    this.#socket.send(text);
  }

  /**
   * Send no updates for a while.
   *
   * @param {number} delay milliseconds
   */
  hold(delay) {
    const until = this.#timers.now() + delay;
    if (this.#isClosed || (this.#holdTimer !== undefined && until <= this.#heldUntil)) {
      return;
    }
    this.#timers.clear(this.#holdTimer);
    this.#heldUntil = until;
    this.#holdTimer = this.#timers.set(() => {
      this.#holdTimer = undefined;
      this.#handlers.onWritable();
    }, delay);
  }

  /** Ping, to learn whether the server is still there. */
  probe() {
    if (this.#isReady && !this.#isClosed) {
      this.#heartbeat.probe();
    }
  }

  /** Close the socket, and hear nothing of it any more. */
  close() {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#heartbeat.stop();
    this.#timers.clear(this.#openTimer);
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
    // The server accepts every socket before it checks the token: only an answer proves that it
    // accepted that.
    this.send("ping", {});
    this.#handlers.onOpen();
  }

  /** @param {unknown} data */
  #received(data) {
    this.#heartbeat.heard();
    const message = parse(data);
    if (message === null) {
      this.#end("BAD_MESSAGE", "The server sent something that is no message");
      return;
    }
    try {
      this.#take(message);
    } catch (error) {
      this.#end("BAD_MESSAGE", `The server sent something that is no message: ${error}`);
    }
  }

  /** @param {import("./protocol.js").Message} message */
  #take(message) {
    this.#error = undefined;
    if (message.type === "pong") {
      this.#answered();
    } else if (message.ref !== undefined) {
      this.#reply(message.ref, reply(message));
    } else if (message.type === "error") {
      this.#unasked(message);
    } else {
      this.#isDraining ||= message.type === "server_draining";
      this.#handlers.onMessage(message);
    }
  }

  #answered() {
    if (!this.#isReady) {
      this.#isReady = true;
      this.#timers.clear(this.#openTimer);
      this.#heartbeat.start();
      this.#handlers.onReady();
    }
  }

  /**
   * @param {string | number} ref
   * @param {Reply} reply
   */
  #reply(ref, reply) {
    const waiting = this.#waiting.get(ref);
    if (waiting) {
      this.#waiting.delete(ref);
      this.#timers.clear(waiting.timer);
      waiting.onReply(reply);
      this.#handlers.onWritable();
    }
  }

  /**
   * Take an error that names no command.
   *
   * @param {import("./protocol.js").Message} message
   */
  #unasked(message) {
    const error = RealtimeError.from(message.payload);
    this.#error = error;
    if (error.retryAfter !== undefined) {
      this.hold(error.retryAfter * 1000);
    }
    if (!this.#refuseUnnamed(error)) {
      this.#handlers.onMessage(message);
    }
  }

  /**
   * Settle the update that a refusal without a `ref` means; return false if it means none. Only an
   * update carries the application's data, so only an update can be unreadable or too large.
   *
   * @param {RealtimeError} error
   */
  #refuseUnnamed(error) {
    const updates = [...this.#waiting].filter(([, { type }]) => type.startsWith("update_"));
    const isTooLarge = error.code === "MESSAGE_TOO_LARGE";
    if (updates.length === 0 || !(isTooLarge || UNREADABLE.has(error.code))) {
      return false;
    }
    if (isTooLarge || updates.length === 1) {
      // The largest is too large in any case.
      const [[ref] = [0]] = updates.sort(([, one], [, other]) => other.size - one.size);
      this.#reply(ref, { ok: false, error });
    } else {
      // The next connection sends one command at a time, and then it is clear.
      this.#end(error.code, error.message, undefined, { isUnclear: true });
    }
    return true;
  }

  /** @param {{ code?: string } | undefined} error of the package `ws` */
  #failed(error) {
    // `onclose` follows any other error, and tells as much.
    if (error?.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
      // The server would send the same again on every connection.
      const message = "The server sent a message that is larger than the WebSocket takes";
      this.#end("MESSAGE_TOO_LARGE", message, undefined, { order: "stop" });
    }
  }

  /** @param {number} code */
  #lost(code) {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (code === 1009) {
      const message = "The server closes the connection for a message of this size";
      this.#refuseUnnamed(new RealtimeError("MESSAGE_TOO_LARGE", message));
    }
    if (this.#error) {
      const { retryAfter } = this.#error;
      this.#end(this.#error.code, this.#error.message, code, { retryAfter });
    } else if (this.#isDraining) {
      this.#end("SERVER_DRAINING", "The server is going down", code);
    } else if (wasOpen) {
      this.#end("CONNECTION_LOST", "The connection was lost", code);
    } else {
      this.#end("CONNECTION_FAILED", "The server could not be reached", code);
    }
  }

  /**
   * @param {string} reason
   * @param {string} message
   * @param {number} [code]
   * @param {Partial<End>} [more]
   */
  #end(reason, message, code, more) {
    if (!this.#isClosed) {
      this.close();
      this.#handlers.onEnd({ code, reason, message, ...more });
    }
  }
}

/**
 * @param {import("./protocol.js").Message} message
 * @returns {Reply}
 */
function reply({ type, payload }) {
  return type === "error"
    ? { ok: false, error: RealtimeError.from(payload) }
    : { ok: true, payload };
}

/**
 * @param {unknown} data
 * @returns {import("./protocol.js").Message | null}
 */
function parse(data) {
  try {
    const message = { payload: {}, ...JSON.parse(String(data)) };
    return typeof message.type === "string" && isObject(message.payload) ? message : null;
  } catch {
    return null;
  }
}
