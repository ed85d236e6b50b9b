import { ConflictPanel } from "./conflict.js";
import { display } from "./difference.js";
import { announce, h, reconcile } from "./dom.js";
import { Editable, RoomValue } from "./editable.js";
import { same } from "./json.js";

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
  #onSettled;

  /**
   * @param project the `ProjectView` that it belongs to
   * @param {{path: string[], label: string, control: object, actions?: Node[], editable?: object,
   *     onSettled?: () => void}} options; without `editable`, it is the project's value at that
   *     path; `onSettled` is called when nothing is left to be saved or decided
   */
  constructor(project, { path, label, control, actions = [], editable, onSettled = () => {} }) {
    this.name = path.join(".");
    this.label = label;
    this.#project = project;
    this.#control = control;
    this.#onSettled = onSettled;
    this.#editable = editable ?? new Editable(new RoomValue(project.room, path));
    this.#conflict = new ConflictPanel(this.#editable, label, (choice) => this.#settle(choice));
    const id = `field-${encodeURIComponent(this.name)}`;
    control.element.id = id;
    this.#note.id = `${id}-note`;
    control.element.setAttribute("aria-describedby", this.#note.id);
    this.element = h(
      "div",
      { class: "field", "data-field": this.name },
      h("label", { for: id, dir: "auto" }, label),
      h("div", { class: "field-body" }, control.element, ...actions, this.#tags),
      this.#note,
      this.#conflict.element,
    );
    this.#listen();
    this.render();
    this.#recover();
  }

  get value() {
    return this.#editable.value;
  }

  get isWaiting() {
    return this.#editable.isWaiting;
  }

  /** True while the person or the server still has to answer. */
  get isUnsettled() {
    return this.#isDirty || this.#editable.isUnsettled;
  }

  focus() {
    this.#control.element.focus();
  }

  /** Delete the value, as `commit(undefined)` does. */
  remove() {
    this.#isDirty = false;
    this.#editable.begin();
    return this.#editable.commit(undefined);
  }

  /** Save what the person has written, as when they leave the field. */
  save() {
    if (!this.#isDirty || this.#editable.conflict) return this.render();
    let value;
    try {
      value = this.#control.get();
    } catch (error) {
      return this.#say(error.message, "error");
    }
    this.#isDirty = false;
    this.#editable.commit(value);
    // A person who stays in the field goes on from the value that they have just saved.
    this.#editable.begin();
    this.#settled();
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
      this.save();
    });
    element.addEventListener("input", () => {
      this.#changed();
      if (atOnce) this.save();
      else this.#project.awareness.enter(this.name, element.value);
    });
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#isDirty && !this.#editable.conflict) {
        event.stopPropagation();
        this.#revert();
      } else if (event.key === "Enter" && !event.isComposing && !atOnce) {
        if (lines ? event.ctrlKey || event.metaKey : !event.shiftKey) {
          event.preventDefault();
          this.save();
        }
      }
    });
    this.#editable.addEventListener("change", () => this.#told());
  }

  /** The person has written something that the server does not have: keep it until it has. */
  #changed() {
    this.#isDirty = true;
    this.#project.drafts.keep(this.name, this.#control.raw, this.#editable.base);
    if (!this.#project.isClosed) this.#project.edits.note(this);
    if (this.#editable.conflict) this.#showConflict();
  }

  /** Take up what an earlier visit to the page has left. */
  #recover() {
    const draft = this.#project.drafts.take(this.name);
    if (!draft) return;
    if (!this.#project.canEdit) return;
    const shown = this.#control.raw;
    this.#editable.begin();
    this.#control.raw = draft.text;
    if (same(this.#control.raw, shown)) return this.#settled();
    this.#changed();
    if (same(draft.base, this.value)) {
      this.#say("What you had not saved is here again. Esc discards it.", "warning");
    } else {
      this.#editable.dispute(this.#written());
    }
  }

  #revert() {
    this.#isDirty = false;
    this.#editable.begin();
    this.#control.undo(this.value);
    this.#project.awareness.enter(this.name);
    this.#say("");
    this.#settled();
    this.render();
  }

  #settle(choice) {
    if (choice === "keepMine") {
      let mine = this.#editable.conflict.mine;
      try {
        if (mine !== undefined) mine = this.#control.get();
      } catch (error) {
        return this.#say(error.message, "error");
      }
      this.#isDirty = false;
      this.#editable.keepMine(mine);
      this.#editable.begin();
    } else {
      this.#isDirty = false;
      this.#editable.takeTheirs();
      if (this.value !== undefined) this.#control.undo(this.value);
    }
    this.#settled();
    this.focus();
  }

  /** Forget the draft once the server has everything, or the person gave it up. */
  #settled() {
    this.#project.edits.note(this);
    if (this.isUnsettled) return;
    this.#project.drafts.drop(this.name);
    this.#onSettled();
  }

  /** Show what the server said of an edit. */
  #told() {
    const { status, message, refused, conflict } = this.#editable;
    if (status === "saving") {
      this.#say(this.#project.isOnline ? "Saving…" : "Kept until you are back online", "saving");
    } else if (status === "saved") {
      this.#say("Saved", "saved");
      if (!this.#isDirty) this.#project.awareness.settle(this.name);
    } else if (status === "error") {
      this.#editable.begin();
      this.#restore(refused.mine);
      this.#say(message, "error");
      announce(`${this.label}: ${message}`);
    } else {
      this.#say("");
    }
    if (conflict) {
      this.#restore(conflict.mine);
      announce(`${this.#other()} changed ${this.label} as well. Choose a version.`);
    }
    this.#showConflict();
    this.#settled();
    this.render();
  }

  #showConflict() {
    this.#conflict.render(this.#other(), this.#written());
  }

  /** Return who made the other version: it may be oneself, in another tab. */
  #other() {
    const { people } = this.#project;
    const isMe = Number(this.#changedBy) === people.me.id;
    return isMe ? "You, in another tab," : people.name(this.#changedBy);
  }

  /** Note who has changed this, without a sign. */
  note(by) {
    this.#changedBy = by;
  }

  /** Return what the person has written, as text. */
  #written() {
    const { conflict } = this.#editable;
    if (conflict && conflict.mine === undefined) return display(undefined);
    return display(this.#control.raw);
  }

  /** Put back what the person wrote and the server did not take, so that they can mend it. */
  #restore(mine) {
    if (this.#isDirty || mine === undefined) return;
    if (this.#control.atOnce && !this.#editable.conflict) return;
    if (!this.#holds(mine)) this.#control.set(mine);
    this.#changed();
  }

  /** Say whether the control stands for a value already, however it is written there. */
  #holds(value) {
    try {
      return same(this.#control.get(), value);
    } catch {
      return false;
    }
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
      // A person in the field may have written the same value in another way: leave it.
      else if (!isHere || !this.#holds(this.value)) this.#control.set(this.value);
    }
    if (this.#editable.conflict) this.#showConflict();
    this.element.classList.toggle("is-drafted", draft !== undefined && !isHere);
    this.#showOthers(others);
  }

  #showOthers(others) {
    const { people } = this.#project;
    this.element.classList.toggle("is-shared", others.length > 0);
    if (others.length) people.paint(this.element, others[0].id);
    const known = new Map([...this.#tags.children].map((tag) => [tag.dataset.user, tag]));
    const tags = others.slice(0, NAMED).map(({ id }) => {
      const tag = known.get(String(id)) ?? h("span", { class: "tag", dir: "auto", "data-user": id });
      tag.textContent = people.name(id);
      return people.paint(tag, id);
    });
    if (others.length > NAMED) {
      const more = known.get("more") ?? h("span", { class: "tag", "data-user": "more" });
      more.textContent = `+${others.length - NAMED}`;
      tags.push(more);
    }
    const flash = known.get("flash");
    reconcile(this.#tags, flash ? [...tags, flash] : tags);
  }

  /** Show for a moment that somebody has just changed this. */
  flash(by) {
    const { people } = this.#project;
    this.#changedBy = by;
    clearTimeout(this.#fadeAt);
    this.#tags.querySelector("[data-user=flash]")?.remove();
    const tag = h("span", { class: "tag tag-flash", dir: "auto", "data-user": "flash" });
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

/** People in a field who are named there. */
const NAMED = 2;
/** Milliseconds for which a change stays marked. */
const FLASH = 4_000;
