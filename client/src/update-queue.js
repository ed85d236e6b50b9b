import { backoff } from "./backoff.js";
import { PASSING, RealtimeError } from "./errors.js";
import { OwnEdits } from "./own-edits.js";
import { checkSize, copy } from "./json.js";
import { checkUpdateAck } from "./replies.js";
import { Updates } from "./updates.js";

/**
 * @typedef {object} Options
 * @property {import("./room-id.js").RoomId} roomId
 * @property {number} queueLimit
 * @property {() => number} random
 * @property {() => string} newKey
 * @property {() => void} onChange called when `applyTo` would return another state
 * @property {() => void} onNotJoined called when the server answers that the room is not joined
 */

/** Send each update and command of a room until it has its answer, over any number of connections. */
export class UpdateQueue {
  #options;
  #updates = new Updates();
  #ownEdits = new OwnEdits();
  /** The last durable event that is part of the confirmed state. */
  #seq = 0;
  /** @type {import("./connection.js").Connection | null} null while the room is not joined */
  #connection = null;
  /** Failures in a row that may pass. */
  #failures = 0;

  /** @param {Options} options */
  constructor(options) {
    this.#options = options;
  }

  /** Updates that have no answer yet. */
  get pending() {
    return this.#updates.pending;
  }

  /**
   * Return the state with the updates that are not part of it yet.
   *
   * @template {object} State
   * @param {State} state
   * @returns {State}
   */
  applyTo(state) {
    return this.#updates.applyTo(state);
  }

  /**
   * @param {Record<string, any>} data
   * @param {{ baseSeq?: number, optimistic: boolean, command: string | null }} options
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   * @throws {RealtimeError}
   */
  add(data, { baseSeq, optimistic, command }) {
    if (this.pending >= this.#options.queueLimit) {
      throw new RealtimeError("QUEUE_FULL", "Too many updates wait for the server");
    }
    const key = this.#options.newKey();
    const own = copy(data);
    checkSize({ ...this.#message({ command, data: own }, baseSeq), idempotency_key: key });
    /** @type {Pick<import("./updates.js").Update, "resolve" | "reject">} */
    let settle = { resolve: () => {}, reject: () => {} };
    /** @type {Promise<import("./protocol.js").UpdateAck>} */
    const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
    const state = { isSent: false, ackSeq: null };
    this.#updates.add({ key, command, data: own, baseSeq, optimistic, promise, ...settle, ...state });
    this.#options.onChange();
    this.pump();
    return promise;
  }

  /** Send the updates that can be sent now. */
  pump() {
    while (this.#connection?.isWritable) {
      const update = this.#updates.next();
      if (!update) {
        return;
      }
      this.#send(update, this.#connection);
    }
  }

  /**
   * Send updates, as the room is joined.
   *
   * @param {import("./connection.js").Connection} connection
   */
  open(connection) {
    this.#connection = connection;
    this.#failures = 0;
    this.pump();
  }

  /** Wait, as the room is not joined now; answers may still come. */
  pause() {
    this.#connection = null;
  }

  /** Wait to send all again, as the connection is lost, and every answer with it. */
  disconnect() {
    this.#connection = null;
    this.#updates.unsend();
  }

  /**
   * Note a durable event that has become part of the confirmed state.
   *
   * @param {number} seq
   * @param {Record<string, any>} changes
   */
  confirm(seq, changes) {
    this.#seq = seq;
    this.#ownEdits.add(seq, changes);
    this.#updates.confirm(seq);
    this.pump();
  }

  /**
   * Start anew from a snapshot.
   *
   * @param {number} seq
   */
  restart(seq) {
    // A server that was restored from a backup has none of the updates acknowledged since.
    const isOlder = seq < this.#seq;
    this.#seq = seq;
    this.#ownEdits.clear();
    this.#updates.confirm(isOlder ? Infinity : seq);
  }

  /**
   * Give up all updates that have no answer.
   *
   * @param {RealtimeError} error
   */
  reject(error) {
    this.#connection = null;
    for (const update of this.#updates.clear()) {
      // The room's end tells the same: a caller that does not wait need not handle this.
      update.promise.catch(() => {});
      update.reject(error);
    }
  }

  /**
   * @param {Pick<import("./updates.js").Update, "command" | "data">} update
   * @param {number} [base]
   */
  #message({ command, data }, base) {
    const { roomId } = this.#options;
    return command === null
      ? { type: `update_${roomId.kind}`, payload: roomId.payload({ data, base_seq: base }) }
      : { type: command, payload: { ...data, ...roomId.payload() } };
  }

  /**
   * @param {import("./updates.js").Update} update
   * @param {import("./connection.js").Connection} connection
   */
  #send(update, connection) {
    update.isSent = true;
    const { baseSeq, data, key } = update;
    const base = baseSeq === undefined ? undefined : this.#ownEdits.rebase(baseSeq, data);
    const { type, payload } = this.#message(update, base);
    const onReply = (/** @type {import("./connection.js").Reply} */ reply) => {
      if (reply.ok) {
        this.#acknowledged(update, checkUpdateAck(reply.payload));
      } else {
        this.#failed(update, reply.error, connection);
      }
    };
    connection.request(type, payload, onReply, { idempotency_key: key });
  }

  /**
   * @param {import("./updates.js").Update} update
   * @param {import("./protocol.js").UpdateAck} ack
   */
  #acknowledged(update, ack) {
    this.#failures = 0;
    update.ackSeq = ack.seq;
    if (Object.keys(ack.changes).length > 0) {
      this.#ownEdits.addOwn(ack.seq);
    }
    this.#updates.confirm(this.#seq);
    update.resolve(ack);
    this.#options.onChange();
  }

  /**
   * @param {import("./updates.js").Update} update
   * @param {RealtimeError} error
   * @param {import("./connection.js").Connection} connection
   */
  #failed(update, error, connection) {
    const isNotJoined = error.code === "NOT_JOINED";
    if (!PASSING.has(error.code) && !isNotJoined) {
      this.#updates.remove(update);
      update.reject(error);
      this.#options.onChange();
      return;
    }
    update.isSent = false;
    const { retryAfter } = error;
    const { random } = this.#options;
    const delay = retryAfter === undefined ? backoff(this.#failures++, random) : retryAfter * 1000;
    connection.hold(delay);
    if (isNotJoined) {
      this.#options.onNotJoined();
    }
  }
}
