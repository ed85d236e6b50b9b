/** Shows people what is different between two values. */

import { h } from "./dom.js";
import { format } from "./json.js";
import { parts } from "./text-difference.js";

/** Characters of what stayed the same that stand beside a change. */
const CONTEXT = 16;
/** Characters of one change, and of all of them, in a line. */
const [LONGEST_CHANGE, LONGEST_LINE] = [60, 140];

/** Return a value as the text that a person compares. */
export function display(value) {
  if (value === undefined) return "(deleted)";
  return typeof value === "string" ? value : format(value);
}

/** Return all of two texts, as elements: what only one of them has is marked. */
export function difference(before, after) {
  return parts(before, after).map(({ kind, text }) => h(TAGS[kind], {}, text));
}

/** Return what is different, with a few words around it, to stand in a line. */
export function brief(before, after) {
  const all = parts(before, after);
  const shown = [];
  let length = 0;
  for (const [index, { kind, text }] of all.entries()) {
    const words =
      kind === "same"
        ? around([...text], index === 0, index === all.length - 1)
        : shortened(text, LONGEST_CHANGE);
    shown.push(h(TAGS[kind], {}, words));
    length += words.length;
    if (length > LONGEST_LINE && index < all.length - 1) {
      shown.push("…");
      break;
    }
  }
  return h("span", { class: "difference-brief", dir: "auto" }, ...shown);
}

/** Return a text, or its beginning where it is longer than so many characters. */
export function shortened(text, longest) {
  const characters = [...text];
  return characters.length > longest ? `${characters.slice(0, longest - 1).join("")}…` : text;
}

function around(characters, isFirst, isLast) {
  if (characters.length <= 2 * CONTEXT) return characters.join("");
  const head = isFirst ? [] : characters.slice(0, CONTEXT);
  const tail = isLast ? [] : characters.slice(-CONTEXT);
  return [...head, "…", ...tail].join("");
}

const TAGS = { same: "span", deleted: "del", inserted: "ins" };
