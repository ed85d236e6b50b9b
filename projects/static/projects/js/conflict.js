import { difference, display } from "./difference.js";
import { h } from "./dom.js";

/**
 * Shows what is different between two versions of one value, and lets the person say which one
 * stays. Until then they go on writing in theirs, which stands in the field.
 */
export class ConflictPanel {
  #editable;
  #label;
  #settle;
  #shown = null;
  element;

  /** @param {(choice: "keepMine" | "takeTheirs") => void} settle called with the person's choice */
  constructor(editable, label, settle) {
    this.#editable = editable;
    this.#label = label;
    this.#settle = settle;
    this.element = h("div", { class: "conflict", hidden: true });
  }

  /**
   * @param {string} name of the one who made the other version
   * @param {string} mine what the person has written, as text
   */
  render(name, mine) {
    const { conflict } = this.#editable;
    this.element.hidden = conflict === null;
    if (!conflict) {
      this.#shown = null;
      this.element.replaceChildren();
      return;
    }
    const theirs = display(this.#editable.theirs);
    if (!this.#shown) this.#build();
    this.#shown.question.textContent = `${name} changed this while you were editing. Which version stays?`;
    this.#shown.difference.replaceChildren(...difference(theirs, mine));
  }

  /** The buttons stay, and with them the focus, whatever is written meanwhile. */
  #build() {
    const question = h("p", { dir: "auto" });
    const difference = h("pre", { class: "difference", dir: "auto" });
    const button = (words, choice) =>
      h("button", { type: "button", class: "button", onclick: () => this.#settle(choice) }, words);
    this.#shown = { question, difference };
    this.element.replaceChildren(
      h(
        "div",
        { role: "group", "aria-label": `Two versions of ${this.#label}` },
        question,
        difference,
        h(
          "p",
          { class: "difference-key" },
          h("del", {}, "theirs alone"),
          " ",
          h("ins", {}, "yours alone"),
        ),
        h("div", { class: "row" }, button("Keep mine", "keepMine"), button("Take theirs", "takeTheirs")),
      ),
    );
  }
}
