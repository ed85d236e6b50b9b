/**
 * The controls in which values are edited. Each has `element`, `raw` (what stands in it, whether
 * or not that is a value), `set(value)` for what the room has, `undo(value)` for what the person
 * gives up, `get()` (which throws an Error with words for the person), `preview(text)` for what
 * somebody else is typing, and says whether it saves `atOnce` and takes `lines`.
 */

import { h } from "./dom.js";
import { format } from "./json.js";
import { TextUndo } from "./text-undo.js";

const GROWS = globalThis.CSS?.supports("field-sizing", "content");

/** A text of one or more lines that looks like text until it is edited. */
export function text({ lines = false, longest = Infinity, ...attributes } = {}) {
  const element = h("textarea", { rows: 1, spellcheck: "true", dir: "auto", ...attributes });
  const grow = () => {
    if (GROWS) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  };
  if (!lines) element.addEventListener("input", () => oneLine(element));
  const history = new TextUndo(element);
  element.addEventListener("input", grow);
  return {
    element,
    lines,
    get raw() {
      return element.value;
    },
    set raw(written) {
      history.replace(written);
      grow();
    },
    set(value) {
      history.follow(value);
      grow();
    },
    undo(value) {
      history.replace(value);
      grow();
    },
    get() {
      const value = lines ? element.value : element.value.trim();
      const length = [...value].length;
      if (length > longest) {
        const [most, has] = [longest, length].map((count) => count.toLocaleString("en"));
        throw new Error(`This may have ${most} characters, and has ${has}. Nothing is cut off.`);
      }
      return value;
    },
    preview(draft) {
      element.value = draft;
      grow();
    },
  };
}

/** Make one line of what was pasted, with the caret where it was in the words. */
function oneLine(element) {
  const { value, selectionStart } = element;
  if (!/[\r\n]/.test(value)) return;
  const joined = (part) => part.replace(/\s*[\r\n]+\s*/g, " ");
  element.value = joined(value);
  const caret = joined(value.slice(0, selectionStart)).length;
  element.setSelectionRange(caret, caret);
}

/** A control whose element holds the value as it is shown. */
function simple(element, property, rest) {
  return {
    element,
    get raw() {
      return element[property];
    },
    set raw(written) {
      element[property] = written;
    },
    set(value) {
      // To set even the same text would empty the browser's undo and move the caret.
      if (element[property] !== rest.shown(value)) element[property] = rest.shown(value);
    },
    undo(value) {
      this.set(value);
    },
    preview() {},
    ...rest,
  };
}

export function number(attributes) {
  const element = h("input", { inputmode: "decimal", autocomplete: "off", ...attributes });
  return simple(element, "value", {
    shown: String,
    get() {
      const value = Number(element.value.replace(",", "."));
      if (element.value.trim() === "" || !Number.isFinite(value)) {
        throw new Error("This has to be a number.");
      }
      return value;
    },
    preview: (draft) => (element.value = draft),
  });
}

export function toggle(attributes) {
  const element = h("input", { type: "checkbox", role: "switch", class: "switch", ...attributes });
  return simple(element, "checked", { atOnce: true, shown: Boolean, get: () => element.checked });
}

/** An object or a list, as indented JSON. */
export function json(attributes) {
  const control = text({ lines: true, spellcheck: "false", dir: "ltr", ...attributes });
  return Object.create(control, {
    set: { value: (value) => control.set(format(value)) },
    undo: { value: (value) => control.undo(format(value)) },
    get: {
      value() {
        let value;
        try {
          value = JSON.parse(control.element.value);
        } catch {
          throw new Error("This is not valid JSON.");
        }
        if (typeof value !== "object" || value === null) {
          throw new Error("This has to be an object or a list.");
        }
        return value;
      },
    },
  });
}

export function choice(options, attributes) {
  const element = h(
    "select",
    attributes,
    ...options.map(([value, label]) => h("option", { value }, label)),
  );
  return simple(element, "value", { atOnce: true, shown: String, get: () => element.value });
}
