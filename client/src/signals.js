import { backoff } from "./backoff.js";
import { PASSING } from "./errors.js";

/** Milliseconds between two; a server takes 20 a second of one socket (SIGNAL_RATE). */
const INTERVAL = 60;

/**
 * Send the signals of a room, or its presence, as fast as the server takes them. An early one waits, and
 * a newer one replaces it, so the last one always arrives while there is a connection.
 */
export class SignalSender {
  #type;
  #roomId;
  #timers;
  #random;
  #onError;
  /** @type {import("./connection.js").Connection | null} null while the room is not joined */
  #connection = null;
  /** @type {import("./merge.js").Json | null} the newest, if it was not sent yet */
  #next = null;
  /** Signals that were sent. */
  #sent = 0;
  /** Refusals in a row. */
  #failures = 0;
  /** @type {unknown} set while the next one has to wait */
  #timer;

  /**
   * @param {"send_signal" | "set_presence"} type
   * @param {object} options
   * @param {import("./room-id.js").RoomId} options.roomId
   * @param {import("./timers.js").Timers} options.timers
   * @param {() => number} options.random
   * @param {(error: import("./errors.js").RealtimeError) => void} options.onError gets the
   *   refusal of a signal that is not sent again
   */
  constructor(type, { roomId, timers, random, onError }) {
    this.#type = type;
    this.#roomId = roomId;
    this.#timers = timers;
    this.#random = random;
    this.#onError = onError;
  }

  /** @param {import("./merge.js").Json} data */
  add(data) {
    if (this.#connection) {
      this.#next = data;
      this.pump();
    }
  }

  /** Send the signal that waits, if it may be sent now. */
  pump() {
    const data = this.#next;
    if (data === null || this.#timer !== undefined || !this.#connection?.isWritable) {
      return;
    }
    this.#next = null;
    const number = ++this.#sent;
    this.#connection.request(this.#type, this.#roomId.payload({ data }), (reply) => {
      if (reply.ok) {
        this.#failures = 0;
      } else if (PASSING.has(reply.error.code)) {
        if (number === this.#sent) {
          this.#next ??= data;
        }
        this.#wait(reply.error.retryAfter);
      } else if (reply.error.code !== "NOT_JOINED") {
        this.#onError(reply.error);
      }
    });
    this.#pause(INTERVAL);
  }

  /**
   * Send signals, as the room is joined.
   *
   * @param {import("./connection.js").Connection} connection
   */
  open(connection) {
    this.#connection = connection;
    this.pump();
  }

  /** Drop the signal that waits, as the room is not joined any more. */
  close() {
    this.#connection = this.#next = null;
    this.#timers.clear(this.#timer);
    this.#timer = undefined;
  }

  /** @param {number} [retryAfter] seconds */
  #wait(retryAfter) {
    const later = retryAfter === undefined ? backoff(this.#failures++, this.#random) : retryAfter * 1000;
    this.#pause(later);
  }

  /** @param {number} delay */
  #pause(delay) {
    this.#timers.clear(this.#timer);
    this.#timer = this.#timers.set(() => {
      this.#timer = undefined;
      this.pump();
    }, delay);
  }
}
