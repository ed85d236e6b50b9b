import { CanvasCard } from "./canvas-card.js";
import { announce, h, icon, reconcile } from "./dom.js";
import { taskRow } from "./task-row.js";

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MAX_SIZE = 10 * 1024 * 1024;

/** The project's pictures: a gallery, uploads into it, and the tasks that work on them. */
export class Canvases {
  #project;
  /** @type {Map<number, CanvasCard>} */
  #cards = new Map();
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
    );
    this.#acceptDrops();
    const { room } = project;
    room.on("signal", ({ data }) => this.#hear(data));
    room.on("task_completed", (payload) => this.#taskEnded(payload));
    room.on("task_failed", (payload) => this.#taskEnded(payload));
    room.on("canvas_added", () => this.#refresh());
    room.on("canvas_replaced", () => this.#refresh());
    room.on("canvas_renamed", (payload) => this.#renamed(payload));
    room.on("canvas_removed", (payload) => this.#removed(payload));
    room.on("snapshot", () => this.#tasks.clear());
  }

  title(id) {
    return this.#cards.get(id)?.canvas.title ?? "a canvas";
  }

  async load() {
    const number = ++this.#loads;
    const canvases = await this.#project.api.all(`projects/${this.#project.id}/canvases/`);
    // What was asked later is the newer truth, whichever answer comes first.
    if (number !== this.#loads) return;
    const ids = new Set(canvases.map(({ id }) => id));
    for (const id of this.#cards.keys()) if (!ids.has(id)) this.#drop(id);
    for (const canvas of canvases) this.#show(canvas);
    this.render();
  }

  /** Bring progress and rights up to date. */
  render() {
    for (const card of this.#cards.values()) {
      card.render(this.#tasksOf(card.canvas.id), this.#project.canEdit);
    }
    this.#showUnplaced();
    const cards = [...this.#cards]
      .filter(([id]) => !this.#leaving.has(id))
      .map(([, card]) => card.element);
    const empty = h("p", { class: "drop-hint" }, "Drop pictures here: JPEG, PNG or WebP.");
    reconcile(this.#gallery, cards.length ? cards : [empty]);
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
        await api.post(`projects/${id}/canvases/`, form);
        announce(`${file.name} is uploaded.`);
        await this.#refresh();
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
    if (result) this.#refresh();
    else this.#project.notices.error(`A task failed: ${error}`);
  }

  async #refresh() {
    try {
      await this.load();
    } catch (error) {
      this.#project.notices.error(error.message);
    }
  }

  #show(canvas) {
    const card = this.#cards.get(canvas.id);
    if (card) card.update(canvas);
    else {
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
    if (!this.#project.isClosed) await this.#refresh();
  }

  #renamed({ canvas_id: id, title, renamed_by: by }) {
    const { people } = this.#project;
    if (Number(by) !== people.me.id) {
      announce(`${people.name(by)} renamed ${this.title(id)} to ${title}.`);
      this.#cards.get(id)?.flash(by);
    }
    this.#refresh();
  }

  #removed({ canvas_id: id, title, removed_by: by }) {
    const { people } = this.#project;
    if (Number(by) !== people.me.id) announce(`${people.name(by)} deleted ${title}.`);
    this.#drop(id);
    this.render();
    this.#refresh();
  }

  /** Take a canvas off the page; who was in it goes on at the top of the section. */
  #drop(id) {
    this.#moveFocus(id);
    this.#cards.delete(id);
    this.#leaving.delete(id);
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
