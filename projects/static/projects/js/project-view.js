import { Awareness } from "./awareness.js";
import { Canvases } from "./canvases.js";
import { ConnectionStatus } from "./connection.js";
import { Content } from "./content.js";
import { choice, text } from "./controls.js";
import { announce, h, icon } from "./dom.js";
import { Drafts } from "./drafts.js";
import { Editable, RoomValue } from "./editable.js";
import { Field } from "./field.js";
import { farewell } from "./farewell.js";
import { historyButton } from "./history.js";
import { HereNow } from "./here-now.js";
import { Members } from "./members.js";
import { confirm } from "./notices.js";
import { People } from "./people.js";
import { Timeline } from "./timeline.js";

const STATUSES = [
  ["draft", "Draft"],
  ["active", "Active"],
  ["completed", "Completed"],
  ["archived", "Archived"],
];

/** The sections of a project: what to go to, and its name. */
const SECTIONS = [
  ["main", "Top"],
  ["canvases-title", "Canvases"],
  ["content-title", "Details"],
  ["members-title", "People"],
  ["activity-title", "Activity"],
];

/** The events that the activity tells of, besides edits. */
const TOLD = [
  ...["task_completed", "task_failed", "member_changed"],
  ...["canvas_added", "canvas_renamed", "canvas_replaced", "canvas_removed"],
];

/** One project, live: what its parts share, and how they are put together. */
export class ProjectView {
  element = h("div", { class: "project" }, h("p", { class: "loading" }, "Opening the project…"));
  /** The part of the page's header for the open project. */
  headerElement = h("div", { class: "header-project" });
  isClosed = false;
  /** The project as the person found it, and its position. */
  opened = { seq: 0, state: {} };

  #here;
  #badge = h("span", { class: "badge", hidden: true }, icon("lock"), "View only");
  #heading = h("h1", { class: "visually-hidden" });
  #fields = [];

