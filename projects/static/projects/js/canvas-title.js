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
  /** What the server has, as far as is known; while an edit waits, that edit is shown. */
  #known;

  constructor(api, { id, title }) {
    super();
    this.#api = api;
    this.#id = id;
    this.value = this.#known = title;
  }

  get isWaiting() {
    return this.#unanswered > 0;
  }

  /** Take the server's word. */
  update(title) {
    this.#known = title;
    if (!this.isWaiting) this.value = title;
  }

  begin() {}

  async commit(mine) {
    if (mine === this.value) return;
    const before = this.#known;
    this.value = this.#known = mine;
    this.#unanswered += 1;
    this.#become("saving");
    try {
      await this.#api.patch(`canvases/${this.#id}/`, { title: mine });
      this.#answered();
      if (!this.isWaiting) this.#become("saved");
    } catch (error) {
      if (this.#known === mine) this.#known = before;
      this.#answered();
      this.#become("error", { message: error.message, refused: { mine } });
    }
  }

  #answered() {
    this.#unanswered -= 1;
    if (!this.isWaiting) this.value = this.#known;
  }

  #become(status, { message = "", refused = null } = {}) {
    Object.assign(this, { status, message, refused });
    this.dispatchEvent(new Event("change"));
  }
}
