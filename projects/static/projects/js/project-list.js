import { h, icon, reconcile } from "./dom.js";

/** The person's projects, and a way to begin another. */
export class ProjectList {
  #api;
  #list = h("ul", { class: "projects" }, h("li", { class: "loading" }, "Loading…"));
  #note = h("p", { class: "field-note", "data-kind": "error", role: "alert" });
  #isClosed = false;
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
      this.#list,
    );
    this.#load();
  }

  /** Show all, each page when it comes: those that changed last are on top. */
  async #load() {
    const items = [];
    try {
      for await (const projects of this.#api.pages("projects/")) {
        if (this.#isClosed) return;
        for (const project of projects) items.push({ project, element: item(project) });
        items.sort((one, other) =>
          other.project.updated_at.localeCompare(one.project.updated_at),
        );
        const empty = h("li", { class: "quiet" }, "You are in no project yet. Create one above.");
        reconcile(this.#list, items.length ? items.map(({ element }) => element) : [empty]);
      }
    } catch (error) {
      this.#list.querySelector(".loading")?.remove();
      this.#note.textContent = error.message;
    }
  }

  close() {
    this.#isClosed = true;
  }
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
