import { h, icon, reconcile, s } from "./dom.js";

/** The page's header: the way home, what the view puts there, the theme, and who is signed in. */
export class Header {
  #slot = h("div", { class: "header-slot" });
  #user = h("div", { class: "header-user" });
  element;

  constructor({ onSignOut, onSkip }) {
    this.onSignOut = onSignOut;
    // A button, as the address names the view.
    const skip = h("button", { type: "button", class: "skip-link", onclick: onSkip });
    skip.textContent = "Skip to the content";
    this.element = h(
      "header",
      { class: "header" },
      skip,
      h("a", { class: "brand", href: "#/" }, mark(), h("span", {}, "Realtime")),
      this.#slot,
      themeButton(),
      this.#user,
    );
  }

  show(view, user) {
    reconcile(this.#slot, view.headerElement ? [view.headerElement] : []);
    this.#user.replaceChildren(...(user ? this.#signedIn(user) : []));
  }

  #signedIn(user) {
    return [
      h("span", { class: "user-name", dir: "auto" }, user.username),
      h(
        "button",
        {
          type: "button",
          class: "icon-button",
          "aria-label": "Sign out",
          title: "Sign out",
          onclick: () => this.onSignOut(),
        },
        icon("exit"),
      ),
    ];
  }
}

function mark() {
  return s(
    "svg",
    { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    s("circle", { class: "brand-full", cx: 12, cy: 16, r: 9 }),
    s("circle", { class: "brand-ring", cx: 22, cy: 16, r: 7.5 }),
  );
}

/** Changes between light and dark, away from what the system says and back. */
function themeButton() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const system = () => (dark.matches ? "dark" : "light");
  const current = () => root.dataset.theme ?? system();
  const button = h("button", { type: "button", class: "icon-button theme-button", onclick: change });

  function change() {
    const next = current() === "dark" ? "light" : "dark";
    if (next === system()) {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.theme = next;
      localStorage.setItem("theme", next);
    }
    show();
  }

  function show() {
    const next = current() === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Use the ${next} theme`);
    button.title = `Use the ${next} theme`;
    button.replaceChildren(icon(next === "dark" ? "moon" : "sun"));
  }

  dark.addEventListener("change", show);
  show();
  return button;
}
