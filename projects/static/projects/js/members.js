import { announce, h, icon, reconcile } from "./dom.js";

const ROLES = [
  ["owner", "Owner"],
  ["editor", "Editor"],
  ["viewer", "Viewer"],
];

/** Rows above which the list scrolls by itself. */
const MANY = 8;

/** Show the members of the project, with their roles, and those of them who are here. */
export class Members {
  #project;
  #members = [];
  #list = h("ul", { class: "members", "aria-labelledby": "members-title" });
  #form;
  #heading = h("h2", { id: "members-title", tabindex: -1 }, "People");
  #note = h("p", { class: "field-note", "data-kind": "error", role: "alert" });
  element;

  constructor(project) {
    this.#project = project;
    this.#form = this.#newForm();
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "members-title" },
      this.#heading,
      this.#list,
      this.#form,
      this.#note,
    );
    project.room.on("member_changed", () => this.load());
  }

  async load() {
    this.#members = await this.#project.api.all(`projects/${this.#project.id}/members/`);
    for (const { user_id: id, username } of this.#members) this.#project.people.learn(id, username);
    this.render();
    this.#project.timeline.renew();
  }

  render() {
    const { room } = this.#project;
    const here = new Set(room.members.map((member) => member.user_id));
    this.#form.hidden = room.role !== "owner";
    const known = new Map([...this.#list.children].map((row) => [row.dataset.key, row]));
    const rows = this.#members.map((member) => {
      const key = `${member.user_id} ${member.role} ${room.role}`;
      const row = known.get(key) ?? this.#row(member, key);
      const isHere = here.has(member.user_id);
      row.classList.toggle("is-here", isHere);
      row.querySelector(".presence").textContent = isHere ? "here now" : "";
      return row;
    });
    reconcile(this.#list, rows);
    // A list that scrolls must be reachable by the keyboard.
    if (rows.length > MANY) this.#list.setAttribute("tabindex", "0");
    else this.#list.removeAttribute("tabindex");
  }

  #row({ user_id: id, username, role }, key) {
    const { people, room } = this.#project;
    const isMe = id === people.me.id;
    const isOwner = room.role === "owner";
    const select = h(
      "select",
      {
        "aria-label": `Role of ${username}`,
        onchange: () => this.#change(id, { role: select.value }, () => (select.value = role)),
      },
      ...ROLES.map(([value, label]) => h("option", { value, selected: value === role }, label)),
    );
    const remove = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": isMe ? "Leave this project" : `Remove ${username}`,
        onclick: () => (isMe ? this.#leave(id) : this.#remove(id, username, role)),
      },
      icon(isMe ? "exit" : "close"),
    );
    return h(
      "li",
      { "data-key": key },
      people.avatar(id),
      h(
        "span",
        { class: "member-name" },
        h("bdi", {}, username),
        isMe && h("span", { class: "quiet" }, " (you)"),
        h("span", { class: "presence" }),
      ),
      isOwner ? select : h("span", { class: "role" }, ROLES.find(([value]) => value === role)[1]),
      (isOwner || isMe) && remove,
    );
  }

  #newForm() {
    const name = h("input", {
      id: "member-name",
      required: true,
      placeholder: "Username",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
    });
    const role = h(
      "select",
      { id: "member-role" },
      ...ROLES.map(([value, label]) => h("option", { value, selected: value === "editor" }, label)),
    );
    const add = async (event) => {
      event.preventDefault();
      const member = { username: name.value.trim(), role: role.value };
      const path = `projects/${this.#project.id}/members/`;
      if (await this.#try(() => this.#project.api.post(path, member))) {
        announce(`${member.username} is a member now.`);
        name.value = "";
      }
    };
    return h(
      "form",
      { class: "row", onsubmit: add },
      h("label", { class: "visually-hidden", for: "member-name" }, "Username of a new member"),
      name,
      h("label", { class: "visually-hidden", for: "member-role" }, "Role of the new member"),
      role,
      h("button", { class: "button" }, "Add"),
    );
  }

  async #change(id, data, undo) {
    const path = `projects/${this.#project.id}/members/${id}/`;
    if (!(await this.#try(() => this.#project.api.patch(path, data)))) undo();
  }

  /** Remove somebody, and offer them back in the role that they had. */
  async #remove(id, username, role) {
    const path = `projects/${this.#project.id}/members/`;
    const { api, notices } = this.#project;
    if (!(await this.#try(() => api.delete(`${path}${id}/`)))) return;
    if (this.#project.isClosed) return;
    this.#heading.focus();
    notices.offer(`${username} is removed.`, () => {
      this.#try(() => api.post(path, { username, role }));
    });
  }

  async #leave(id) {
    if (!(await this.#project.confirm("Leave this project?", "Leave"))) return;
    await this.#try(() => this.#project.api.delete(`projects/${this.#project.id}/members/${id}/`));
  }

  /** Do it and show the outcome; resolve to whether it was done. */
  async #try(call) {
    this.#note.textContent = "";
    try {
      await call();
      if (!this.#project.isClosed) await this.load();
      return true;
    } catch (error) {
      if (!this.#project.isClosed) this.#note.textContent = error.message;
      return false;
    }
  }
}
