/**
 * The controls in which values are edited. Each has `element`, `set(value)`, `get()` (which
 * throws an Error with words for the person), `preview(text)` for what somebody else is typing,
 * and says whether it saves `atOnce` and takes `lines`.
 */

import { h } from "./dom.js";
import { format } from "./json.js";

const GROWS = globalThis.CSS?.supports("field-sizing", "content");

/** A text of one or more lines that looks like text until it is edited. */
export function text({ lines = false, ...attributes } = {}) {
  const element = h("textarea", { rows: 1, spellcheck: "true", ...attributes });
  const grow = () => {
    if (GROWS) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  };
  element.addEventListener("input", grow);
  return {
    element,
    lines,
    set(value) {
      if (element.value !== value) replace(element, value);
      grow();
    },
    get: () => (lines ? element.value : element.value.trim()),
    preview(draft) {
      element.value = draft;
      grow();
    },
  };
}

/** Change the text where somebody may have the caret: it stays where it was. */
function replace(element, value) {
  const { selectionStart: start, selectionEnd: end } = element;
  const isAll = start === 0 && end === element.value.length;
  element.value = value;
  if (document.activeElement === element) {
    element.setSelectionRange(start, isAll ? value.length : end);
  }
}

export function number(attributes) {
  const element = h("input", { inputmode: "decimal", autocomplete: "off", ...attributes });
  return {
    element,
    set: (value) => (element.value = String(value)),
    get() {
      const value = Number(element.value.replace(",", "."));
      if (element.value.trim() === "" || !Number.isFinite(value)) {
        throw new Error("This has to be a number.");
      }
      return value;
    },
    preview: (draft) => (element.value = draft),
  };
}

export function toggle(attributes) {
  const element = h("input", { type: "checkbox", role: "switch", class: "switch", ...attributes });
  return {
    element,
    atOnce: true,
    set: (value) => (element.checked = value),
    get: () => element.checked,
    preview() {},
  };
}

/** An object or a list, as indented JSON. */
export function json(attributes) {
  const control = text({ lines: true, spellcheck: "false", ...attributes });
  return {
    ...control,
    set: (value) => control.set(format(value)),
    get() {
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
  };
}

export function choice(options, attributes) {
  const element = h(
    "select",
    attributes,
    ...options.map(([value, label]) => h("option", { value }, label)),
  );
  return {
    element,
    atOnce: true,
    set: (value) => (element.value = value),
    get: () => element.value,
    preview() {},
  };
}
