/** The edits of a project that the server has not answered yet. Fires "change". */
export class Edits extends EventTarget {
  #waiting = new Set();

  constructor() {
    super();
    window.addEventListener("beforeunload", this.#warn);
  }

  get count() {
    return this.#waiting.size;
  }

  /** @param editable an `Editable` that has changed */
  note(editable) {
    const before = this.count;
    if (editable.isWaiting) this.#waiting.add(editable);
    else this.#waiting.delete(editable);
    if (this.count !== before) this.dispatchEvent(new Event("change"));
  }

  close() {
    window.removeEventListener("beforeunload", this.#warn);
  }

  #warn = (event) => {
    if (this.count) event.preventDefault();
  };
}
