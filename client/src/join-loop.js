import { backoff } from "./backoff.js";
import { PASSING } from "./errors.js";
import { checkJoinAck } from "./replies.js";

/** Joins in a row that may fail by a fault of the server, before the application is told. */
const MAX_FAULTS = 3;

/**
 * @typedef {object} Options
 * @property {import("./room-id.js").RoomId} roomId
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {() => number | undefined} since returns the position from which to replay
 * @property {() => object | undefined} presence returns one if that of the others is asked for
 * @property {(ack: import("./protocol.js").JoinAck) => void} onJoined
 * @property {() => void} onDelayed called when a join has failed, and will be tried again
 * @property {(error: import("./errors.js").RealtimeError) => void} onRefused called when a join is
 *   refused for good
 */

/** Join a room on each connection, and try again if that may help. */
export class JoinLoop {
  #options;
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  /** Failures in a row. */
  #failures = 0;
  /** Of these, faults of the server. */
  #faults = 0;
  /** @type {unknown} */
  #timer;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {import("./connection.js").Connection} connection */
  open(connection) {
    this.#connection = connection;
    this.#failures = this.#faults = 0;
    this.join();
  }

  /** Join no more: the connection is lost, or no longer needed. */
  close() {
    this.#connection = null;
    this.#options.timers.clear(this.#timer);
  }

  /** Join, or join anew. */
  join() {
    const { roomId, since, presence } = this.#options;
    const connection = this.#connection;
    const payload = roomId.payload({ since: since(), presence: presence() });
    connection?.request(`join_${roomId.kind}`, payload, (reply) => {
      if (connection !== this.#connection) {
        return;
      }
      if (reply.ok) {
        this.#failures = this.#faults = 0;
        this.#options.onJoined(checkJoinAck(reply.payload, roomId.kind));
      } else {
        this.#failed(reply.error);
      }
    });
  }

  /** @param {import("./errors.js").RealtimeError} error */
  #failed(error) {
    const { timers, random, onDelayed, onRefused } = this.#options;
    const isFault = error.code === "INTERNAL_ERROR";
    this.#faults += Number(isFault);
    if (!PASSING.has(error.code) && !(isFault && this.#faults < MAX_FAULTS)) {
      onRefused(error);
      return;
    }
    const { retryAfter } = error;
    const delay = retryAfter === undefined ? backoff(this.#failures++, random) : retryAfter * 1000;
    timers.clear(this.#timer);
    this.#timer = timers.set(() => this.join(), delay);
    onDelayed();
  }
}
