import { Conflict } from "./editable.js";

/** The title of a canvas, as an `Editable` wants it: saved over the REST API. */
export class CanvasTitle {
  value;
  /** Count of titles from the server, which serves as the position of the present one. */
  seq = 0;

  #api;
  #id;

  constructor(api, { id, title }) {
    this.#api = api;
    this.#id = id;
    this.value = title;
  }

  /** Take the server's word. */
  update(title) {
    if (title === this.value) return;
    this.value = title;
    this.seq += 1;
  }

  async save(mine, { value }) {
    try {
      const saved = await this.#api.patch(`canvases/${this.#id}/`, { title: mine, base_title: value });
      this.update(saved.title);
    } catch (error) {
      const current = error.body?.current;
      if (!current) throw error;
      this.update(current.title);
      throw new Conflict(this.seq, this.value);
    }
  }

  explain(error) {
    return error.message;
  }
}
