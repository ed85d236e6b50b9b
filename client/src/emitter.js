/**
 * @typedef {object} ListenOptions like those of `addEventListener`
 * @property {boolean} [once] stop listening at the first event
 * @property {AbortSignal} [signal] stop listening when it is aborted
 */

/**
 * Keep listeners by event, with types: `Events` maps an event to the arguments of its listeners.
 *
 * A listener that throws neither stops the others nor reaches the client's own code; its error is
 * reported like an uncaught one.
 *
 * @template {Record<string, unknown[]>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(...values: any[]) => void>>} */
  #listeners = new Map();

  /**
   * Listen to an event.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(...values: Events[Name]) => void} listener
   * @param {ListenOptions} [options]
   * @returns {() => void} stops listening
   */
  on(name, listener, { once, signal } = {}) {
    if (signal?.aborted) {
      return () => {};
    }
    const listeners = this.#listeners.get(name) ?? new Set();
    const stop = () => {
      listeners.delete(own);
      signal?.removeEventListener("abort", stop);
    };
    // A function of its own, so that a listener may be added twice and removed once.
    /** @param {Events[Name]} values */
    const own = (...values) => {
      if (once) {
        stop();
      }
      listener(...values);
    };
    signal?.addEventListener("abort", stop);
    this.#listeners.set(name, listeners.add(own));
    return stop;
  }

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} values
   */
  emit(name, ...values) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...values);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error */
function report(error) {
  // Node has no reportError.
  if (typeof globalThis.reportError === "function") {
    globalThis.reportError(error);
  } else {
    console.error(error);
  }
}
