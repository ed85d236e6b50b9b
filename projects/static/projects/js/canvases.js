import { CanvasCard } from "./canvas-card.js";
import { announce, h, icon, reconcile } from "./dom.js";
import { taskRow } from "./task-row.js";

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MAX_SIZE = 10 * 1024 * 1024;
/** Canvases that are shown at first, and more at a time. */
const PAGE = 24;

/** The project's pictures: a gallery, uploads into it, and the tasks that work on them. */
export class Canvases {
  #project;
  /** @type {Map<number, object>} all canvases, in their order */
  #canvases = new Map();
  /** @type {Map<number, CanvasCard>} those that are shown */
  #cards = new Map();
  #limit = PAGE;
  /** @type {Set<number>} canvases that have come since, shown wherever they stand */
  #fresh = new Set();
  /** @type {Set<number>} canvases that are no more: no id is given twice */
  #gone = new Set();
  /** @type {Map<number, number>} which question about a canvas was the last */
  #asked = new Map();
  /** @type {Set<number>} canvases that changed while the list was on its way */
  #touched = new Set();
  /** @type {Map<string, {canvasId: number, type: string}>} tasks that have not ended, by id */
  #tasks = new Map();
  #ended = new Set();
  /** @type {Set<number>} canvases that the person has deleted, and may want back */
  #leaving = new Set();
  #heading = h("h2", { id: "canvases-title", tabindex: -1 }, "Canvases");
  #loads = 0;
  #gallery = h("div", { class: "gallery" });
  #uploads = h("div", { class: "uploads" });
  #unplaced = h("div", { class: "unplaced" });
  #more;
  #input;
  element;

