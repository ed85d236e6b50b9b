/**
 * Clients that use the JavaScript SDK: `node javascript.mjs` with its orders on standard input,
 * one JSON a line, and what it saw on standard output, likewise.
 *
 * The first order is `{clients: [...]}`; then `quiet` (update no more), `state` (tell what is
 * shown now) and `end` (close everything, and tell what is still open).
 */

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import WebSocket from "../../client/node_modules/ws/wrapper.mjs";
import { Realtime } from "../../client/src/index.js";

const DURABLE = [
  ...["project_updated", "member_changed", "task_completed", "task_failed"],
  ...["canvas_added", "canvas_renamed", "canvas_replaced", "canvas_removed"],
];
const PAUSE = 1000;

const say = (kind, fields) => process.stdout.write(`${JSON.stringify({ kind, at: Date.now() / 1000, ...fields })}\n`);

class Client {
  /** Promises of the SDK that have neither resolved nor rejected, by name. */
  open = new Map();
  #number = 0;
  #isEnding = false;
  isQuiet = false;

  constructor(options) {
    Object.assign(this, options);
  }

  async run() {
    void this.#write();
    while (!this.#isEnding) {
      this.realtime = new Realtime(this.url, { token: () => this.#token(), WebSocket });
      const hasStopped = new Promise((resolve) => {
        this.realtime.on("state", ({ state }) => state === "stopped" && resolve());
      });
      while (!this.#isEnding && this.realtime.state !== "stopped") {
        this.room = this.realtime.join("project", this.projectId);
        this.#watch(this.room);
        this.#track(`ready-${++this.#number}`, this.room.ready);
        const { room } = this;
        await Promise.race([
          hasStopped,
          new Promise((resolve) => room.on("change", () => room.ended && resolve())),
        ]);
        say("ended", { client: this.name });
        await sleep(PAUSE);
      }
      this.realtime.close();
    }
  }

  end() {
    this.#isEnding = true;
    this.realtime?.close();
  }

  tell() {
    const { room } = this;
    const isJoined = Boolean(room?.joined && !room.ended);
    say("state", { client: this.name, isJoined, seq: room?.seq, pending: room?.pending, state: room?.state });
  }

  async #token() {
    const answer = await fetch(`${this.apiUrls[this.#number++ % this.apiUrls.length]}/api/token/`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username: this.username, password: this.password }),
      signal: AbortSignal.timeout(8000),
    });
    if (answer.status === 401) {
      return null;
    }
    if (!answer.ok) {
      throw new Error(`${answer.status}`);
    }
    const { access } = await answer.json();
    say("token", { token: access });
    return access;
  }

  #watch(room) {
    const { name: client } = this;
    room.on("snapshot", () => say("snapshot", { client, seq: room.seq }));
    room.on("signal", ({ data }) => say("signal", { client, sent_at: data.at, mark: data.mark }));
    for (const type of DURABLE) {
      room.on(type, (payload, { seq }) => say("seen", { client, seq, type, payload }));
    }
  }

  async #write() {
    while (!this.#isEnding) {
      await sleep(-Math.log(1 - Math.random()) * this.pause * 1000);
      const { room } = this;
      if (this.isQuiet || !room?.joined || room.ended) {
        continue;
      }
      if (Math.random() < 0.2) {
        room.signal({ at: Date.now() / 1000, mark: `${this.name}-${++this.#number}` });
      }
      const mark = `${this.name}-${++this.#number}`;
      say("made", { client: this.name, mark });
      const settle = (outcome, seq) => say("settled", { client: this.name, mark, outcome, seq });
      this.#track(
        mark,
        room.update({ content: { [this.name]: mark } }).then(
          ({ seq }) => settle("done", seq),
          ({ code }) => settle(code),
        ),
      );
    }
  }

  #track(name, promise) {
    this.open.set(name, promise);
    const close = () => this.open.delete(name);
    promise.then(close, close);
  }
}

let clients = [];
const orders = {
  quiet: () => clients.forEach((client) => (client.isQuiet = true)),
  state: () => {
    clients.forEach((client) => client.tell());
    say("told", {});
  },
  end: async () => {
    clients.forEach((client) => client.end());
    await sleep(500);
    say("left", { open: clients.flatMap(({ open }) => [...open.keys()]) });
    process.exit();
  },
};
process.on("unhandledRejection", (error) => say("unhandled", { error: String(error?.stack ?? error) }));

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (typeof order === "string") {
    void orders[order]();
  } else {
    clients = order.clients.map((options) => new Client(options));
    clients.forEach((client) => void client.run());
  }
}
