import { h, icon } from "./dom.js";

/** Takes a name and a password; with DEBUG it offers the demo's people too. */
export class SignIn {
  headerElement = null;
  element;
  #session;
  #onSignedIn;
  #note;
  #form;

  /**
   * @param {{session: object, demo: {people: string[], password: string} | null,
   *     message?: string, onSignedIn: () => void}} options
   */
  constructor({ session, demo, message = "", onSignedIn }) {
    this.#session = session;
    this.#onSignedIn = onSignedIn;
    this.#note = h("p", { class: "field-note", "data-kind": "error", role: "alert" }, message);
    this.#form = h(
      "form",
      {
        class: "sign-in-form",
        onsubmit: (event) => {
          event.preventDefault();
          const { username, password } = this.#form.elements;
          this.#signIn(username.value, password.value);
        },
      },
      h("label", { for: "username" }, "Username"),
      h("input", {
        id: "username",
        name: "username",
        required: true,
        autocomplete: "username",
        autocapitalize: "none",
        spellcheck: "false",
      }),
      h("label", { for: "password" }, "Password"),
      h("input", {
        id: "password",
        name: "password",
        type: "password",
        required: true,
        autocomplete: "current-password",
      }),
      this.#note,
      h("button", { class: "button is-primary" }, "Sign in", icon("arrow")),
    );
    document.title = "Sign in · Realtime";
    this.element = h(
      "div",
      { class: "sign-in" },
      h(
        "div",
        { class: "sign-in-words" },
        h(
          "h1",
          { tabindex: -1 },
          "Work on it ",
          marked("together", "bob", 2),
          ", at the same ",
          marked("moment", "carol", 3),
          ".",
        ),
        h("p", {}, "Projects, pictures and what they feel like: everybody sees every change."),
      ),
      h("div", { class: "card" }, this.#form, demo && this.#demo(demo)),
    );
  }

  #demo({ people, password }) {
    const buttons = people.map((name) =>
      h(
        "button",
        { type: "button", class: "button", onclick: () => this.#signIn(name, password) },
        name,
      ),
    );
    return h(
      "div",
      { class: "demo", role: "group", "aria-label": "Sign in as one of the demo's people" },
      h("p", { class: "quiet" }, "Or try it as"),
      h("div", { class: "row" }, ...buttons),
    );
  }

  async #signIn(username, password) {
    this.#note.textContent = "";
    this.element.setAttribute("aria-busy", "true");
    try {
      await this.#session.signIn(username.trim(), password);
      this.#onSignedIn();
    } catch (error) {
      const isOffline = error instanceof TypeError;
      this.#note.textContent = isOffline ? "The server cannot be reached." : error.message;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  close() {}
}

/** Return a word that looks as if somebody had selected it; only the look of it. */
function marked(word, name, color) {
  const mark = h("span", { class: "marked", "data-name": name }, word);
  mark.style.setProperty("--person", `var(--person-${color})`);
  return mark;
}
