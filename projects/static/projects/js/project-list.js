import { announce, h, icon, reconcile } from "./dom.js";

/** Projects that are shown at first, and more at a time. */
const PAGE = 48;
/** Projects among which nobody needs a search. */
const FEW = 6;

/** The person's projects, a way to find one, and a way to begin another. */
export class ProjectList {
  #api;
  #list = h("ul", { class: "projects" }, h("li", { class: "loading" }, "Loading…"));
  #note = h("p", { class: "field-note", "data-kind": "error", role: "alert" });
  #isClosed = false;
  /** @type {{project: object, element: Element}[]} those that changed last first */
  #items = [];
  #limit = PAGE;
  #search;
  #more;
  headerElement = null;
  element;

  constructor({ api }) {
    this.#api = api;
    document.title = "Projects · Realtime";
    const title = h("input", {
      id: "new-project",
      required: true,
      dir: "auto",
      placeholder: "Title of a new project",
      autocomplete: "off",
    });
    const create = async (event) => {
      event.preventDefault();
      try {
        const project = await this.#api.post("projects/", { title: title.value });
        location.hash = `#/projects/${project.id}`;
      } catch (error) {
        this.#note.textContent = error.message;
      }
    };
    this.#search = h("input", {
      id: "search",
      type: "search",
      dir: "auto",
      placeholder: "Find a project",
      autocomplete: "off",
      oninput: () => this.#find(),
    });
    const more = { type: "button", class: "button show-more", hidden: true, onclick: () => this.#showMore() };
    this.#more = h("button", more);
    this.element = h(
      "div",
      { class: "project-list" },
      h("h1", { tabindex: -1 }, "Projects"),
      h(
        "form",
        { class: "row", onsubmit: create },
        h("label", { class: "visually-hidden", for: "new-project" }, "Title of a new project"),
        title,
        h("button", { class: "button is-primary" }, icon("plus"), "Create"),
      ),
      this.#note,
      h(
        "div",
        { class: "search", role: "search", hidden: true },
        h("label", { class: "visually-hidden", for: "search" }, "Find a project"),
        this.#search,
      ),
      this.#list,
      this.#more,
    );
    this.#load();
  }

  /** Fetch all, and show each page when it comes. */
  async #load() {
    try {
      for await (const projects of this.#api.pages("projects/")) {
        if (this.#isClosed) return;
        for (const project of projects) this.#items.push({ project, element: item(project) });
        this.#items.sort((one, other) =>
          other.project.updated_at.localeCompare(one.project.updated_at),
        );
        this.#render();
      }
    } catch (error) {
      this.#list.querySelector(".loading")?.remove();
      this.#note.textContent = error.message;
    }
  }

  #find() {
    this.#limit = PAGE;
    const count = this.#render();
    announce(count === 1 ? "1 project found." : `${count} projects found.`);
  }

  #showMore() {
    const first = this.#list.children.length;
    this.#limit += PAGE;
    this.#render();
    this.#list.children[first]?.querySelector("a").focus();
  }

  /** Show those in which each word of the search stands; return how many these are. */
  #render() {
    const words = folded(this.#search.value).split(/\s+/);
    const found = this.#items.filter(({ project: { title, description, status } }) => {
      const text = folded(`${title}\n${description}\n${status}`);
      return words.every((word) => text.includes(word));
    });
    const empty = this.#items.length
      ? "No project has these words."
      : "You are in no project yet. Create one above.";
    const rows = found.slice(0, this.#limit).map(({ element }) => element);
    reconcile(this.#list, rows.length ? rows : [h("li", { class: "quiet" }, empty)]);
    const hidden = found.length - rows.length;
    this.#more.hidden = hidden === 0;
    this.#more.textContent = `Show ${Math.min(hidden, PAGE)} more of ${hidden}`;
    this.#search.parentElement.hidden = this.#items.length <= FEW;
    return found.length;
  }

  close() {
    this.#isClosed = true;
  }
}

/** Return a text as it is searched: without case and accents. */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim();
}

function item({ id, title, description, status, role, updated_at: updatedAt }) {
  const updated = new Date(updatedAt).toLocaleDateString("en", { month: "short", day: "numeric" });
  return h(
    "li",
    {},
    h(
      "a",
      { class: "card project-item", href: `#/projects/${id}` },
      h("h2", { dir: "auto" }, title),
      h("p", { class: "project-item-text", dir: "auto" }, description || "No description yet."),
      h(
        "p",
        { class: "project-item-foot" },
        h("span", { class: "badge", "data-status": status }, status),
        h("span", { class: "quiet" }, `${role} · updated ${updated}`),
      ),
    ),
  );
}
