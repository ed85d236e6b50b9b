import { brief, shortened } from "./difference.js";
import { h, icon, reconcile } from "./dom.js";
import { ago } from "./time.js";

/** Milliseconds within which edits of one person and one thing make one entry. */
const TOGETHER = 120_000;
/** Entries that are shown; the log has all. */
const SHOWN = 60;

const TASKS = { analyze_image_emotion: "analysis", compose_soundscape: "soundscape" };
const MARKS = { task_failed: "close", member_changed: "person" };
/** Members of events that name their author. */
const AUTHORS = ["updated_by", "added_by", "renamed_by", "replaced_by", "removed_by"];
/** Characters of a value or a name that stand in an entry. */
const LONGEST = 60;

/** Show the project's events: from its log, then live. */
export class Timeline {
  #project;
  /** @type {Map<number, object>} by `seq` */
  #events = new Map();
  #list = h("ol", { class: "timeline", tabindex: 0, "aria-labelledby": "activity-title" });
  #clock;
  element;

  constructor(project) {
    this.#project = project;
    this.element = h(
      "section",
      { class: "card", "aria-labelledby": "activity-title" },
      h("h2", { id: "activity-title", tabindex: -1 }, "Activity"),
      this.#list,
    );
    this.#clock = setInterval(() => this.render(), 30_000);
  }

  close() {
    clearInterval(this.#clock);
  }

  /** Fetch what happened before. */
  async load() {
    const { events } = await this.#project.api.get(`projects/${this.#project.id}/events/`);
    this.#take(events);
  }

  #take(events) {
    for (const { seq, type, payload, user, created_at: at, before } of events) {
      if (user) this.#project.people.learn(user.id, user.username);
      const replaced = before?.description;
      const told = { type, payload, by: user?.id ?? null, at: new Date(at), before: replaced };
      this.#events.set(seq, { seq, ...told });
    }
    this.render();
  }

