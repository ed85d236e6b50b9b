/**
 * The title of a canvas, for a `Field` to edit as it does an `Editable`: saved over the REST API,
 * where the last one wins, and shown at once.
 *
 * Fires "change" when `status` or `message` change.
 */
export class CanvasTitle extends EventTarget {
  /** @type {"idle" | "saving" | "saved" | "error"} */
  status = "idle";
  message = "";
  conflict = null;
  /** @type {{mine: string} | null} the edit that an "error" is about */
  refused = null;
  value;

  #api;
  #id;
  #unanswered = 0;

  constructor(api, { id, title }) {
    super();
    this.#api = api;
    this.#id = id;
    this.value = title;
  }

  get isWaiting() {
    return this.#unanswered > 0;
  }

  /** Take the server's word, unless it may be from before the person's own. */
  update(title) {
    if (!this.isWaiting) this.value = title;
  }

  begin() {}

  async commit(mine) {
    const before = this.value;
    if (mine === before) return;
    this.value = mine;
    this.#unanswered += 1;
    this.#become("saving");
    try {
      await this.#api.patch(`canvases/${this.#id}/`, { title: mine });
      this.#unanswered -= 1;
      if (!this.isWaiting) this.#become("saved");
    } catch (error) {
      this.#unanswered -= 1;
      if (this.value === mine) this.value = before;
      this.#become("error", { message: error.message, refused: { mine } });
    }
  }

  #become(status, { message = "", refused = null } = {}) {
    Object.assign(this, { status, message, refused });
    this.dispatchEvent(new Event("change"));
  }
}
