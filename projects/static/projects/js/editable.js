import { at, diff, holding, same } from "./json.js";

/**
 * One value that a person edits: from the moment they begin to what the server says of it. It
 * knows nothing of the document.
 *
 * The value lives in its store: `value` and `seq`, the present value and its position;
 * `save(mine, begun)`, which resolves when the server has it and rejects with a `Conflict` if
 * others have changed it; and `explain(error)`, the words for another refusal.
 *
 * An edit carries the position at which it began, so that the server refuses it where somebody
 * else has changed the value since. Then there is a conflict until the person chooses, and both
 * versions are there all the while: `conflict.mine` and `theirs`.
 *
 * Fires "change" when `status`, `message` or `conflict` change.
 */
export class Editable extends EventTarget {
  /** @type {"idle" | "saving" | "saved" | "error" | "conflict"} */
  status = "idle";
  /** The reason why the last edit was refused. */
  message = "";
  /** @type {{mine: unknown, theirs: unknown, seq: number} | null} the conflict to decide */
  conflict = null;
  /** @type {{mine: unknown} | null} the edit that an "error" is about */
  refused = null;

  #store;
  #begun = null;
  /** Edits without an answer, in their order. */
  #unanswered = [];

  constructor(store) {
    super();
    this.#store = store;
  }

  /** The value to show: the person's last edit until it is answered, then the store's. */
  get value() {
    const last = this.#unanswered.at(-1);
    return last ? last.mine : this.#store.value;
  }

  get isWaiting() {
    return this.#unanswered.length > 0;
  }

  /** True while the server or the person still has to answer. */
  get isUnsettled() {
    return this.isWaiting || this.conflict !== null;
  }

  /** In a conflict, the newest value that others made. */
  get theirs() {
    const { seq, theirs } = this.conflict;
    return this.#store.seq >= seq ? this.#store.value : theirs;
  }

  /** The value that the person began from; kept with a draft, to begin there again. */
  get base() {
    return this.#begun?.value;
  }

  /** Note the position and the value from which the person starts. */
  begin() {
    this.#begun = { seq: this.#store.seq, value: this.value };
  }

  /** Save what the person made of it; undefined deletes it. */
  async commit(mine) {
    const begun = this.#begun ?? { seq: this.#store.seq, value: this.value };
    this.#begun = null;
    if (same(mine, begun.value)) return;
    const edit = { mine };
    this.#unanswered.push(edit);
    const saved = this.#save(mine, begun);
    this.#become("saving");
    let outcome;
    try {
      outcome = await saved;
    } catch (error) {
      outcome = { status: "error", message: this.#store.explain(error), refused: { mine } };
    }
    this.#unanswered = this.#unanswered.filter((other) => other !== edit);
    if (outcome.status !== "saved") this.#become(outcome.status, outcome);
    else if (!this.isWaiting && !this.conflict) this.#become("saved");
  }

  /** Have the person choose between what they wrote, a while ago, and what is there now. */
  dispute(mine) {
    const { seq, value } = this.#store;
    this.#become("conflict", { conflict: { mine, theirs: value, seq } });
  }

  /** Settle the conflict for the person's own value. */
  keepMine(mine) {
    const { seq } = this.conflict;
    this.#begun = { seq: Math.max(seq, this.#store.seq), value: this.theirs };
    this.#become("idle");
    return this.commit(mine);
  }

  /** Settle the conflict for the other's value, which is there already. */
  takeTheirs() {
    this.#become("idle");
  }

  /** Resolve to what became of an edit; reject where the server refused it for what it is. */
  async #save(mine, begun) {
    try {
      await this.#store.save(mine, begun);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      const { seq, theirs } = error;
      if (same(theirs, mine)) return { status: "saved" };
      if (same(theirs, begun.value)) {
        // The change in between was an earlier edit of the person's own, which they started from.
        return this.#save(mine, { seq, value: theirs });
      }
      return { status: "conflict", conflict: { mine, theirs, seq } };
    }
    return { status: "saved" };
  }

  #become(status, { message = "", conflict = null, refused = null } = {}) {
    Object.assign(this, { status, message, conflict, refused });
    this.dispatchEvent(new Event("change"));
  }
}

/** The value at a path of a project's state, saved as an update of its room. */
export class RoomValue {
  #room;
  #path;

  /** @param {string[]} path such as ["title"] or ["content", "mood"] */
  constructor(room, path) {
    this.#room = room;
    this.#path = path;
  }

  get value() {
    return at(this.#room.state, this.#path);
  }

  get seq() {
    return this.#room.seq;
  }

  /** Save the difference to the value from which the person began. */
  async save(mine, { seq, value }) {
    try {
      await this.#room.update(holding(this.#path, diff(value, mine)), { baseSeq: seq });
    } catch (error) {
      if (error.code !== "CONFLICT") throw error;
      const { seq: position, current } = error.details;
      throw new Conflict(position, at(current, this.#path) ?? undefined);
    }
  }

  /** Return what a refusal says of this value, as words for the person. */
  explain(error) {
    const said = error.details?.[this.#path[0]];
    return [said ?? error.message].flat(Infinity).join(" ");
  }
}

/** Somebody else has changed a value since the person began. */
export class Conflict extends Error {
  code = "CONFLICT";

  /** @param {number} seq a position at which `theirs` is there */
  constructor(seq, theirs) {
    super("Somebody else has changed this");
    this.seq = seq;
    this.theirs = theirs;
  }
}
