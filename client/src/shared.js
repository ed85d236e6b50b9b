import { Deferred } from "./deferred.js";
import { Trunk } from "./trunk.js";

/**
 * @typedef {import("./connection.js").Socket} Socket
 * @typedef {import("./reconnector.js").SocketClass} SocketClass
 *
 * Messages between tabs: a branch says `hello`, `send` and `bye`; the tab that leads says to one
 * branch `welcome`, `heard` (what it sent has arrived), `open`, `receive` and `close`, and to all
 * `leading`.
 *
 * @typedef {{ from: string, to?: string, type: string, text?: string, code?: number,
 *   isAlone?: boolean }} Note
 */

/**
 * Milliseconds that a tab waits for the one that leads, and then once more, as it may have been busy
 * itself. One that does not answer then is frozen, and leads no more.
 */
const PATIENCE = 2_500;
const LOST = 1006;

/** @type {Map<string, Lead>} the connections that this tab leads, by name */
const leads = new Map();
/** @type {Set<string>} names under which this tab does not share any more */
const alone = new Set();

/**
 * Return a class of sockets for the option `WebSocket`, of which the tabs of a browser share one
 * connection.
 *
 * One tab has the connection and carries the others'; when it closes or freezes, another takes its
 * place, and the clients reconnect as after any loss. A browser without Web Locks or
 * BroadcastChannel, or a page over plain HTTP, has a connection for each tab.
 *
 * @param {string | (() => string | null)} name of those who share: of one session of one user, as all
 *   act with the token of one tab; null for a connection of its own
 * @returns {SocketClass}
 */
export function sharedSocket(name) {
  /** @param {string} url @param {string[]} [protocols] */
  function Shared(url, protocols) {
    const place = typeof name === "string" ? name : name();
    const canShare = globalThis.navigator?.locks && globalThis.BroadcastChannel;
    const isOwn = place === null || !canShare || alone.has(place);
    return isOwn ? new WebSocket(url, protocols) : new SharedSocket(place, url, protocols);
  }
  return /** @type {any} */ (Shared);
}

/**
 * One tab's end of the shared connection, with the face of a WebSocket.
 *
 * It asks for the lock of those who lead. With the lock, it opens the connection; until then it asks
 * the tab that has it. If it gets the lock while another carries it, that one is gone.
 *
 * @implements {Socket}
 */
class SharedSocket {
  /** @type {Socket["onopen"]} */
  onopen = null;
  /** @type {Socket["onmessage"]} */
  onmessage = null;
  /** @type {Socket["onclose"]} */
  onclose = null;
  /** @type {Socket["onerror"]} */
  onerror = null;

  #name;
  #arguments;
  #id = newId();
  #channel;
  #isAlive = false;
  /** Ends what this waits for, and the lock by which the tab that leads knows that this one lives. */
  #end = new AbortController();
  /** @type {string | null} the tab that carries this one */
  #leader = null;
  /** @type {Lead | null} the same, if it is this tab */
  #lead = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} name
   * @param {string} url
   * @param {string[]} [protocols]
   */
  constructor(name, url, protocols) {
    this.#name = name;
    this.#arguments = { url, protocols };
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    globalThis.addEventListener?.("pagehide", this.#hidden);
    const lead = leads.get(name);
    if (lead) {
      // A socket tells nothing before its maker has set its listeners.
      queueMicrotask(() => this.#attach(lead));
      return;
    }
    void navigator.locks.request(lifeOf(name, this.#id), () => this.#live());
    this.#request({ signal: this.#end.signal });
    this.#await(() => this.#steal());
  }

  /** @param {string} text */
  send(text) {
    if (this.#end.signal.aborted) {
      return;
    }
    if (this.#lead) {
      this.#lead.trunk.take(this.#id, text);
    } else {
      this.#say("send", { text });
      if (this.#timer === undefined) {
        this.#await(() => this.#lost(LOST));
      }
    }
  }

  /** Call back if the tab that leads says nothing. @param {() => void} giveUp */
  #await(giveUp) {
    this.#timer = setTimeout(() => {
      if (this.#isAlive) {
        this.#say("hello");
      }
      this.#timer = setTimeout(giveUp, PATIENCE);
    }, PATIENCE);
  }

  close() {
    if (this.#end.signal.aborted) {
      return;
    }
    this.#lead?.trunk.detach(this.#id);
    this.#say("bye");
    this.#finish();
  }

  #finish() {
    clearTimeout(this.#timer);
    this.#end.abort();
    this.#channel.close();
    globalThis.removeEventListener?.("pagehide", this.#hidden);
  }

  /** @param {number} code */
  #lost(code) {
    if (!this.#end.signal.aborted) {
      this.#finish();
      this.onclose?.({ code });
    }
  }

  /** A page that is kept to come back later hears nothing meanwhile. */
  #hidden = () => this.#lost(LOST);

  /** Hold the lock that says that this one lives, and ask who leads. */
  #live() {
    const { signal } = this.#end;
    if (signal.aborted) {
      return undefined;
    }
    this.#isAlive = true;
    this.#say("hello");
    return new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  /** Ask for the lock of those who lead. @param {LockOptions} options */
  #request(options) {
    /** @type {Lead | null} */
    let lead = null;
    const granted = () => {
      lead = this.#granted();
      return lead?.ended;
    };
    navigator.locks.request(this.#name, options, granted).catch(() => {
      // This has ended, or another tab got no answer and took the lock, or there can be no socket.
      lead?.trunk.end();
      this.#lost(LOST);
    });
  }

  /** Take the lead; return null if this is over, or another led, who is gone then. */
  #granted() {
    if (this.#end.signal.aborted) {
      return null;
    }
    if (this.#leader !== null) {
      this.#lost(LOST);
      return null;
    }
    const lead = new Lead(this.#name, this.#arguments);
    this.#attach(lead);
    return lead;
  }

  /** Take the lead from a tab that does not answer. */
  #steal() {
    if (!this.#end.signal.aborted && this.#leader === null) {
      this.#request({ steal: true });
    }
  }

  /** @param {Lead} lead */
  #attach(lead) {
    if (this.#end.signal.aborted) {
      return;
    }
    clearTimeout(this.#timer);
    this.#leader = lead.id;
    this.#lead = lead;
    lead.trunk.attach(this.#id, {
      open: () => this.onopen?.({}),
      receive: (text) => this.onmessage?.({ data: text }),
      close: (code, isAlone) => this.#closed(code, isAlone),
    });
  }

  /** @param {Note} note */
  #hear({ from, to, type, text, code = LOST, isAlone = false }) {
    if (type === "leading" && this.#lead === null) {
      if (this.#leader === null && this.#isAlive) {
        this.#say("hello");
      } else if (this.#leader !== null && this.#leader !== from) {
        this.#lost(LOST);
      }
    } else if (to !== this.#id || (this.#leader !== null && this.#leader !== from)) {
      return;
    } else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#leader = from;
      if (type === "open") this.onopen?.({});
      if (type === "receive") this.onmessage?.({ data: text });
      if (type === "close") this.#closed(code, isAlone);
    }
  }

  /** @param {number} code @param {boolean} isAlone */
  #closed(code, isAlone) {
    if (isAlone) {
      alone.add(this.#name);
    }
    this.#lost(code);
  }

  /** @param {string} type @param {Partial<Note>} [more] */
  #say(type, more) {
    this.#channel.postMessage({ from: this.#id, to: this.#leader ?? undefined, type, ...more });
  }
}

