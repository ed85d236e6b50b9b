import { isObject, overlap } from "./merge.js";

/** Events that are remembered, as many as the server replays. */
const KEPT = 1000;

/**
 * Remember the latest events of a room, and those of them that are the client's own.
 *
 * `baseSeq` asks the server to refuse an update if something in it was changed since. Edits of others
 * must count, and the client's own must not: it made its second update before it knew the position of
 * the first.
 */
export class OwnEdits {
  /** @type {{ seq: number, shape: import("./merge.js").Json }[]} without a gap */
  #events = [];
  /** @type {Set<number>} */
  #own = new Set();

  /**
   * Note a durable event.
   *
   * @param {number} seq
   * @param {import("./merge.js").Json} changes
   */
  add(seq, changes) {
    this.#events.push({ seq, shape: shape(changes) });
    if (this.#events.length > KEPT) {
      this.#own.delete(this.#events.shift()?.seq ?? 0);
    }
  }

  /**
   * Note that an event comes from an own update.
   *
   * @param {number} seq
   */
  addOwn(seq) {
    this.#own.add(seq);
  }

  /** Forget all: the next event does not follow on these. */
  clear() {
    this.#events = [];
    this.#own.clear();
  }

  /**
   * Return the latest position that serves as well as `baseSeq`: no known event in between, of
   * anybody else, changed something in `data`.
   *
   * @param {number} baseSeq
   * @param {import("./merge.js").Json} data
   * @returns {number}
   */
  rebase(baseSeq, data) {
    const first = this.#events.at(0)?.seq ?? Infinity;
    const last = this.#events.at(-1)?.seq ?? 0;
    if (baseSeq < first - 1 || baseSeq >= last) {
      return baseSeq;
    }
    const isTouched = this.#events.some(
      ({ seq, shape }) => seq > baseSeq && !this.#own.has(seq) && overlap(shape, data),
    );
    return isTouched ? baseSeq : last;
  }
}

/**
 * Return the keys of a patch without the values, which may be large.
 *
 * @param {import("./merge.js").Json} patch
 * @returns {import("./merge.js").Json}
 */
function shape(patch) {
  return Object.fromEntries(
    Object.entries(patch).map(([key, value]) => [key, isObject(value) ? shape(value) : true]),
  );
}
