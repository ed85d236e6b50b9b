import { merge, overlap } from "../src/merge.js";

/** A server in miniature: a log, receipts, and sockets whose messages are under way for a while. */
export class Model {
  #random;
  /** @type {any[]} */
  log = [];
  states = [{ id: 1, title: "", description: "", status: "draft", content: {} }];
  receipts = new Map();
  /** Events up to here are pruned. */
  pruned = 0;
  /** @type {Set<any>} */
  joined = new Set();
  /** @type {{ socket: any, message: any }[]} what is on its way to the clients, by socket in order */
  out = [];

  /** @param {() => number} random */
  constructor(random) {
    this.#random = random;
  }

  get seq() {
    return this.log.length;
  }

  get state() {
    return this.states[this.seq];
  }

  /** Change the project as somebody, and tell the room. */
  write(changes, { key = null, user = "2" } = {}) {
    this.states.push(merge(this.state, changes));
    const payload = { project_id: 1, changes, updated_by: user };
    const event = { type: "project_updated", seq: this.seq + 1, payload };
    this.log.push({ event, key });
    for (const socket of this.joined) {
      this.out.push({ socket, message: event });
    }
  }

  /** Take the oldest command of a socket, and answer it in one of the ways a server may. */
  handle(socket) {
    const command = socket.sent.shift();
    const reply = (type, payload) => this.out.push({ socket, message: { type, payload, ref: command.ref } });
    const isRefused = this.#random() < 0.15 && command.type !== "ping";
    if (isRefused) {
      const passing = { code: this.#random() < 0.5 ? "RATE_LIMITED" : "UNAVAILABLE", message: "" };
      reply("error", this.#random() < 0.5 ? { ...passing, retry_after: 0.3 } : passing);
    } else if (command.type === "ping") {
      reply("pong", {});
    } else if (command.type === "join_project") {
      this.#join(socket, command.payload, reply);
    } else if (command.type === "update_project") {
      this.#update(socket, command, reply);
    }
  }

  #join(socket, { since = -1 }, reply) {
    const recovered = since >= this.pruned && since <= this.seq;
    const rest = { user_id: 1, role: "editor", members: [], tasks: [], recovered };
    reply("ack", { seq: this.seq, project: this.state, ...rest });
    if (recovered) {
      this.log.slice(since).forEach(({ event }) => this.out.push({ socket, message: event }));
    }
    this.joined.add(socket);
  }

  #update(socket, { payload, idempotency_key: key }, reply) {
    const { data, base_seq: base = this.seq } = payload;
    if (!this.joined.has(socket)) {
      reply("error", { code: "NOT_JOINED", message: "" });
    } else if (this.receipts.has(key)) {
      reply("ack", { ...this.receipts.get(key), duplicate: true });
    } else if (this.log.slice(base).some(({ event }) => overlap(event.payload.changes, data))) {
      reply("error", { code: "CONFLICT", message: "" });
    } else if (data.title === "bad") {
      reply("error", { code: "VALIDATION_ERROR", message: "" });
    } else {
      const isFirst = this.#random() < 0.5;
      const ack = { seq: this.seq + 1, changes: data };
      const answer = () => reply("ack", { ...ack, duplicate: false });
      this.receipts.set(key, ack);
      if (isFirst) {
        answer();
      }
      this.write(data, { key, user: "1" });
      if (!isFirst) {
        answer();
      }
    }
  }

  /** Deliver the oldest message that is on its way to a socket. */
  deliver(socket) {
    const index = this.out.findIndex((one) => one.socket === socket);
    if (index >= 0) {
      const [{ message }] = this.out.splice(index, 1);
      socket.receive(message);
    }
  }

  /** Cut a connection; what is on its way in either direction is lost. */
  cut(socket) {
    socket.drop(1006);
    this.forget(socket);
  }

  /** A socket is closed, by whomever. */
  forget(socket) {
    this.joined.delete(socket);
    this.out = this.out.filter((one) => one.socket !== socket);
    socket.sent = [];
  }
}
