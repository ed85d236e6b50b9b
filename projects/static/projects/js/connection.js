import { announce, h } from "./dom.js";

const WORDS = {
  online: "Live",
  connecting: "Connecting…",
  offline: "Reconnecting…",
  stopped: "Disconnected",
};

/** Reasons for which the server refuses a connection that is tried again. */
const REASONS = {
  RATE_LIMITED: "too many tabs are open, or too much was sent",
  UNAVAILABLE: "the server is not ready",
};

/** Says how the connection is, when the next attempt is due, and lets the person try now. */
export class ConnectionStatus {
  #realtime;
  #edits;
  #retryAt = null;
  #reason = "";
  #clock = null;
  #wasOnline = false;
  #text = h("span", { class: "connection-text" });
  #wait = h("span", { class: "connection-wait" });
  #retry;
  #ignore;
  #render = () => this.render();
  element;

  constructor(realtime, edits) {
    this.#realtime = realtime;
    this.#edits = edits;
    this.#retry = h(
      "button",
      { type: "button", class: "link", onclick: () => realtime.retryNow() },
      "Retry now",
    );
    this.element = h(
      "div",
      { class: "connection", role: "group", "aria-label": "Connection" },
      h("span", { class: "dot", "aria-hidden": "true" }),
      this.#text,
      this.#wait,
      this.#retry,
    );
    this.#ignore = realtime.on("state", (change) => this.#changed(change));
    edits.addEventListener("change", this.#render);
    this.#changed();
  }

  close() {
    this.#ignore();
    this.#edits.removeEventListener("change", this.#render);
    clearInterval(this.#clock);
  }

  #changed({ retryAt, reason } = {}) {
    const { state } = this.#realtime;
    this.#retryAt = retryAt ?? null;
    if (state !== "connecting") this.#reason = REASONS[reason] ?? "";
    clearInterval(this.#clock);
    if (state === "offline") this.#clock = setInterval(() => this.render(), 250);
    if (state === "online" && this.#wasOnline) announce("Connected again.");
    if (state === "offline") announce("The connection is lost. Reconnecting.");
    this.#wasOnline ||= state === "online";
    this.render();
  }

  render() {
    const { state } = this.#realtime;
    // After the first time, an attempt is part of the reconnecting.
    const shown = state === "connecting" && this.#wasOnline ? "offline" : state;
    this.element.dataset.state = shown;
    this.#text.textContent = WORDS[shown];
    this.#wait.textContent = this.#details(state);
    this.#retry.hidden = state !== "offline";
  }

  #details(state) {
    const parts = state !== "online" && this.#reason ? [this.#reason] : [];
    const left = Math.ceil(((this.#retryAt ?? 0) - performance.now()) / 1000);
    if (state === "offline" && left > 0) parts.push(`in ${left} s`);
    if (state !== "online" && this.#edits.count) {
      parts.push(this.#edits.count === 1 ? "1 change waits" : `${this.#edits.count} changes wait`);
    }
    return parts.join(" · ");
  }
}
