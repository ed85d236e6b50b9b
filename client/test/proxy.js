import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A TCP proxy that does to connections what networks do. */
export class Proxy {
  #server;
  #target;
  /** @type {Set<[import("node:net").Socket, import("node:net").Socket]>} */
  #pairs = new Set();
  /** Milliseconds that everything takes longer, in each direction. */
  delay = 0;
  /** Whether it swallows everything and says nothing. */
  isSilent = false;
  /** Whether it lets nothing of the server through. */
  mutesReplies = false;
  /** Whether it accepts nobody. */
  isDown = false;

  /** @param {number} port of the server behind it */
  constructor(port) {
    this.#target = port;
    this.#server = createServer((near) => this.#accept(near));
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `ws://127.0.0.1:${this.#server.address().port}`;
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** End all connections; what is under way is lost. */
  cut() {
    for (const pair of this.#pairs) {
      pair.forEach((socket) => socket.destroy());
    }
  }

  /** The same with a TCP reset. */
  reset() {
    for (const pair of this.#pairs) {
      pair.forEach((socket) => socket.resetAndDestroy());
    }
  }

  #accept(near) {
    if (this.isDown) {
      near.destroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.setNoDelay();
      from.on("data", (bytes) => {
        if (!(this.mutesReplies && from === far)) {
          this.#pass(bytes, to);
        }
      });
      // Errors are what it is here for; a close follows each.
      from.on("error", () => {});
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  #pass(bytes, to) {
    if (this.isSilent) {
      return;
    }
    // Timers of the same delay end in the order they were set; a shorter one must not overtake.
    const at = Math.max(Date.now() + this.delay, to.passesAt ?? 0);
    to.passesAt = at;
    setTimeout(() => to.destroyed || to.write(bytes), at - Date.now());
  }
}
