import { freeze, merge, overlap } from "./merge.js";

/**
 * Hold an update that the application waits for, or a command of the host's own.
 *
 * @typedef {object} Update
 * @property {string} key its idempotency key: however often it is sent, it happens once
 * @property {string | null} command the name of the command; null for an update
 * @property {import("./merge.js").Json} data a merge patch; of a command its payload
 * @property {number | undefined} baseSeq
 * @property {boolean} optimistic true if it shows before it is confirmed
 * @property {boolean} isSent true if it was sent on the present connection, and not refused to be sent again
 * @property {number | null} ackSeq the position at which the room has it; null without an answer
 * @property {Promise<import("./protocol.js").UpdateAck>} promise for the application
 * @property {(ack: import("./protocol.js").UpdateAck) => void} resolve
 * @property {(error: import("./errors.js").RealtimeError) => void} reject
 */

/**
 * Keep the updates of a room in their order, each until the confirmed state has it.
 *
 * Updates that change different things are sent side by side. An update that overlaps an earlier one
 * waits for its answer: the earlier one may have to be sent again, and would then overwrite the later.
 * Nobody knows what a command changes: it waits for all that is earlier, and all that is later for it.
 */
export class Updates {
  /** @type {Update[]} */
  #list = [];
  /** @type {{ from: object, to: object } | null} the last state of `applyTo`, and its result */
  #applied = null;

  /** Updates that have no answer yet. */
  get pending() {
    return this.#list.filter((update) => update.ackSeq === null).length;
  }

  /** @param {Update} update */
  add(update) {
    this.#set([...this.#list, update]);
  }

  /** @param {Update} update */
  remove(update) {
    this.#set(this.#list.filter((other) => other !== update));
  }

  /** Forget all; return the updates without an answer. */
  clear() {
    const unanswered = this.#list.filter((update) => update.ackSeq === null);
    this.#set([]);
    return unanswered;
  }

  /**
   * Forget the updates that the confirmed state has.
   *
   * @param {number} seq its position
   */
  confirm(seq) {
    this.#set(this.#list.filter((update) => update.ackSeq === null || update.ackSeq > seq));
  }

  /**
   * Return a state with all updates applied: the same object as long as nothing changes.
   *
   * @template {object} State
   * @param {State} state
   * @returns {State}
   */
  applyTo(state) {
    if (this.#applied?.from !== state) {
      const patches = this.#list.filter((update) => update.optimistic).map((update) => update.data);
      this.#applied = { from: state, to: freeze(patches.reduce(merge, state)) };
    }
    return /** @type {State} */ (this.#applied.to);
  }

  /**
   * Return the first update that can be sent now.
   *
   * @returns {Update | undefined}
   */
  next() {
    return this.#list.find(
      (update, index) =>
        !update.isSent && !this.#list.slice(0, index).some((earlier) => holds(earlier, update)),
    );
  }

  /** Mark each sent update without an answer, to send it again. */
  unsend() {
    for (const update of this.#list) {
      update.isSent = update.ackSeq !== null;
    }
  }

  /** @param {Update[]} list */
  #set(list) {
    if (list.length !== this.#list.length) {
      this.#list = list;
      this.#applied = null;
    }
  }
}

/**
 * Return true if an update has to wait for an earlier one.
 *
 * @param {Update} earlier
 * @param {Update} later
 */
function holds(earlier, later) {
  // An update with a `baseSeq` waits for the event, too: only then is its base known (own-edits.js).
  const isDone = earlier.ackSeq !== null && later.baseSeq === undefined;
  const isCommand = earlier.command !== null || later.command !== null;
  return !isDone && (isCommand || overlap(earlier.data, later.data));
}
