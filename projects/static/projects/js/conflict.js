import { h } from "./dom.js";
import { format } from "./json.js";

/** Shows two versions of one value side by side, and lets the person say which one stays. */
export class ConflictPanel {
  #editable;
  #label;
  #onSettled;
  element;

  /** @param {() => void} onSettled called when the person has chosen */
  constructor(editable, label, onSettled) {
    this.#editable = editable;
    this.#label = label;
    this.#onSettled = onSettled;
    this.element = h("div", { class: "conflict", hidden: true });
  }

  /** @param {string} name of the one who made the other version */
  render(name) {
    const { conflict } = this.#editable;
    this.element.hidden = conflict === null;
    this.element.replaceChildren(...(conflict ? this.#versions(conflict, name) : []));
  }

  #settle(choice) {
    this.#editable[choice]();
    this.#onSettled();
  }

  #versions({ theirs, mine }, name) {
    return [
      h(
        "div",
        { role: "group", "aria-label": `Two versions of ${this.#label}` },
        h("p", {}, `${name} changed this while you were editing. Which version stays?`),
        h(
          "div",
          { class: "versions" },
          version("Theirs", theirs, "Take theirs", () => this.#settle("takeTheirs")),
          version("Yours", mine, "Keep mine", () => this.#settle("keepMine")),
        ),
      ),
    ];
  }
}

function version(title, value, action, onclick) {
  return h(
    "div",
    { class: "version" },
    h("h4", {}, title),
    h("pre", {}, display(value)),
    h("button", { type: "button", class: "button", onclick }, action),
  );
}

function display(value) {
  if (value === undefined) return "(deleted)";
  return typeof value === "string" ? value : format(value);
}
