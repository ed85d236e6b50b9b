import { isObject, overlap } from "./merge.js";

/** As many as the server replays. */
const KEPT = 1000;

/**
 * Remember the latest events of a room, and which of them are the client's own.
 *
 * `baseSeq` asks the server to refuse an update if something it names was changed since. Edits of
 * others must count, and the client's own must not: it made its second update before it knew at
 * which position the first one would be acknowledged.
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
   * Note that an event is that of an own update.
   *
   * @param {number} seq
   */
  addOwn(seq) {
    this.#own.add(seq);
  }

  /** Forget all: what comes next does not follow on it. */
  clear() {
    this.#events = [];
    this.#own.clear();
  }

  /**
   * Return the latest position that `data` can be based on as well as on `baseSeq`: nobody else
   * changed what it names in between, as far as is known.
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
