import { CanvasTitle } from "./canvas-title.js";
import { text } from "./controls.js";
import { h, icon, reconcile } from "./dom.js";
import { Editable } from "./editable.js";
import { emotionFigure } from "./emotion.js";
import { Field } from "./field.js";
import { player } from "./player.js";
import { taskRow } from "./task-row.js";

/** One picture: what the tasks make of it, and how far they are. */
export class CanvasCard {
  #image;
  #open;
  #heading = h("h3", { class: "visually-hidden" });
  #title;
  #field;
  #remove;
  #player = null;
  #result = h("div", { class: "canvas-result" });
  #tasks = h("div", { class: "canvas-tasks" });
  #analyze;
  #compose;
  #actions;
  #dialog;
  canvas = null;
  element;

  /**
   * @param project the `ProjectView` that it belongs to
   * @param {{start: (verb: string, type: string) => void, remove: () => void}} actions what its
   *     buttons do: start a task on the canvas, delete it
   */
  constructor(project, canvas, { start, remove }) {
    this.#image = h("img", { loading: "lazy", decoding: "async" });
    this.#title = new CanvasTitle(project.api, canvas);
    const bin = { type: "button", class: "icon-button for-editors", onclick: remove };
    this.#remove = h("button", bin, icon("trash"));
    this.#field = new Field(project, {
      path: ["canvas", String(canvas.id)],
      label: "Canvas title",
      control: text({ longest: 200, placeholder: "Untitled" }),
      actions: [this.#remove],
      editable: new Editable(this.#title),
    });
    this.#analyze = this.#button("spark", "Analyze", () => start("analyze", "analyze_image_emotion"));
    this.#compose = this.#button("note", "Compose", () => start("compose", "compose_soundscape"));
    this.#actions = h("div", { class: "row for-editors" }, this.#analyze, this.#compose);
    const zoom = { type: "button", class: "canvas-image", onclick: () => this.#enlarge() };
    this.#open = h("button", zoom, this.#image);
    this.#dialog = h("dialog", { class: "lightbox", onclick: () => this.#dialog.close() });
    this.element = h(
      "article",
      { class: "card canvas", "data-canvas": canvas.id },
      this.#open,
      h(
        "div",
        { class: "canvas-text" },
        this.#heading,
        this.#field.element,
        this.#tasks,
        this.#result,
        this.#actions,
      ),
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
    this.#title.update(canvas.title);
    this.#name(canvas.title);
    if (before?.image !== canvas.image) {
      this.#image.src = canvas.image;
      this.#image.width = canvas.width;
      this.#image.height = canvas.height;
    }
    if (JSON.stringify(before?.analysis) !== JSON.stringify(canvas.analysis)) {
      this.#result.querySelector(".emotion")?.remove();
      if (canvas.analysis) this.#result.prepend(emotionFigure(canvas.analysis));
    }
    if (before?.soundscape !== canvas.soundscape) {
      this.#player?.element.remove();
      this.#player = canvas.soundscape ? player(canvas.soundscape) : null;
      if (this.#player) this.#result.append(this.#player.element);
    }
    this.#player?.name(`the soundscape of ${canvas.title}`);
  }

  /** Say of each part to which canvas it belongs. */
  #name(title) {
    this.#heading.textContent = title;
    this.#image.alt = title;
    this.element.setAttribute("aria-label", title);
    this.#open.setAttribute("aria-label", `Enlarge ${title}`);
    this.#remove.setAttribute("aria-label", `Delete ${title}`);
    this.#analyze.setAttribute("aria-label", `Analyze ${title}`);
    this.#compose.setAttribute("aria-label", `Compose a soundscape from ${title}`);
  }

  focus() {
    this.#open.focus();
  }

  /** Show for a moment that somebody has just changed the title. */
  flash(by) {
    this.#field.flash(by);
  }

  /** Show running tasks, and let nobody start one twice or change anything without the right to. */
  render(tasks, canEdit) {
    this.#field.render();
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
