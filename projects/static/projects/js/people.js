import { h } from "./dom.js";

const COLORS = 8;

/** The people of a project: their names and colours. */
export class People {
  #names = new Map();

  constructor(me) {
    this.me = me;
    this.learn(me.id, me.username);
  }

  learn(id, name) {
    this.#names.set(Number(id), name);
  }

  /** Return the name; people who have left may be unknown. */
  name(id) {
    return this.#names.get(Number(id)) ?? "Somebody";
  }

  /** Return the name, or "You". */
  who(id) {
    return Number(id) === this.me.id ? "You" : this.name(id);
  }

  /** Give an element the person's colour, as the custom property `--person`. */
  paint(element, id) {
    const index = (Number(id) || 0) % COLORS;
    element.style.setProperty("--person", `var(--person-${index})`);
    return element;
  }

  avatar(id) {
    const name = this.name(id);
    const letters = h("span", { class: "avatar", "aria-hidden": "true" }, initials(name));
    return this.paint(letters, id);
  }
}

function initials(name) {
  const words = name.split(/[\s._-]+/).filter(Boolean);
  return (words.length > 1 ? [words[0], words.at(-1)] : words)
    .map((word) => [...word][0].toUpperCase())
    .join("");
}
