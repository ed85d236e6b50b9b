// src/live-field.js
function defineLiveField(realtime, tag = "live-field") {
  class LiveField extends HTMLElement {
    #room = null;
    #edit = null;
    constructor() {
      super();
      this.addEventListener("input", () => this.#typed());
      this.addEventListener("change", () => void this.#send());
      this.addEventListener("focusout", () => this.#edit?.isSent || this.#forget());
    }
    connectedCallback() {
      const around = (
        this.closest("[data-room]")
      );
      const { kind, key } = JSON.parse(around?.dataset.room ?? "{}");
      this.#room = realtime.join(kind, key);
      this.#room.on("change", () => this.#show());
      this.#show();
    }
    disconnectedCallback() {
      void this.#room?.leave();
    }
    get #path() {
      return (this.getAttribute("name") ?? "").split(".");
    }
    #show() {
      if (!this.#edit && this.#room?.state) {
        const value = this.#path.reduce((part, name) => part?.[name], this.#room.state);
        write(control(this) ?? this, value);
      }
    }
    #typed() {
      if (!this.#edit || this.#edit.isSent) {
        this.#edit = { base: this.#room?.seq ?? 0, isSent: false };
      }
      control(this)?.setCustomValidity("");
    }
    #forget() {
      this.#edit = null;
      this.#show();
    }
    async #send() {
      this.#typed();
      const edit = (
        this.#edit
      );
      edit.isSent = true;
      const field = (
        control(this)
      );
      const data = this.#path.reduceRight((value, name) => ({ [name]: value }), read(field));
      try {
        await this.#room?.update(data, { baseSeq: edit.base });
        if (this.#edit === edit) {
          this.#forget();
        }
      } catch (error) {
        field.setCustomValidity(
          error.message
        );
        field.reportValidity();
        this.dispatchEvent(new CustomEvent("live-error", { bubbles: true, detail: error }));
      }
    }
  }
  customElements.define(tag, LiveField);
}
var control = (element) => element.querySelector("input, textarea, select");
function read(field) {
  if (field.type === "checkbox") {
    return field.checked;
  }
  return field.type === "number" ? field.value === "" ? null : Number(field.value) : field.value;
}
function write(target, value) {
  const text = `${value ?? ""}`;
  if (target.type === "checkbox") {
    target.checked = value === true;
  } else if (!("value" in target)) {
    target.textContent = text;
  } else if (target.value !== text) {
    replace(target, text);
  }
}
function replace(field, text) {
  const old = field.value;
  if (typeof field.selectionStart !== "number") {
    field.value = text;
    return;
  }
  let start = 0;
  while (start < Math.min(old.length, text.length) && old[start] === text[start]) {
    start += 1;
  }
  let same = 0;
  while (same < Math.min(old.length, text.length) - start && old.at(-1 - same) === text.at(-1 - same)) {
    same += 1;
  }
  field.setRangeText(text.slice(start, text.length - same), start, old.length - same, "preserve");
}
export {
  defineLiveField
};