  constructor(project) {
    this.#project = project;
    this.#input = h("input", {
      id: "upload",
      type: "file",
      accept: TYPES.join(),
      multiple: true,
      class: "visually-hidden",
      onchange: () => {
        this.upload([...this.#input.files]);
        this.#input.value = "";
      },
    });
    const more = { type: "button", class: "button show-more", onclick: () => this.#showMore() };
    this.#more = h("button", more);
    this.element = h(
      "section",
      { class: "canvases", "aria-labelledby": "canvases-title" },
      h(
        "div",
        { class: "section-head" },
        this.#heading,
        h(
          "div",
          { class: "for-editors" },
          this.#input,
          h("label", { class: "button", for: "upload" }, icon("upload"), "Upload pictures"),
        ),
      ),
      this.#uploads,
      this.#unplaced,
      this.#gallery,
      this.#more,
    );
    this.#acceptDrops();
    const { room } = project;
    room.on("signal", ({ data }) => this.#hear(data));
    room.on("task_completed", (payload) => this.#taskEnded(payload));
    room.on("task_failed", (payload) => this.#taskEnded(payload));
    room.on("canvas_added", ({ canvas_id: id }) => this.#fetch(id, { isNew: true }));
    room.on("canvas_replaced", ({ canvas_id: id }) => this.#fetch(id));
    room.on("canvas_renamed", (payload) => this.#renamed(payload));
    room.on("canvas_removed", (payload) => this.#removed(payload));
    room.on("snapshot", () => this.#tasks.clear());
  }

  title(id) {
    return this.#canvases.get(id)?.title ?? "a canvas";
  }

  /** Fetch the list, and show each page when it comes. */
  async load() {
    const number = ++this.#loads;
    const ids = new Set();
    this.#touched.clear();
    for await (const page of this.#project.api.pages(`projects/${this.#project.id}/canvases/`)) {
      // The later request has the newer state, whichever answer comes first.
      if (number !== this.#loads || this.#project.isClosed) return;
      for (const canvas of page) {
        ids.add(canvas.id);
        if (!this.#touched.has(canvas.id)) this.#take(canvas);
      }
      this.render();
    }
    for (const id of this.#canvases.keys()) {
      if (!ids.has(id) && !this.#touched.has(id)) this.#drop(id);
    }
    this.render();
  }

  /** Bring progress and rights up to date. */
  render() {
    const shown = this.#shown();
    for (const id of shown) this.#show(this.#canvases.get(id));
    for (const [id, card] of this.#cards) {
      card.render(this.#tasksOf(id), this.#project.canEdit);
    }
    this.#showUnplaced();
    const empty = h("p", { class: "drop-hint" }, "Drop pictures here: JPEG, PNG or WebP.");
    const cards = shown.map((id) => this.#cards.get(id).element);
    reconcile(this.#gallery, cards.length ? cards : [empty]);
    const hidden = this.#canvases.size - this.#leaving.size - shown.length;
    this.#more.hidden = hidden <= 0;
    this.#more.textContent = `Show ${Math.min(hidden, PAGE)} more of ${hidden}`;
  }

  #shown() {
    return [...this.#canvases.keys()]
      .filter((id) => !this.#leaving.has(id))
      .filter((id, index) => index < this.#limit || this.#fresh.has(id));
  }

  #showMore() {
    const known = new Set(this.#shown());
    this.#limit += PAGE;
    this.render();
    const first = this.#shown().find((id) => !known.has(id));
    this.#cards.get(first)?.focus();
  }

  /** Show the tasks of which nobody here has told which canvas they work on. */
  #showUnplaced() {
    const known = new Map([...this.#unplaced.children].map((row) => [row.dataset.task, row]));
    const tasks = this.#project.room.tasks.filter((task) => !this.#tasks.has(task.task_id));
    reconcile(
      this.#unplaced,
      tasks.map(({ task_id: id, task_type: type, progress, message }) =>
        taskRow({ id, type, progress, message }, known.get(id), "a canvas"),
      ),
    );
  }

  /** Upload files one after the other. */
  async upload(files) {
    const { api, id, notices } = this.#project;
    for (const file of files) {
      if (!TYPES.includes(file.type)) {
        notices.error(`${file.name} is not a JPEG, PNG or WebP image.`);
        continue;
      }
      if (file.size > MAX_SIZE) {
        notices.error(`${file.name} is larger than 10 MB.`);
        continue;
      }
      const row = h("p", { role: "status" }, `Uploading ${file.name}…`);
      this.#uploads.append(row);
      const form = new FormData();
      form.append("image", file);
      form.append("title", file.name.replace(/\.[^.]+$/, "").slice(0, 200));
      try {
        const canvas = await api.post(`projects/${id}/canvases/`, form);
        announce(`${file.name} is uploaded.`);
        this.#fresh.add(canvas.id);
        if (!this.#canvases.has(canvas.id)) this.#take(canvas);
        this.render();
      } catch (error) {
        notices.error(`${file.name}: ${error.message}`);
      } finally {
        row.remove();
      }
    }
  }

  /** Start a task on a canvas, and tell the others which one it works on. */
  async start(canvasId, verb, type) {
    const { api, room, notices } = this.#project;
    const asked = `${verb} ${canvasId}`;
    this.#note(asked, canvasId, type);
    try {
      const { task_id: taskId } = await api.post(`canvases/${canvasId}/${verb}/`);
      this.#tasks.delete(asked);
      this.#note(taskId, canvasId, type);
      room.signal({ task: taskId, canvas: canvasId, task_type: type });
    } catch (error) {
      this.#tasks.delete(asked);
      notices.error(error.message);
    }
    this.render();
  }

  #note(taskId, canvasId, type) {
    // The end of a quick task may come before the answer that names it.
    if (this.#ended.has(taskId)) return;
    this.#tasks.set(taskId, { canvasId, type });
    this.render();
  }

  #hear({ task, canvas, task_type: type }) {
    if (typeof task === "string" && this.#cards.has(canvas)) this.#note(task, canvas, String(type));
  }

  #tasksOf(canvasId) {
    const running = new Map(this.#project.room.tasks.map((task) => [task.task_id, task]));
    return [...this.#tasks]
      .filter(([, task]) => task.canvasId === canvasId)
      .map(([id, { type }]) => ({
        id,
        type,
        progress: running.get(id)?.progress ?? 0,
        message: running.get(id)?.message ?? "",
      }));
  }

  #taskEnded({ task_id: id, result, error }) {
    this.#ended.add(id);
    this.#tasks.delete(id);
    this.render();
    if (result) this.#fetch(result.canvas_id);
    else this.#project.notices.error(`A task failed: ${error}`);
  }

  /** Fetch one canvas that has changed. */
  async #fetch(id, { isNew = false } = {}) {
    const number = (this.#asked.get(id) ?? 0) + 1;
    this.#asked.set(id, number);
    this.#touched.add(id);
    let canvas = null;
    try {
      canvas = await this.#project.api.get(`canvases/${id}/`);
    } catch (error) {
      if (error.status !== 404) this.#project.notices.error(error.message);
    }
    if (number !== this.#asked.get(id) || !canvas || this.#project.isClosed) return;
    if (isNew) this.#fresh.add(id);
    this.#take(canvas);
    this.render();
  }

  #take(canvas) {
    if (this.#gone.has(canvas.id)) return;
    this.#canvases.set(canvas.id, canvas);
  }

  #show(canvas) {
    const card = this.#cards.get(canvas.id);
    if (card) {
      if (card.canvas !== canvas) card.update(canvas);
    } else {
      const start = (verb, type) => this.start(canvas.id, verb, type);
      const remove = () => this.#remove(canvas.id);
      this.#cards.set(canvas.id, new CanvasCard(this.#project, canvas, { start, remove }));
    }
  }

  /**
   * Take a canvas off this page, and delete it for everybody once it is not wanted back: a picture
   * that is deleted cannot be made again from the log, as other things can.
   */
  #remove(id) {
    const text = `“${this.title(id)}” is going to be deleted.`;
    this.#leaving.add(id);
    this.#moveFocus(id);
    this.render();
    const undo = () => {
      this.#leaving.delete(id);
      this.render();
    };
    this.#project.notices.offer(text, undo, () => this.#delete(id));
  }

  async #delete(id) {
    try {
      await this.#project.api.delete(`canvases/${id}/`);
    } catch (error) {
      this.#leaving.delete(id);
      if (error.status !== 404) this.#project.notices.error(error.message);
    }
    if (this.#project.isClosed) return;
    if (this.#leaving.has(id)) this.#drop(id);
    this.render();
  }

  #renamed({ canvas_id: id, title, renamed_by: by }) {
    const { people } = this.#project;
    if (Number(by) !== people.me.id) {
      announce(`${people.name(by)} renamed ${this.title(id)} to ${title}.`);
      this.#cards.get(id)?.flash(by);
    }
    const canvas = this.#canvases.get(id);
    if (canvas) this.#take({ ...canvas, title });
    this.render();
    this.#fetch(id);
  }

  #removed({ canvas_id: id, title, removed_by: by }) {
    const { people } = this.#project;
    if (Number(by) !== people.me.id) announce(`${people.name(by)} deleted ${title}.`);
    this.#drop(id);
    this.render();
  }

  /** Take a canvas off the page; who was in it goes on at the top of the section. */
  #drop(id) {
    this.#moveFocus(id);
    this.#gone.add(id);
    for (const known of [this.#canvases, this.#cards, this.#leaving, this.#fresh]) known.delete(id);
  }

  #moveFocus(id) {
    const card = this.#cards.get(id);
    if (card?.element.contains(document.activeElement)) this.#heading.focus();
  }

  #acceptDrops() {
    const over = (event) => {
      if (!this.#project.canEdit || !event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      this.element.classList.toggle("is-over", event.type !== "drop");
      if (event.type === "drop") this.upload([...event.dataTransfer.files]);
    };
    this.element.addEventListener("dragenter", over);
    this.element.addEventListener("dragover", over);
    this.element.addEventListener("drop", over);
    this.element.addEventListener("dragleave", (event) => {
      if (!this.element.contains(event.relatedTarget)) this.element.classList.remove("is-over");
    });
  }
}
