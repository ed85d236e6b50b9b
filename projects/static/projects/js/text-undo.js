import { change, changes, moved } from "./text-difference.js";

/** Milliseconds between two keys of one step. */
const TOGETHER = 1_000;
/** Steps that can be taken back. */
const KEPT = 200;

/**
 * Undo and redo of a textarea: one's own typing only, and all of it, whatever was saved or
 * changed by others since. A browser's own undo forgets everything when a script sets the value.
 *
 * A step is the `Change` that takes the person's typing back. What others change moves the steps
 * along. Where it meets one, that step and those before it are forgotten, so that nobody undoes
 * the words of another.
 */
export class TextUndo {
  #element;
  /** The text that the steps belong to; a preview of another's typing is not part of it. */
  #text;
  #undo = [];
  #redo = [];
  #typedAt = -Infinity;

  /** @param {HTMLTextAreaElement} element */
  constructor(element) {
    this.#element = element;
    this.#text = element.value;
    element.addEventListener("input", () => this.#typed());
    element.addEventListener("beforeinput", (event) => {
      if (event.inputType === "historyUndo") this.#step(event, this.#undo, this.#redo);
      if (event.inputType === "historyRedo") this.#step(event, this.#redo, this.#undo);
    });
    element.addEventListener("keydown", (event) => {
      if (event.isComposing || event.altKey || !(event.ctrlKey || event.metaKey)) return;
      const key = event.key.toLowerCase();
      if (key === "z" && !event.shiftKey) this.#step(event, this.#undo, this.#redo);
      else if (key === "z" || key === "y") this.#step(event, this.#redo, this.#undo);
    });
  }

  /** Set what others made of the text: the caret, the selection and the steps move along. */
  follow(text) {
    const found = changes(this.#text, text);
    for (const each of found) {
      this.#undo = carried(this.#undo, each);
      this.#redo = carried(this.#redo, each);
    }
    this.#show(text, found);
  }

  /** Set the text as the person's own doing, which they can take back. */
  replace(text) {
    const found = change(this.#text, text);
    this.#note(found);
    this.#typedAt = -Infinity;
    this.#show(text, [found]);
  }

  #typed() {
    const text = this.#element.value;
    if (text === this.#text) return;
    this.#note(change(this.#text, text));
    this.#text = text;
  }

  /** Keep the step that takes a change back; keys that follow each other make one step. */
  #note({ at, deleted, inserted }) {
    const now = performance.now();
    const last = now - this.#typedAt < TOGETHER ? this.#undo.at(-1) : undefined;
    this.#typedAt = now;
    this.#redo = [];
    if (last && !deleted && at === last.at + last.deleted.length) {
      last.deleted += inserted;
    } else if (last && !inserted && !last.deleted && at + deleted.length === last.at) {
      last.at = at;
      last.inserted = deleted + last.inserted;
    } else {
      this.#undo.push({ at, deleted: inserted, inserted: deleted });
      if (this.#undo.length > KEPT) this.#undo.shift();
    }
  }

  /** Apply the last step of one list, and keep its opposite in the other. */
  #step(event, from, to) {
    event.preventDefault();
    if (this.#element.readOnly) return;
    const step = from.pop();
    if (!step) return;
    const { at, deleted, inserted } = step;
    to.push({ at, deleted: inserted, inserted: deleted });
    this.#typedAt = -Infinity;
    const text = this.#text;
    this.#text = text.slice(0, at) + inserted + text.slice(at + deleted.length);
    this.#element.value = this.#text;
    this.#element.setSelectionRange(at + inserted.length, at + inserted.length);
    this.#element.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  #show(text, found) {
    const element = this.#element;
    const { selectionStart, selectionEnd, selectionDirection } = element;
    const isHere = document.activeElement === element;
    const isAll = selectionStart === 0 && selectionEnd === element.value.length;
    this.#text = text;
    if (element.value === text) return;
    element.value = text;
    if (!isHere) return;
    const [start, end] = [selectionStart, selectionEnd].map((at) => found.reduce(moved, at));
    element.setSelectionRange(start, isAll ? text.length : end, selectionDirection);
  }
}

/** Return the steps, the last one to be taken first, as they are after another's change. */
function carried(steps, { at, deleted, inserted }) {
  const kept = [];
  let start = at;
  for (const step of steps.toReversed()) {
    if (start + deleted.length <= step.at) {
      kept.unshift({ ...step, at: step.at + inserted.length - deleted.length });
    } else if (start >= step.at + step.deleted.length) {
      kept.unshift(step);
      start += step.inserted.length - step.deleted.length;
    } else {
      break;
    }
  }
  return kept;
}
