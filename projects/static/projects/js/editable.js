import { at, diff, holding, same } from "./json.js";

/**
 * One value of a project that a person edits: from the moment they begin to what the server
 * says of it. It knows nothing of the document.
 *
 * An edit carries the position at which it began, so that the server refuses it where somebody
 * else has changed the value since; then it is for the person to say which one stays.
 *
 * Fires "change" when `status`, `message` or `conflict` change.
 */
export class Editable extends EventTarget {
  /** @type {"idle" | "saving" | "saved" | "error" | "conflict"} */
  status = "idle";
  /** Why the last edit was refused. */
  message = "";
  /** @type {{theirs: unknown, mine: unknown} | null} what has to be decided */
  conflict = null;
  /** @type {{mine: unknown} | null} the edit that an "error" is about */
  refused = null;

  #room;
  #path;
  #begun = null;
  #unanswered = 0;
  #seq = 0;

  /** @param {string[]} path such as ["title"] or ["content", "mood"] */
  constructor(room, path) {
    super();
    this.#room = room;
    this.#path = path;
  }

  /** What the room has now; undefined where it has nothing. */
  get value() {
    return at(this.#room.state, this.#path);
  }

  get isWaiting() {
    return this.#unanswered > 0;
  }

  /** Note the position and the value from which the person starts. */
  begin() {
    this.#begun = { seq: this.#room.seq, value: this.value };
  }

  /** Save what the person made of it; undefined deletes it. */
  async commit(mine) {
    const begun = this.#begun ?? { seq: this.#room.seq, value: this.value };
    this.#begun = null;
    if (same(mine, begun.value)) return;
    this.#unanswered += 1;
    this.#become("saving");
    try {
      await this.#save(mine, begun);
    } catch (error) {
      this.#unanswered -= 1;
      this.#become("error", { message: explain(error, this.#path[0]), refused: { mine } });
      return;
    }
    this.#unanswered -= 1;
    if (this.conflict) this.#become("conflict", { conflict: this.conflict });
    else if (!this.isWaiting) this.#become("saved");
  }

  /** Settle the conflict for the person's own value. */
  keepMine() {
    const { mine, theirs } = this.conflict;
    this.conflict = null;
    this.#begun = { seq: this.#seq, value: theirs };
    return this.commit(mine);
  }

  /** Settle the conflict for the other's value, which the room has already. */
  takeTheirs() {
    this.#become("idle");
  }

  async #save(mine, begun) {
    const data = holding(this.#path, diff(begun.value, mine));
    try {
      await this.#room.update(data, { baseSeq: begun.seq });
    } catch (error) {
      if (error.code !== "CONFLICT") throw error;
      const { seq, current } = error.details;
      const theirs = at(current, this.#path) ?? undefined;
      if (same(theirs, mine)) return;
      if (same(theirs, begun.value)) {
        // What came between was an earlier edit of the person's own, which they started from.
        await this.#save(mine, { seq, value: theirs });
        return;
      }
      this.#seq = seq;
      this.conflict = { theirs, mine };
    }
  }

  #become(status, { message = "", conflict = null, refused = null } = {}) {
    Object.assign(this, { status, message, conflict, refused });
    this.dispatchEvent(new Event("change"));
  }
}

function explain(error, field) {
  const said = error.details?.[field];
  return [said ?? error.message].flat(Infinity).join(" ");
}
