import { h, icon, reconcile } from "./dom.js";
import { json, number, text, toggle } from "./controls.js";
import { Editable, RoomValue } from "./editable.js";
import { Field } from "./field.js";
import { historyButton } from "./history.js";

const KINDS = {
  text: { label: "Text", first: "", control: () => text() },
  number: { label: "Number", first: 0, control: () => number() },
  toggle: { label: "Yes or no", first: false, control: () => toggle() },
  json: { label: "JSON", first: {}, control: () => json() },
};

function kindOf(value) {
  return { string: "text", number: "number", boolean: "toggle" }[typeof value] ?? "json";
}

/** The keys and values of a project's content: to add, edit and delete. */
export class Content {
  #project;
  #fields = new Map();
  #list = h("div", { class: "content-list" });
  #empty = h("p", { class: "quiet" }, "No details yet.");
  #form;
  #heading = h("h2", { id: "content-title", tabindex: -1 }, "Details");
  element;

  constructor(project) {
    this.#project = project;
    for (const name of project.drafts.fields) this.#recover(name);
    this.#form = this.#newForm();
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "content-title" },
      this.#heading,
      this.#list,
      this.#form,
    );
  }

  render() {
    const content = this.#project.room.state.content ?? {};
    for (const [key, { kind, field }] of this.#fields) {
      const isGone = !Object.hasOwn(content, key);
      const isOther = isGone || kind !== kindOf(content[key]);
      if (isOther && !field.isUnsettled) this.#fields.delete(key);
    }
    for (const key of Object.keys(content)) {
      if (!this.#fields.has(key)) this.#fields.set(key, this.#newField(key, content[key]));
    }
    const fields = [...this.#fields.values()].map(({ field }) => field);
    for (const field of fields) field.render();
    const rows = fields.map((field) => field.element);
    reconcile(this.#list, rows.length ? rows : [this.#empty]);
    this.#form.hidden = !this.#project.canEdit;
  }

  note(changes, by) {
    for (const key of Object.keys(changes)) this.#fields.get(key)?.field.note(by);
  }

  flash(changes, by) {
    for (const key of Object.keys(changes)) this.#fields.get(key)?.field.flash(by);
  }

  /** Show a detail that was made but never saved, for the person to save now. */
  #recover(name) {
    const [first, ...rest] = name.split(".");
    const key = rest.join(".");
    if (first !== "content" || Object.hasOwn(this.#project.room.state.content ?? {}, key)) return;
    const { base } = this.#project.drafts.peek(name);
    this.#fields.set(key, this.#newField(key, base));
  }

  #newField(key, value) {
    const kind = kindOf(value);
    const remove = h(
      "button",
      {
        type: "button",
        class: "icon-button for-editors",
        "aria-label": `Delete ${key}`,
        onclick: () => this.#remove(key, field),
      },
      icon("trash"),
    );
    const control = KINDS[kind].control();
    const field = new Field(this.#project, {
      path: ["content", key],
      label: key,
      control,
      // A field that was deleted or became another kind stays until then.
      onSettled: () => queueMicrotask(() => this.#project.isClosed || this.render()),
      actions: [historyButton(this.#project, ["content", key], key), remove],
    });
    field.element.classList.add(`is-${kind}`);
    return { kind, field };
  }

  /** Delete a detail, and offer it back as it was. */
  #remove(key, field) {
    const { value } = field;
    field.remove();
    this.#heading.focus();
    const { notices, room } = this.#project;
    notices.offer(`“${key}” is deleted.`, () => {
      const isAnother = Object.hasOwn(room.state.content ?? {}, key);
      if (isAnother) notices.error(`Somebody has made another “${key}”: theirs stays.`);
      else this.#project.set(["content", key], value);
    });
  }

  #newForm() {
    const name = h("input", {
      id: "new-key",
      required: true,
      dir: "auto",
      placeholder: "New detail",
      autocomplete: "off",
    });
    const kind = h(
      "select",
      { id: "new-kind" },
      ...Object.entries(KINDS).map(([value, { label }]) => h("option", { value }, label)),
    );
    const note = h("p", { class: "field-note", "data-kind": "error", role: "alert" });
    const add = async (event) => {
      event.preventDefault();
      note.textContent = "";
      const key = name.value.trim();
      if (!key) return;
      if (this.#fields.has(key)) {
        note.textContent = `There is a “${key}” already.`;
        return;
      }
      const created = new Editable(new RoomValue(this.#project.room, ["content", key]));
      created.addEventListener("change", () => {
        this.#project.edits.note(created);
        note.textContent = created.message;
      });
      created.commit(KINDS[kind.value].first);
      name.value = "";
      this.render();
      this.#fields.get(key)?.field.focus();
    };
    return h(
      "form",
      { class: "row for-editors", onsubmit: add },
      h("label", { class: "visually-hidden", for: "new-key" }, "Name of the new detail"),
      name,
      h("label", { class: "visually-hidden", for: "new-kind" }, "Its kind"),
      kind,
      h("button", { class: "button" }, icon("plus"), "Add"),
      note,
    );
  }
}
