/**
 * Detect that the server is gone; a socket may take many minutes to tell.
 *
 * After a time of silence it pings. Any frame proves that the server is there.
 */
export class Heartbeat {
  #options;
  /** Frames that came so far. */
  #heard = 0;
  #heardAt = 0;
  #isProbing = false;
  /** @type {unknown} */
  #timer;

  /**
   * @param {object} options
   * @param {import("./timers.js").Timers} options.timers
   * @param {number} options.pingInterval milliseconds of silence before it pings
   * @param {number} options.pongTimeout milliseconds for the answer
   * @param {() => void} options.ping sends the ping
   * @param {() => void} options.onDead called if no answer came
   */
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.#heardAt = this.#options.timers.now();
    this.#listen();
  }

  stop() {
    this.#options.timers.clear(this.#timer);
  }

  /** Note a frame. Setting a timer anew for each frame would cost more. */
  heard() {
    this.#heard += 1;
    this.#heardAt = this.#options.timers.now();
  }

  /** Ping at once. */
  probe() {
    if (this.#isProbing) {
      return;
    }
    const { timers, pongTimeout, ping, onDead } = this.#options;
    const heard = this.#heard;
    this.#isProbing = true;
    timers.clear(this.#timer);
    this.#timer = timers.set(() => {
      this.#isProbing = false;
      if (this.#heard === heard) {
        onDead();
      } else {
        this.#listen();
      }
    }, pongTimeout);
    ping();
  }

  #listen() {
    const { timers, pingInterval } = this.#options;
    const left = this.#heardAt + pingInterval - timers.now();
    if (left > 0) {
      this.#timer = timers.set(() => this.#listen(), left);
    } else {
      this.probe();
    }
  }
}
