import { h, icon } from "./dom.js";

/** Milliseconds for which a notice stays. */
const STAYS = 8_000;

/** Short messages at the edge of the page. */
export class Notices {
  element = h("div", { class: "notices" });

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
