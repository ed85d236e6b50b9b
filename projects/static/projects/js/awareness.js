/**
 * Show which field each person is in, and their typing: by signals, which are never stored, and
 * forgotten when somebody falls silent.
 *
 * Fires "change" when somebody else enters, types in or leaves a field.
 */
export class Awareness extends EventTarget {
  #room;
  #me;
  /** @type {Map<number, {field: string, draft?: string, heardAt: number}>} */
  #others = new Map();
  #own = null;
  #pause = null;
  #pulse;

  constructor(room, me) {
    super();
    this.#room = room;
    this.#me = me;
    room.on("signal", ({ user_id: id, data }) => this.#hear(id, data));
    room.on("project_updated", ({ updated_by: id }) => this.#saved(Number(id)));
    room.on("canvas_renamed", ({ renamed_by: id }) => this.#saved(Number(id)));
    room.on("user_left", ({ user_id: id }) => this.#forget(id));
    room.on("user_joined", ({ user_id: id }) => {
      if (id !== this.#me.id && this.#own) this.#send();
    });
    this.#pulse = setInterval(() => this.#beat(), PULSE);
  }

  /** Return who is in a field: their ids and drafts. */
  in(field) {
    return [...this.#others]
      .filter(([, other]) => other.field === field)
      .map(([id, { draft }]) => ({ id, draft }));
  }

  /** Tell the others where I am, and what I have typed there so far. */
  enter(field, draft) {
    this.#own = { field };
    if (draft !== undefined && draft.length <= LONGEST_DRAFT) this.#own.draft = draft;
    this.#sendSoon();
  }

  /** Show no draft of a field that I am still in: it is saved, and would hide what others save. */
  settle(field) {
    if (this.#own?.field === field && this.#own.draft !== undefined) this.enter(field);
  }

  leave(field) {
    if (this.#own?.field !== field) return;
    this.#own = null;
    this.#sendSoon();
  }

  close() {
    clearInterval(this.#pulse);
    clearTimeout(this.#pause);
  }

  /** At once, then at most once per interval, the last word always. */
  #sendSoon() {
    if (this.#pause !== null) return;
    this.#send();
    const sent = this.#own;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#own !== sent) this.#sendSoon();
    }, INTERVAL);
  }

  #send() {
    this.#room.signal({ field: null, ...this.#own });
  }

  #beat() {
    if (this.#own) this.#send();
    const now = performance.now();
    for (const [id, other] of this.#others) {
      if (now - other.heardAt > 2.5 * PULSE) this.#forget(id);
    }
  }

  #hear(id, data) {
    if (id === this.#me.id || !("field" in data)) return;
    if (typeof data.field !== "string") {
      this.#forget(id);
      return;
    }
    const draft = typeof data.draft === "string" ? data.draft : undefined;
    this.#others.set(id, { field: data.field, draft, heardAt: performance.now() });
    this.dispatchEvent(new Event("change"));
  }

  /** Forget the draft of a field, as it is saved now, whether or not the next signal arrives. */
  #saved(id) {
    const other = this.#others.get(id);
    if (other) delete other.draft;
  }

  #forget(id) {
    if (this.#others.delete(id)) this.dispatchEvent(new Event("change"));
  }
}

/** Milliseconds between two signals while somebody types. */
const INTERVAL = 150;
/** Milliseconds after which a field that somebody stays in is told again. */
const PULSE = 8_000;
/** Characters; a signal may have 2,048 bytes. */
const LONGEST_DRAFT = 400;
