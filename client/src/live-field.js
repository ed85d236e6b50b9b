/**
 * Define `<live-field name="title"><input></live-field>`, for pages without a framework. An element
 * around it names the room: `<main {% live_room board %}>`, or `data-room='{"kind": "board", "key": 1}'`.
 *
 * Around an input, a textarea or a select it shows the changes of others, and sends the person's own
 * change when they leave the field. It never overwrites typed text. If an update is refused, because
 * somebody else was faster (CONFLICT) for example, the field and the event `live-error` tell so, and
 * the next change is sent again. Around anything else it shows the value as text. A name may be a
 * path: `cards.12.text`.
 *
 * @param {import("./realtime.js").Realtime} realtime
 * @param {string} [tag]
 */
export function defineLiveField(realtime, tag = "live-field") {
  // Defined here: there is no HTMLElement on a server that renders pages.
  class LiveField extends HTMLElement {
    /** @type {import("./room.js").Room | null} */
    #room = null;
    /** @type {{ base: number, isSent: boolean } | null} an edit without an `ack` yet */
    #edit = null;

    constructor() {
      super();
      this.addEventListener("input", () => this.#typed());
      this.addEventListener("change", () => void this.#send());
      // `change` comes before this, if the value has changed.
      this.addEventListener("focusout", () => this.#edit?.isSent || this.#forget());
    }

    connectedCallback() {
      const around = /** @type {HTMLElement | null} */ (this.closest("[data-room]"));
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
        const value = this.#path.reduce((/** @type {any} */ part, name) => part?.[name], this.#room.state);
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
      const edit = /** @type {{ base: number, isSent: boolean }} */ (this.#edit);
      edit.isSent = true;
      const field = /** @type {Control} */ (control(this));
      const data = this.#path.reduceRight((/** @type {any} */ value, name) => ({ [name]: value }), read(field));
      try {
        await this.#room?.update(data, { baseSeq: edit.base });
        // Meanwhile the person may have gone on to type.
        if (this.#edit === edit) {
          this.#forget();
        }
      } catch (error) {
        field.setCustomValidity(/** @type {Error} */ (error).message);
        field.reportValidity();
        this.dispatchEvent(new CustomEvent("live-error", { bubbles: true, detail: error }));
      }
    }
  }
  customElements.define(tag, LiveField);
}

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/**
 * @param {HTMLElement} element
 * @returns {Control | null} null if the element shows text
 */
const control = (element) => element.querySelector("input, textarea, select");

/** @param {any} field */
function read(field) {
  if (field.type === "checkbox") {
    return field.checked;
  }
  return field.type === "number" ? (field.value === "" ? null : Number(field.value)) : field.value;
}

/**
 * @param {any} target a control, or an element
 * @param {unknown} value
 */
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

/**
 * Replace only the part that differs, so that the caret and the selection keep their place.
 *
 * @param {any} field
 * @param {string} text
 */
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
