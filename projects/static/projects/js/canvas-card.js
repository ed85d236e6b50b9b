import { h, icon, reconcile } from "./dom.js";
import { emotionFigure } from "./emotion.js";
import { player } from "./player.js";
import { taskRow } from "./task-row.js";

/** One picture: what the tasks make of it, and how far they are. */
export class CanvasCard {
  #image;
  #title = h("h3");
  #result = h("div", { class: "canvas-result" });
  #tasks = h("div", { class: "canvas-tasks" });
  #analyze;
  #compose;
  #actions;
  #dialog;
  canvas = null;
  element;

  /** @param {(verb: string, type: string) => void} start starts a task on the canvas */
  constructor(canvas, start) {
    this.#image = h("img", { loading: "lazy", decoding: "async" });
    this.#analyze = this.#button("spark", "Analyze", () => start("analyze", "analyze_image_emotion"));
    this.#compose = this.#button("note", "Compose", () => start("compose", "compose_soundscape"));
    this.#actions = h("div", { class: "row for-editors" }, this.#analyze, this.#compose);
    const open = h("button", { type: "button", class: "canvas-image", onclick: () => this.#enlarge() });
    open.append(this.#image);
    this.#dialog = h("dialog", { class: "lightbox", onclick: () => this.#dialog.close() });
    this.element = h(
      "article",
      { class: "card canvas", "data-canvas": canvas.id },
      open,
      h("div", { class: "canvas-text" }, this.#title, this.#tasks, this.#result, this.#actions),
      this.#dialog,
    );
    this.update(canvas);
  }

  #button(name, label, onclick) {
    return h("button", { type: "button", class: "button", onclick }, icon(name), label);
  }

  update(canvas) {
    const before = this.canvas;
    this.canvas = canvas;
    this.#title.textContent = canvas.title;
    this.element.setAttribute("aria-label", canvas.title);
    this.#analyze.setAttribute("aria-label", `Analyze ${canvas.title}`);
    this.#compose.setAttribute("aria-label", `Compose a soundscape from ${canvas.title}`);
    if (before?.image !== canvas.image) {
      this.#image.src = canvas.image;
      this.#image.alt = canvas.title;
      this.#image.width = canvas.width;
      this.#image.height = canvas.height;
      this.#image.parentElement?.setAttribute("aria-label", `Enlarge ${canvas.title}`);
    }
    if (JSON.stringify(before?.analysis) !== JSON.stringify(canvas.analysis) && canvas.analysis) {
      this.#result.querySelector(".emotion")?.remove();
      this.#result.prepend(emotionFigure(canvas.analysis));
    }
    if (before?.soundscape !== canvas.soundscape && canvas.soundscape) {
      this.#result.querySelector(".player")?.remove();
      this.#result.append(player(canvas.soundscape, `the soundscape of ${canvas.title}`));
    }
  }

  /** Show running tasks, and let nobody start one twice or without the right to. */
  showTasks(tasks, canEdit) {
    const known = new Map([...this.#tasks.children].map((row) => [row.dataset.task, row]));
    reconcile(
      this.#tasks,
      tasks.map((task) => taskRow(task, known.get(task.id), this.canvas.title)),
    );
    const running = new Set(tasks.map((task) => task.type));
    this.#actions.hidden = !canEdit;
    this.#analyze.disabled = running.has("analyze_image_emotion");
    this.#compose.disabled = running.has("compose_soundscape");
  }

  #enlarge() {
    const { image, title, width, height } = this.canvas;
    this.#dialog.setAttribute("aria-label", title);
    this.#dialog.replaceChildren(
      h("img", { src: image, alt: title, width, height }),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close" }, icon("close")),
    );
    this.#dialog.showModal();
  }
}