/** The connection that this tab has, and carries the others' on. */
class Lead {
  id = newId();
  #name;
  #channel;
  /** @type {Map<string, Promise<unknown>>} the ends of the branches of other tabs */
  #carried = new Map();
  /** @type {Deferred<void>} */
  #ended = new Deferred();

  /**
   * @param {string} name
   * @param {{ url: string, protocols: string[] | undefined }} arguments_ of the socket
   */
  constructor(name, { url, protocols }) {
    this.#name = name;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.trunk = new Trunk(new WebSocket(url, protocols), () => this.#finish());
    leads.set(name, this);
    globalThis.addEventListener?.("pagehide", this.#stop);
    globalThis.document?.addEventListener("freeze", this.#stop);
    this.#channel.postMessage({ from: this.id, type: "leading" });
  }

  /** @param {Note} note */
  #hear({ from, to, type, text = "" }) {
    if (type === "hello" && (to === undefined || to === this.id)) {
      this.#carry(from);
    } else if (to === this.id) {
      if (type === "send") {
        this.#say(from, "heard");
        this.trunk.take(from, text);
      } else if (type === "bye") {
        this.trunk.detach(from);
      }
    }
  }

  /** Settled when this tab does not lead any more. */
  get ended() {
    return this.#ended.promise;
  }

  /** @param {string} id of another tab's branch */
  #carry(id) {
    this.#say(id, "welcome");
    if (this.#carried.has(id)) {
      return;
    }
    this.trunk.attach(id, {
      open: () => this.#say(id, "open"),
      receive: (text) => this.#say(id, "receive", { text }),
      close: (code, isAlone) => this.#say(id, "close", { code, isAlone }),
    });
    // A tab that crashes says no goodbye, but gives its lock back.
    const gone = navigator.locks.request(lifeOf(this.#name, id), () => {
      this.#carried.delete(id);
      this.trunk.detach(id);
    });
    this.#carried.set(id, gone);
  }

  #stop = () => this.trunk.end();

  #finish() {
    leads.delete(this.#name);
    globalThis.removeEventListener?.("pagehide", this.#stop);
    globalThis.document?.removeEventListener("freeze", this.#stop);
    // What was said before this is still delivered. The next tab leads once all have heard the reason.
    this.#channel.close();
    void Promise.all(this.#carried.values()).then(() => this.#ended.resolve());
  }

  /** @param {string} to @param {string} type @param {Partial<Note>} [more] */
  #say(to, type, more) {
    this.#channel.postMessage({ from: this.id, to, type, ...more });
  }
}

/** @param {string} name @param {string} id */
function lifeOf(name, id) {
  return `${name}:${id}`;
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