  /** Ask who it was, of an event that does not name them. */
  async #learn(seq) {
    const { api, id } = this.#project;
    try {
      const { events } = await api.get(`projects/${id}/events/?since=${seq - 1}&limit=1`);
      this.#take(events.filter((event) => event.seq === seq));
    } catch {
      // Then the entry goes on without a name.
    }
  }

  /** Add an event that has just come from the room. */
  add({ type, payload, seq }) {
    if (seq === undefined || this.#events.has(seq)) return;
    const author = AUTHORS.find((name) => name in payload);
    const by = author ? payload[author] : null;
    this.#events.set(seq, { seq, type, payload, by, at: new Date() });
    this.render();
    if (type === "member_changed") this.#learn(seq);
  }

  /** Write every entry anew: names have become known. */
  renew() {
    this.#list.replaceChildren();
    this.render();
  }

  render() {
    const events = [...this.#events.values()].sort((one, other) => other.seq - one.seq);
    this.#compare(events);
    const entries = together(events).slice(0, SHOWN);
    const known = new Map([...this.#list.children].map((row) => [row.dataset.key, row]));
    const rows = entries.map((entry) => {
      const key = `${entry.first}-${entry.seq}-${entry.by}`;
      const row = known.get(key) ?? this.#row(entry, key);
      row.querySelector("time").textContent = ago(entry.at);
      return row;
    });
    reconcile(this.#list, rows.length ? rows : [h("li", { class: "quiet" }, "Nothing yet.")]);
  }

  /** Note with each change of the description what it was before, where that is known. */
  #compare(events) {
    const { seq, state } = this.#project.opened;
    let before = null;
    for (const event of events.toReversed()) {
      if (event.seq > seq) before ??= state.description;
      const after = event.payload.changes?.description;
      if (after === undefined) continue;
      event.before ??= before;
      before = after;
    }
  }

  #row(entry, key) {
    const time = h("time", { datetime: entry.at.toISOString(), title: entry.at.toLocaleString() });
    const { mark, words } = this.#tell(entry);
    return h("li", { "data-key": key }, mark, h("p", {}, ...words, " ", time));
  }

  #tell({ type, payload, by, before }) {
    const { people } = this.#project;
    const person = by === null || by === "system" ? null : by;
    const mark = person
      ? people.avatar(person)
      : h("span", { class: "avatar avatar-system" }, icon(MARKS[type] ?? "spark"));
    const who = person ? h("b", { dir: "auto" }, people.who(person)) : null;
    return { mark, words: this.#words(type, payload, who, before) };
  }

  #words(type, payload, who, before) {
    const { people, canvases } = this.#project;
    const subject = who ?? h("b", {}, "The system");
    switch (type) {
      case "project_updated":
        return [subject, " changed ", ...changesInWords(payload.changes, before)];
      case "canvas_added":
        return [subject, " added the canvas ", quoted(payload.title)];
      case "canvas_renamed":
        return [subject, " renamed a canvas to ", quoted(payload.title)];
      case "canvas_replaced":
        return [subject, " replaced the picture of ", quoted(payload.title)];
      case "canvas_removed":
        return [subject, " deleted the canvas ", quoted(payload.title)];
      case "member_changed": {
        const name = h("b", { dir: "auto" }, people.name(payload.user_id));
        const by = who ? [subject, " "] : [];
        if (payload.role === null) return who ? [...by, "removed ", name] : [name, " left"];
        return who
          ? [...by, "made ", name, ` ${withArticle(payload.role)}`]
          : [name, ` is now ${withArticle(payload.role)}`];
      }
      case "task_completed": {
        const title = canvases.title(payload.result?.canvas_id);
        const task = TASKS[payload.task_type] ?? payload.task_type;
        const label = payload.result?.label;
        return [
          `The ${task} of `,
          quoted(title),
          ...(label ? [" says ", h("b", {}, label)] : [" is ready"]),
        ];
      }
      case "task_failed":
        return [`The ${TASKS[payload.task_type] ?? payload.task_type} failed: ${payload.error}`];
      default:
        return [subject, ` ${type.replaceAll("_", " ")}`];
    }
  }
}

/** Join what one person did to the same things within a short time; the newest stands for all. */
function together(events) {
  const entries = [];
  for (const event of events) {
    const last = entries.at(-1);
    if (last && isSameEdit(last, event) && last.from - event.at < TOGETHER) {
      last.first = event.seq;
      last.before = event.before;
      last.from = event.at;
    } else {
      entries.push({ ...event, first: event.seq, from: event.at });
    }
  }
  return entries;
}

function isSameEdit(one, other) {
  return (
    one.type === "project_updated" &&
    other.type === "project_updated" &&
    String(one.by) === String(other.by) &&
    names(one.payload.changes).join() === names(other.payload.changes).join()
  );
}

function names(changes) {
  return Object.keys(changes).flatMap((field) =>
    field === "content" ? Object.keys(changes.content).map((key) => `content.${key}`) : [field],
  );
}

function changesInWords(changes, before) {
  const parts = Object.entries(changes).flatMap(([field, value]) => {
    if (field === "content") {
      return Object.entries(value).map(([key, inner]) => [
        h("b", { dir: "auto" }, shortened(key, LONGEST)),
        ...(inner === null ? [" (deleted)"] : isPlain(inner) ? [" to ", quoted(inner)] : []),
      ]);
    }
    if (field !== "description") return [[`the ${field}`, " to ", quoted(value)]];
    const isKnown = typeof before === "string";
    return [["the description", ...(isKnown ? [": ", brief(before, value)] : [])]];
  });
  return parts.flatMap((part, index) => (index ? [", ", ...part] : part));
}

function isPlain(value) {
  return ["string", "number", "boolean"].includes(typeof value);
}

function quoted(value) {
  return h("q", { dir: "auto" }, shortened(String(value), LONGEST));
}

function withArticle(role) {
  return `${/^[aeiou]/.test(role) ? "an" : "a"} ${role}`;
}
