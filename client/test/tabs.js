import { Trunk } from "../src/trunk.js";
import { FakeSocket } from "./fakes.js";

/** Tabs that share a connection, of which the first to ask makes the socket; see src/shared.js. */
export class Tabs {
  /** @type {FakeSocket[]} those that were made, in the server's hands */
  sockets = [];
  /** @type {any[]} the tabs' ends */
  branches = [];
  #trunk = null;
  #ids = 0;

  /** The class for the option of each tab's client. */
  get WebSocket() {
    const tabs = this;
    return class {
      isAlone = false;

      constructor() {
        this.id = `tab ${++tabs.#ids}`;
        tabs.branches.push(this);
        tabs.#trunk ??= tabs.#open();
        this.trunk = tabs.#trunk;
        // Between tabs all takes a moment, in order.
        later(() => this.trunk.attach(this.id, {
          open: () => later(() => this.onopen?.({})),
          receive: (data) => later(() => this.onmessage?.({ data })),
          close: (code, isAlone) => {
            this.isAlone = isAlone;
            later(() => this.onclose?.({ code }));
          },
        }));
      }

      send(text) {
        later(() => this.trunk.take(this.id, text));
      }

      close() {
        later(() => this.trunk.detach(this.id));
      }
    };
  }

  #open() {
    const socket = new FakeSocket("ws://server.test");
    this.sockets.push(socket);
    const trunk = new Trunk(socket, () => {
      if (this.#trunk === trunk) this.#trunk = null;
    });
    return trunk;
  }
}

const later = (call) => void setImmediate(call);
