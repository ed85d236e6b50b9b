/** A clock that only moves when told to, and a network with the tests in the server's place. */

import { readFileSync } from "node:fs";

import { Realtime } from "../src/index.js";

export class FakeTimers {
  #now = 1_000_000;
  #next = 1;
  /** @type {Map<number, { at: number, callback: () => void }>} */
  #timers = new Map();

  now = () => this.#now;

  set = (callback, delay) => {
    if (!Number.isFinite(delay)) {
      throw new RangeError(`A delay of ${delay}`);
    }
    this.#timers.set(this.#next, { at: this.#now + delay, callback });
    return this.#next++;
  };

  clear = (timer) => void this.#timers.delete(timer);

  /** How many timers are set. */
  get size() {
    return this.#timers.size;
  }

  /** Let time pass; what was set is called when it is due. */
  async advance(delay) {
    const end = this.#now + delay;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end);
      if (due.length === 0) {
        this.#now = end;
        return;
      }
      const [timer, { at, callback }] = due.reduce((one, other) => (other[1].at < one[1].at ? other : one));
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, at);
      callback();
    }
  }
}

/** Let everything that waits for a promise go on. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** One socket, as the server's side of a test sees it. */
export class FakeSocket {
  /** @type {any[]} what the client sent and nobody has taken yet */
  sent = [];
  isClosed = false;

  constructor(url, protocols = []) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  open() {
    this.onopen?.({});
  }

  /** Open as a server that takes the token. */
  accept() {
    this.open();
    this.receive({ type: "pong", payload: {} });
  }

  receive(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** Open, say why and close, as the server does. */
  refuse(code, error) {
    this.open();
    this.receive({ type: "error", payload: { code: error, message: error } });
    this.drop(code);
  }

  drop(code = 1006) {
    this.isClosed = true;
    this.onclose?.({ code });
  }

  /** Return the commands of a type that the client sent. */
  all(type) {
    return this.sent.filter((message) => message.type === type);
  }

  /** Return the last command of a type. */
  last(type) {
    const found = this.all(type).at(-1);
    if (!found) {
      throw new Error(`No ${type} among ${JSON.stringify(this.sent)}`);
    }
    return found;
  }

  ack(command, payload = {}) {
    this.receive({ type: "ack", ref: command.ref, payload });
  }

  fail(command, code, more = {}) {
    this.receive({ type: "error", ref: command.ref, payload: { code, message: code, ...more } });
  }

  /** Answer the last join. */
  admit(more = {}) {
    this.ack(this.last("join_project"), { ...joinAck, ...more });
    this.receive({ type: "user_joined", payload: { project_id: 1, user_id: 1, username: "alice" } });
  }

  update(seq, changes, updated_by = "2") {
    this.receive({ type: "project_updated", seq, payload: { project_id: 1, changes, updated_by } });
  }
}

export const joinAck = {
  seq: 10,
  user_id: 1,
  role: "editor",
  project: { id: 1, title: "Old", description: "", status: "draft", content: {} },
  members: [{ user_id: 1, username: "alice" }],
  tasks: [],
  recovered: false,
};

/** Return a client on a fake clock and network, and what a test needs of them. */
export function makeClient(options = {}) {
  const timers = new FakeTimers();
  const sockets = [];
  const states = [];
  const errors = [];
  const warnings = [];
  class WebSocket extends FakeSocket {
    constructor(url, protocols) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const realtime = new Realtime("ws://server.test", {
    token: async () => "secret",
    WebSocket,
    timers,
    random: () => 0.5,
    window: {},
    logger: { warn: (text) => warnings.push(text) },
    ...options,
  });
  realtime.on("state", (change) => states.push(change));
  realtime.on("error", (error) => errors.push(error));
  return {
    realtime,
    timers,
    sockets,
    states,
    errors,
    warnings,
    /** The newest socket, once it was asked for. */
    async socket() {
      await settle();
      return sockets.at(-1);
    },
    /** Connect and join project 1. */
    async join(more) {
      const room = realtime.join("project", 1);
      const socket = await this.socket();
      socket.accept();
      socket.admit(more);
      await room.ready;
      return { room, socket };
    },
    /** Lose the connection, and make the next one. */
    async reconnect(code) {
      sockets.at(-1).drop(code);
      await timers.advance(20_000);
      const socket = await this.socket();
      socket.accept();
      return socket;
    },
  };
}

/** Return the original API page's example of a message. */
export function example(type) {
  const url = new URL(`../../tests/contract/${type}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"));
}

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
