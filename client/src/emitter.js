/**
 * Listeners by event, with types: `Events` maps an event to the arguments of its listeners.
 *
 * A listener that throws neither stops the others nor reaches the client's own code; its error
 * is reported as an uncaught one is.
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
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    // A function of its own, so that a listener may be added twice and removed once.
    /** @param {Events[Name]} values */
    const own = (...values) => listener(...values);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(own));
    return () => void listeners.delete(own);
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

  clear() {
    this.#listeners.clear();
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
