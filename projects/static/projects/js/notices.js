import { announce, h, icon } from "./dom.js";

/** Milliseconds for which a notice stays, and one that offers a way back. */
const [STAYS, OFFERED] = [8_000, 10_000];

/** Short messages at the edge of the page. */
export class Notices {
  element = h("div", { class: "notices" });
  /** @type {Set<() => void>} what ends each offer */
  #offers = new Set();

  constructor() {
    window.addEventListener("pagehide", () => this.settle());
  }

  error(text) {
    const notice = h(
      "div",
      { class: "notice", role: "alert" },
      h("p", { dir: "auto" }, text),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Dismiss",
          onclick: () => notice.remove(),
        },
        icon("close"),
      ),
    );
    this.element.append(notice);
    setTimeout(() => notice.remove(), STAYS);
  }

  /**
   * Say what was done, and offer to take it back until the notice goes. It stays while somebody
   * points at it or is in it.
   *
   * @param {() => void} undo
   * @param {() => void} [settle] called instead, once, when it is too late to take it back
   */
  offer(text, undo, settle = () => {}) {
    const end = (outcome) => {
      clearTimeout(timer);
      if (!this.#offers.delete(keep)) return;
      notice.remove();
      outcome();
    };
    const keep = () => end(settle);
    let timer = null;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(keep, OFFERED);
    };
    const stay = () => clearTimeout(timer);
    const notice = h(
      "div",
      {
        class: "notice is-calm",
        role: "status",
        onmouseenter: stay,
        onmouseleave: wait,
        onfocusin: stay,
        onfocusout: wait,
      },
      h("p", { dir: "auto" }, text),
      h("button", { type: "button", class: "button", onclick: () => end(undo) }, "Undo"),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: keep },
        icon("close"),
      ),
    );
    this.#offers.add(keep);
    this.element.append(notice);
    announce(`${text} You can undo it.`);
    wait();
  }

  /** End all offers: what they were about stays done. */
  settle() {
    for (const keep of this.#offers) keep();
  }
}

/** Ask in a dialog; resolve to whether the answer was yes. */
export function confirm(question, answer) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      {
        class: "dialog",
        "aria-label": question,
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h(
        "form",
        { method: "dialog" },
        h("p", { dir: "auto" }, question),
        h(
          "div",
          { class: "row" },
          h("button", { class: "button", value: "no" }, "Cancel"),
          h("button", { class: "button is-primary", value: "yes" }, answer),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
