import { merge, overlap } from "./merge.js";

/**
 * An update that somebody waits for.
 *
 * @typedef {object} Update
 * @property {string} key its idempotency key: however often it is sent, it happens once
 * @property {import("./merge.js").Json} data a merge patch
 * @property {number | undefined} baseSeq
 * @property {boolean} optimistic whether it shows before it is confirmed
 * @property {boolean} sent on the present connection
 * @property {number | null} ackSeq the position at which it is part of the project, once known
 * @property {(ack: import("./protocol.js").UpdateAck) => void} resolve
 * @property {(error: import("./errors.js").RealtimeError) => void} reject
 */

/**
 * The updates of a room, in the order they were made, until the confirmed state has them.
 *
 * Those that change different things are sent side by side. One that changes what an earlier
 * one changes waits for the answer to that: the earlier may have to be sent again, and would
 * then overwrite the later.
 */
export class Updates {
  /** @type {Update[]} */
  #list = [];

  /** How many have no answer yet. */
  get pending() {
    return this.#list.filter((update) => update.ackSeq === null).length;
  }

  /** @param {Update} update */
  add(update) {
    this.#list.push(update);
  }

  /** @param {Update} update */
  remove(update) {
    this.#list = this.#list.filter((other) => other !== update);
  }

  /** Forget all; return those that have no answer. */
  clear() {
    const unanswered = this.#list.filter((update) => update.ackSeq === null);
    this.#list = [];
    return unanswered;
  }

  /**
   * Return the project as it will be once all updates are part of it.
   *
   * @param {import("./protocol.js").Project} project
   */
  applyTo(project) {
    const patches = this.#list.filter((update) => update.optimistic).map((update) => update.data);
    return /** @type {import("./protocol.js").Project} */ (patches.reduce(merge, project));
  }

  /**
   * Return the first update that can be sent now.
   *
   * @returns {Update | undefined}
   */
  next() {
    return this.#list.find(
      (update, index) =>
        !update.sent && !this.#list.slice(0, index).some((earlier) => holds(earlier, update)),
    );
  }

  /** The connection is lost: what was sent on it without an answer is to be sent again. */
  unsend() {
    for (const update of this.#list) {
      update.sent = update.ackSeq !== null;
    }
  }

  /**
   * Let go of the answered updates that are part of the confirmed state.
   *
   * @param {number} seq its position
   */
  confirm(seq) {
    this.#list = this.#list.filter((update) => update.ackSeq === null || update.ackSeq > seq);
  }
}

/**
 * Say whether one update has to wait for an earlier one.
 *
 * @param {Update} earlier
 * @param {Update} later
 */
function holds(earlier, later) {
  // With a `baseSeq` it waits for the event too: only then is its base known (history.js).
  const isDone = earlier.ackSeq !== null && later.baseSeq === undefined;
  return !isDone && overlap(earlier.data, later.data);
}
