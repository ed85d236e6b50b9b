/**
 * Builds elements. Text is only ever text: nothing here, or elsewhere on the page, turns a
 * string into markup, and the page's Content Security Policy (Trusted Types) holds us to it.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return a new HTML element.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `onclick` and the like are listeners; true sets
 *     an attribute without a value; false, null and undefined leave it out.
 * @param {...(Node | string | null | undefined | false)} children
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return a new SVG element; as `h`. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.filter((child) => child || child === ""));
  return element;
}

/** Give an element these children, leaving alone what is there already and in order. */
export function reconcile(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.childNodes]) {
    if (!wanted.has(child)) child.remove();
  }
  children.forEach((child, index) => {
    if (parent.childNodes[index] !== child) {
      parent.insertBefore(child, parent.childNodes[index] ?? null);
    }
  });
}

const ICONS = {
  sun: "M12 4V2m0 20v-2m8-8h2M2 12h2m13.7-5.7 1.4-1.4M4.9 19.1l1.4-1.4m0-11.4L4.9 4.9m14.2 14.2-1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0Z",
  moon: "M20 14.5A8 8 0 0 1 9.5 4a8 8 0 1 0 10.5 10.5Z",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  trash: "M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13",
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 20h16",
  spark: "M12 3l1.9 5.6L19.5 10.5l-5.6 1.9L12 18l-1.9-5.6L4.5 10.5l5.6-1.9L12 3Zm7 13 .8 2.2L22 19l-2.2.8L19 22l-.8-2.2L16 19l2.2-.8L19 16Z",
  note: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Zm10-2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z",
  arrow: "M5 12h14m-6-6 6 6-6 6",
  person: "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM5 20c.8-3.6 3.6-5.5 7-5.5s6.2 1.9 7 5.5",
  exit: "M14 4h5v16h-5M4 12h11m-4-4 4 4-4 4",
  play: "M8 5.5v13l11-6.5L8 5.5Z",
  pause: "M7 5h3v14H7zM14 5h3v14h-3z",
  history: "M12 8v4l3 2M4.5 14.5A8 8 0 1 0 6 7L4 9m0-5v5h5",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
};

/** Return an icon; decoration only, so whatever holds it needs a name of its own. */
export function icon(name) {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

/** Say something to people who listen to the page instead of looking at it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
