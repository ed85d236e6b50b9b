import { announce, h, reconcile } from "./dom.js";
import { Editable } from "./editable.js";
import { ConflictPanel } from "./conflict.js";

/**
 * One value on the page: its control, who else is in it, what just happened to it, and the
 * conflict that there may be. The control is always there; to begin is to focus it.
 *
 * Enter saves (in a text of several lines, Ctrl or ⌘ with it), leaving saves, Esc undoes.
 */
export class Field {
  #project;
  #control;
  #editable;
  #isDirty = false;
  #tags = h("span", { class: "field-tags" });
  #note = h("p", { class: "field-note" });
  #conflict;
  #fadeAt = null;
  #changedBy = null;

  /**
   * @param project the `ProjectView` that it belongs to
   * @param {{path: string[], label: string, control: object, actions?: Node[], editable?: object}}
   *     options; without `editable`, it is the project's value at that path
   */
  constructor(project, { path, label, control, actions = [], editable }) {
    this.name = path.join(".");
    this.label = label;
    this.#project = project;
    this.#control = control;
    this.#editable = editable ?? new Editable(project.room, path);
    this.#conflict = new ConflictPanel(this.#editable, label, () => this.focus());
    const id = `field-${encodeURIComponent(this.name)}`;
    control.element.id = id;
    this.#note.id = `${id}-note`;
    control.element.setAttribute("aria-describedby", this.#note.id);
    this.element = h(
      "div",
      { class: "field", "data-field": this.name },
      h("label", { for: id }, label),
      h("div", { class: "field-body" }, control.element, ...actions, this.#tags),
      this.#note,
      this.#conflict.element,
    );
    this.#listen();
    this.render();
  }

  get value() {
    return this.#editable.value;
  }

  /** Whether something is left for the person or the server to say. */
  get isUnsettled() {
    return this.#isDirty || this.#editable.isWaiting || this.#editable.conflict !== null;
  }

  focus() {
    this.#control.element.focus();
  }

  /** Delete the value, as `commit(undefined)` does. */
  remove() {
    this.#editable.begin();
    return this.#editable.commit(undefined);
  }

  #listen() {
    const { element, atOnce, lines } = this.#control;
    element.addEventListener("focus", () => {
      if (!this.#isDirty) this.#editable.begin();
      this.#project.awareness.enter(this.name);
      this.render();
    });
    element.addEventListener("blur", () => {
      this.#project.awareness.leave(this.name);
      this.#commit();
    });
    element.addEventListener("input", () => {
      this.#isDirty = true;
      if (atOnce) this.#commit();
      else this.#project.awareness.enter(this.name, element.value);
    });
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#isDirty) {
        event.stopPropagation();
        this.#revert();
      } else if (event.key === "Enter" && !event.isComposing && !atOnce) {
        if (lines ? event.ctrlKey || event.metaKey : !event.shiftKey) {
          event.preventDefault();
          this.#commit();
        }
      }
    });
    this.#editable.addEventListener("change", () => this.#told());
  }

  #commit() {
    if (!this.#isDirty) return this.render();
    let value;
    try {
      value = this.#control.get();
    } catch (error) {
      return this.#say(error.message, "error");
    }
    this.#isDirty = false;
    this.#editable.commit(value);
    // Who stays in the field goes on from what they have just saved.
    this.#editable.begin();
  }

  #revert() {
    this.#isDirty = false;
    this.#editable.begin();
    this.#project.awareness.enter(this.name);
    this.#say("");
    this.render();
  }

  /** Show what the server said of an edit. */
  #told() {
    const { status, message, refused } = this.#editable;
    this.#project.edits.note(this.#editable);
    if (status === "saving") {
      this.#say(this.#project.isOnline ? "Saving…" : "Kept until you are back online", "saving");
    } else if (status === "saved") {
      this.#say("Saved", "saved");
    } else if (status === "error") {
      this.#restore(refused.mine);
      this.#say(message, "error");
      announce(`${this.label}: ${message}`);
    } else {
      this.#say("");
    }
    const other = this.#project.people.name(this.#changedBy);
    this.#conflict.render(other);
    if (status === "conflict") announce(`${other} changed ${this.label} as well. Choose a version.`);
    this.render();
  }

  /** Put back what the person wrote and the server refused, so that they can mend it. */
  #restore(mine) {
    if (this.#isDirty || this.#control.atOnce || mine === undefined) return;
    this.#control.set(mine);
    this.#isDirty = true;
  }

  /** Bring the control up to the room's state, unless the person is changing it. */
  render() {
    const { element } = this.#control;
    const isHere = document.activeElement === element;
    const others = this.#project.awareness.in(this.name);
    const draft = others.find((other) => other.draft !== undefined)?.draft;
    const canEdit = this.#project.canEdit;
    if ("readOnly" in element && element.type !== "checkbox") element.readOnly = !canEdit;
    else element.disabled = !canEdit;
    if (!this.#isDirty && this.value !== undefined) {
      if (isHere) this.#editable.begin();
      if (draft !== undefined && !isHere) this.#control.preview(draft);
      else this.#control.set(this.value);
    }
    this.element.classList.toggle("is-drafted", draft !== undefined && !isHere);
    this.#showOthers(others);
  }

  #showOthers(others) {
    const { people } = this.#project;
    this.element.classList.toggle("is-shared", others.length > 0);
    if (others.length) people.paint(this.element, others[0].id);
    const known = new Map([...this.#tags.children].map((tag) => [tag.dataset.user, tag]));
    const tags = others.map(({ id }) => {
      const tag = known.get(String(id)) ?? h("span", { class: "tag", "data-user": id });
      tag.textContent = people.name(id);
      return people.paint(tag, id);
    });
    const flash = known.get("flash");
    reconcile(this.#tags, flash ? [...tags, flash] : tags);
  }

  /** Show for a moment that somebody has just changed this. */
  flash(by) {
    const { people } = this.#project;
    this.#changedBy = by;
    clearTimeout(this.#fadeAt);
    this.#tags.querySelector("[data-user=flash]")?.remove();
    const tag = h("span", { class: "tag tag-flash", "data-user": "flash" });
    tag.textContent = `${people.name(by)} changed this`;
    this.#tags.append(people.paint(tag, by));
    people.paint(this.element, by);
    this.element.classList.remove("is-flashing");
    void this.element.offsetWidth; // starts the animation anew
    this.element.classList.add("is-flashing");
    this.#fadeAt = setTimeout(() => {
      tag.remove();
      this.element.classList.remove("is-flashing");
    }, FLASH);
    if (this.#isDirty) {
      this.#say(`${people.name(by)} has changed this while you were writing.`, "warning");
    }
  }

  #say(words, kind = "") {
    this.#note.textContent = words;
    this.#note.dataset.kind = kind;
  }
}

/** Milliseconds for which a change stays marked. */
const FLASH = 4_000;
