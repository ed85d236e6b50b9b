/**
 * Keep in the browser the text that a person has written, until the server has it: through a reload, a closed tab and a sign-out. Each draft belongs to a user, a project, a field
 * and the tab that it was written in.
 *
 * @typedef {{text: unknown, base: unknown, at: number}} Draft
 *   `text` is what stood in the control, `base` the value that it was made from
 */

const PREFIX = "realtime.draft";
const TAB = "realtime.tab";
/** Milliseconds after which nobody asks for a draft any more. */
const KEPT = 30 * 24 * 3_600_000;

/** The drafts of one user in one project. */
export class Drafts {
  #place;
  #tab;
  /** @type {Map<string, Draft>} what earlier visits left, by field */
  #left = new Map();

  /** Read what this tab, and tabs that are no more, have left. */
  static async open(userId, projectId) {
    return new Drafts([PREFIX, userId, projectId].join(":"), await claimTab(), await openTabs());
  }

  constructor(place, tab, openTabs) {
    this.#place = place;
    this.#tab = tab;
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(`${place}:`)) continue;
      const [field, writer] = key.slice(place.length + 1).split(":");
      if (writer !== tab && openTabs.has(writer)) continue;
      this.#take(decodeURIComponent(field), key);
    }
  }

  /** The fields of which earlier visits left something. */
  get fields() {
    return [...this.#left.keys()];
  }

  /** Return what is left of a field. */
  peek(field) {
    return this.#left.get(field) ?? null;
  }

  /** Return what is left of a field, once; it stays kept until `drop`. */
  take(field) {
    const draft = this.#left.get(field) ?? null;
    this.#left.delete(field);
    return draft;
  }

  keep(field, text, base) {
    this.#write(field, { text, base, at: Date.now() });
  }

  drop(field) {
    localStorage.removeItem(this.#key(field));
  }

  /** Make a stored draft this tab's own; the newest of a field counts. */
  #take(field, key) {
    const draft = parsed(localStorage.getItem(key));
    localStorage.removeItem(key);
    if (!draft || Date.now() - draft.at > KEPT) return;
    const other = this.#left.get(field);
    if (other && other.at > draft.at) return;
    this.#left.set(field, draft);
    this.#write(field, draft);
  }

  #write(field, draft) {
    try {
      localStorage.setItem(this.#key(field), JSON.stringify(draft));
    } catch {
      // The browser's storage is full or forbidden. The page still warns who leaves it.
    }
  }

  #key(field) {
    return [this.#place, encodeURIComponent(field), this.#tab].join(":");
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @type {Promise<string> | null} */
let claimed = null;

/**
 * Resolve to the id of this tab: the same one after a reload, and a new one in a tab that was
 * duplicated. A lock holds it for as long as the tab lives.
 */
function claimTab() {
  claimed ??= (async () => {
    let id = sessionStorage.getItem(TAB);
    if (!id || !(await hold(id))) {
      id = Math.random().toString(36).slice(2);
      await hold(id);
    }
    sessionStorage.setItem(TAB, id);
    return id;
  })();
  return claimed;
}

/** Take the lock of a tab until this one ends; resolve to whether it was free. */
function hold(id) {
  if (!navigator.locks) return true;
  return new Promise((resolve) => {
    const options = { ifAvailable: true };
    navigator.locks.request(`${TAB}:${id}`, options, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}

async function openTabs() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return new Set(held.map(({ name }) => name.replace(`${TAB}:`, "")));
}
