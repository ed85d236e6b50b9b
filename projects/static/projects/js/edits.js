/**
 * Keep the person's changes that the server has not taken yet. Fires "change".
 *
 * Each has `isWaiting`, true while it waits for an answer, and `isUnsettled`, true if something would
 * be lost, or left undecided, if the page ended now.
 */
export class Edits extends EventTarget {
  #open = new Set();

  constructor() {
    super();
    window.addEventListener("beforeunload", this.#warn);
  }

  /** The number of changes that wait for the server. */
  get count() {
    return [...this.#open].filter((one) => one.isWaiting).length;
  }

  /** The number of changes that are not settled. */
  get unsettled() {
    return this.#open.size;
  }

  /** @param {{isWaiting: boolean, isUnsettled: boolean}} one that may have changed */
  note(one) {
    if (one.isUnsettled) this.#open.add(one);
    else this.#open.delete(one);
    this.dispatchEvent(new Event("change"));
  }

  /** Save what can be saved as it is; a conflict and what the server refused stay. */
  save() {
    for (const one of this.#open) one.save?.();
  }

  /** Resolve once all is settled, or after some milliseconds: to whether it is. */
  settle(timeout) {
    return new Promise((resolve) => {
      const look = () => {
        if (this.unsettled && performance.now() < until) return;
        this.removeEventListener("change", look);
        clearTimeout(timer);
        resolve(this.unsettled === 0);
      };
      const until = performance.now() + timeout;
      const timer = setTimeout(look, timeout);
      this.addEventListener("change", look);
      look();
    });
  }

  /** The view goes: what waits for the server still counts, the rest is kept as drafts. */
  leave() {
    this.save();
    for (const one of this.#open) if (!one.isWaiting) this.#open.delete(one);
    this.dispatchEvent(new Event("change"));
  }

  #warn = (event) => {
    if (this.unsettled) event.preventDefault();
  };
}