  /**
   * @param realtime the connection of the tab, which outlives the view
   * @param edits what is not saved yet, of this view and of those before
   */
  constructor({ id, api, realtime, edits, user, notices }) {
    this.id = id;
    this.api = api;
    this.notices = notices;
    this.people = new People(user);
    this.edits = edits;
    this.realtime = realtime;
    this.connection = new ConnectionStatus(this.realtime, this.edits);
    this.#here = new HereNow(this.people);
    this.headerElement.append(this.#badge, this.#here.element, this.connection.element);
    this.room = this.realtime.join("project", id);
    this.awareness = new Awareness(this.room, user);
    this.#open();
  }

  get canEdit() {
    return this.room.role === "owner" || this.room.role === "editor";
  }

  get isOnline() {
    return this.realtime.state === "online";
  }

  confirm(question, answer) {
    return confirm(question, answer);
  }

  /** Make a value what it was before, as one more edit of the person's. */
  set(path, value) {
    const edit = new Editable(new RoomValue(this.room, path));
    edit.addEventListener("change", () => {
      this.edits.note(edit);
      if (edit.status === "error") this.notices.error(edit.message);
      if (edit.status !== "conflict") return;
      this.notices.error(`Somebody has changed ${path.at(-1)} meanwhile: theirs stays.`);
      edit.takeTheirs();
    });
    edit.commit(value);
  }

  async #open() {
    this.room.on("access_revoked", () => this.#end());
    this.room.on("change", () => this.#end());
    try {
      this.drafts = await Drafts.open(this.people.me.id, this.id);
      await this.room.ready;
    } catch {
      this.#end();
      return;
    }
    if (this.isClosed) return;
    this.opened = { seq: this.room.seq, state: this.room.state };
    this.#build();
    this.#listen();
    this.#render();
    await this.#load();
  }

  #build() {
    this.#fields = [
      new Field(this, {
        path: ["title"],
        label: "Title",
        control: text({ longest: 200, class: "title-input", placeholder: "Untitled" }),
        actions: [historyButton(this, ["title"], "Title")],
      }),
      new Field(this, {
        path: ["status"],
        label: "Status",
        control: choice(STATUSES, { class: "status-input" }),
      }),
      new Field(this, {
        path: ["description"],
        label: "Description",
        control: text({ lines: true, longest: 10_000, placeholder: "What is this about?" }),
        actions: [historyButton(this, ["description"], "Description")],
      }),
    ];
    this.content = new Content(this);
    this.canvases = new Canvases(this);
    this.timeline = new Timeline(this);
    this.members = new Members(this);
    this.deleteButton = h(
      "button",
      { type: "button", class: "button is-danger", onclick: () => this.#delete() },
      icon("trash"),
      "Delete project",
    );
    this.element.replaceChildren(
      sections(),
      h(
        "div",
        { class: "project-main" },
        this.#heading,
        h("div", { class: "project-head" }, ...this.#fields.map((field) => field.element)),
        this.canvases.element,
        this.content.element,
      ),
      h(
        "aside",
        { class: "project-side", "aria-label": "People and activity" },
        this.members.element,
        this.timeline.element,
        this.deleteButton,
      ),
    );
  }

  #listen() {
    const { room } = this;
    room.on("change", () => this.#render());
    this.awareness.addEventListener("change", () => this.#render());
    room.on("snapshot", () => this.#load());
    room.on("project_updated", (payload, message) => {
      this.timeline.add(message);
      this.#flash(payload);
    });
    for (const type of TOLD) room.on(type, (_, message) => this.timeline.add(message));
    room.on("user_joined", ({ user_id: id, username }) => this.people.learn(id, username));
  }

  /** Fetch what the room does not tell. */
  async #load() {
    const parts = [this.members, this.canvases, this.timeline];
    const outcomes = await Promise.allSettled(parts.map((part) => part.load()));
    this.timeline.renew();
    const failed = outcomes.find(({ status }) => status === "rejected");
    if (failed && !this.isClosed) this.notices.error(failed.reason.message);
  }

  #render() {
    const { room, people } = this;
    if (this.isClosed || room.state === null) return;
    this.#heading.textContent = room.state.title;
    document.title = `${room.state.title} · Realtime`;
    this.element.classList.toggle("is-read-only", !this.canEdit);
    this.#badge.hidden = this.canEdit;
    this.deleteButton.hidden = room.role !== "owner";
    for (const { user_id: id, username } of room.members) people.learn(id, username);
    for (const field of this.#fields) field.render();
    for (const part of [this.content, this.canvases, this.members]) part.render();
    this.headerElement.classList.toggle("is-away", !room.joined);
    this.#here.render(room.members);
  }

  #flash({ changes, updated_by: by }) {
    const { content = {}, ...fields } = changes;
    if (Number(by) === this.people.me.id) {
      for (const field of this.#fields) if (field.name in fields) field.note(by);
      this.content.note(content, by);
      return;
    }
    for (const field of this.#fields) if (field.name in fields) field.flash(by);
    this.content.flash(content, by);
    const names = [...Object.keys(fields), ...Object.keys(content)];
    announce(`${this.people.name(by)} changed ${names.join(", ")}.`);
  }

  async #delete() {
    const question = `Delete “${this.room.state.title}” for everybody? This cannot be undone.`;
    if (!(await confirm(question, "Delete"))) return;
    try {
      await this.api.delete(`projects/${this.id}/`);
      location.hash = "#/";
    } catch (error) {
      this.notices.error(error.message);
    }
  }

  /** Say kindly why there is nothing to see any more. */
  #end() {
    const { ended } = this.room;
    if (this.isClosed || ended === null || ended.code === "CLOSED") return;
    const code = ended.code;
    this.close();
    this.element.replaceChildren(farewell(code));
    this.headerElement.replaceChildren();
    document.title = "Realtime";
    this.element.querySelector("h1").focus();
  }

  close() {
    if (this.isClosed) return;
    this.edits.leave();
    this.notices.settle();
    this.isClosed = true;
    this.awareness.close();
    this.connection.close();
    this.timeline?.close();
    this.room.leave(); // once what was changed before is saved
  }
}

/** Return the way to each section, for screens that show one at a time. */
function sections() {
  const go = (target) => {
    document.getElementById(target).focus({ preventScroll: true });
    document.getElementById(target).scrollIntoView();
  };
  const buttons = SECTIONS.map(([target, label]) =>
    h("button", { type: "button", onclick: () => go(target) }, label),
  );
  return h("nav", { class: "sections", "aria-label": "Sections" }, ...buttons);
}
