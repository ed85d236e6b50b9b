/**
 * Name a room on the wire: the messages of each kind of room have its noun in them, see
 * docs/protocol.md.
 */
export class RoomId {
  /**
   * @param {string} kind the noun, such as `project`
   * @param {RoomKey} key of the room's object
   * @throws {TypeError} if the arguments name no room
   */
  constructor(kind, key) {
    if (typeof kind !== "string" || !/^[a-z][a-z0-9_]*$/.test(kind)) {
      throw new TypeError(`A kind of rooms is a noun such as "project", not ${describe(kind)}`);
    }
    const isKey = typeof key === "string" ? key !== "" : Number.isSafeInteger(key);
    if (!isKey) {
      throw new TypeError(`The key of a ${kind} is an integer or a text, not ${describe(key)}`);
    }
    this.kind = kind;
    this.key = key;
  }

  toString() {
    return `${this.kind}:${this.key}`;
  }

  /** The code of the error that denies the room. */
  get notFound() {
    return `${this.kind.toUpperCase()}_NOT_FOUND`;
  }

  /**
   * Return a payload that names the room.
   *
   * @param {Record<string, unknown>} [more]
   * @returns {Record<string, unknown>}
   */
  payload(more) {
    return { [`${this.kind}_id`]: this.key, ...more };
  }

  /**
   * Refuse what cannot be a command of the host's own.
   *
   * @param {unknown} name
   * @throws {TypeError}
   */
  checkCommand(name) {
    const verbs = ["join", "leave", "update"].map((verb) => `${verb}_${this.kind}`);
    if (typeof name !== "string" || name === "" || [...verbs, ...COMMANDS].includes(name)) {
      throw new TypeError(`${describe(name)} is no command of a ${this.kind}'s own`);
    }
  }

  /**
   * Return the changes that a message makes to the state, a merge patch; null for any other message.
   *
   * @param {import("./protocol.js").Message} message
   * @returns {Record<string, any> | null}
   */
  changesIn({ type, payload }) {
    return type === `${this.kind}_updated` ? payload.changes : null;
  }

  /**
   * Return true if an envelope or a payload names the room.
   *
   * @param {Record<string, unknown>} part
   */
  isNamedBy(part) {
    return part[`${this.kind}_id`] === this.key;
  }
}

const COMMANDS = ["send_signal", "authenticate", "ping"];

/** @typedef {number | string} RoomKey an integer, or the text of any other key */

/** @param {unknown} value */
function describe(value) {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
