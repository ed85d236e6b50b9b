import { RealtimeError } from "./errors.js";
import { role } from "./reducers.js";
import { EVERY, left, rejected } from "./room-session.js";

/**
 * Declare the events of a room: each message of the server as `(payload, message)`, and
 *
 * - `change`: state, members, tasks, role, joined, pending or ended has changed: render again
 * - `snapshot`: the state starts anew from the server's; the events before it were not told
 *
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {{ [Type in keyof import("./protocol.js").RoomPayloads<Kind> & string]: [
 *   payload: import("./protocol.js").RoomPayloads<Kind>[Type],
 *   message: import("./protocol.js").Envelope<Kind, Type>,
 * ] } & { change: [], snapshot: [state: Kind["state"]] }} RoomEvents
 */

/**
 * The client's own message: the state starts anew.
 *
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {{ type: "snapshot", payload: Kind["state"], seq: number }} Snapshot
 */

/** Messages kept for a `for await` that is busy; beyond that, it ends with OVERRUN. */
const MAX_UNREAD = 10_000;

/** Ends after which a `for await` is done; any other is thrown. */
const OWN_ENDS = ["LEFT", "CLOSED"];

/** @type {readonly never[]} always the same object, so that nothing seems to have changed */
const NONE = Object.freeze([]);

/**
 * Show one join of a room, made by `Realtime.join`. All joins of a client share the room's state;
 * each has listeners of its own, and is left by itself.
 *
 * Its properties hold frozen values that are replaced and never changed, so compare them by identity.
 *
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 */
export class Room {
  #session;
  #ready;
  /** @type {Set<() => void>} functions that stop each of its listeners */
  #stops = new Set();
  /** @type {import("./errors.js").RealtimeError | null} */
  #left = null;
  /** @type {Promise<void> | undefined} */
  #leaving;

  /**
   * @param {import("./room-session.js").RoomSession} session
   * @internal
   */
  constructor(session) {
    this.#session = session;
    session.enter();
    this.#ready = session.ready.then(() => this);
    // A caller that does not wait for it need not handle its rejection.
    this.#ready.catch(() => {});
  }

  /**
   * The kind of the room, such as `project`.
   *
   * @returns {import("./protocol.js").KindName<Kind>}
   */
  get kind() {
    return /** @type {any} */ (this.#session.roomId.kind);
  }

  /**
   * The key of the room's object.
   *
   * @returns {import("./protocol.js").KeyOf<Kind>}
   */
  get key() {
    return /** @type {any} */ (this.#session.roomId.key);
  }

  /**
   * Resolves with the room when it is joined for the first time; rejects with a RealtimeError if it
   * cannot be, such as PROJECT_NOT_FOUND of a `project`.
   */
  get ready() {
    return this.#ready;
  }

  /**
   * The state, with own updates that are not confirmed yet; null before the first join.
   *
   * @returns {Readonly<Kind["state"]> | null}
   */
  get state() {
    return /** @type {Kind["state"] | null} */ (this.#session.state);
  }

  /**
   * The users who are here, oneself too; while not `joined`, as last known. It has only some of very
   * many: see `memberCount`.
   *
   * @returns {readonly import("./protocol.js").Member<Kind>[]}
   */
  get members() {
    return /** @type {readonly any[]} */ (this.#session.view?.members ?? NONE);
  }

  /** The number of users who are here, oneself too. */
  get memberCount() {
    return this.#session.view?.memberCount ?? 0;
  }

  /** The tasks that are queued or running. */
  get tasks() {
    return this.#session.view?.tasks ?? NONE;
  }

  /**
   * The own role in the room, such as `editor`; null before the first join.
   *
   * @returns {import("./protocol.js").RoleOf<Kind> | null}
   */
  get role() {
    return /** @type {any} */ (this.#session.view && role(this.#session.view));
  }

  /** The own user id; null before the first join. */
  get me() {
    return this.#session.view?.me ?? null;
  }

  /** The position of the last durable event in `state`, for `baseSeq`. */
  get seq() {
    return this.#session.view?.seq ?? 0;
  }

  /** True while events come; otherwise the room shows its last known state. */
  get joined() {
    return this.#session.isJoined && this.#left === null;
  }

  /** Updates that wait for their answer. */
  get pending() {
    return this.#session.pending;
  }

  /** The reason why the room has ended, or null. It does not come back: `join` makes a new one. */
  get ended() {
    return this.#left ?? this.#session.ended;
  }

  /**
   * Listen to an event.
   *
   * @template {keyof RoomEvents<Kind> & string} Name
   * @param {Name} name
   * @param {(...values: RoomEvents<Kind>[Name]) => void} listener called when `state` includes the event
   * @param {import("./emitter.js").ListenOptions} [options]
   * @returns {() => void} stops listening
   */
  on(name, listener, options) {
    if (this.#left) {
      return () => {};
    }
    const own = /** @type {(...values: any[]) => void} */ (listener);
    const off = this.#session.on(name, own, options);
    const stop = () => {
      this.#stops.delete(stop);
      off();
    };
    this.#stops.add(stop);
    return stop;
  }

  /**
   * Iterate over the messages from now on, `snapshot` among them, until the room is left or the
   * client closed.
   *
   * @returns {AsyncGenerator<import("./protocol.js").RoomMessage<Kind> | Snapshot<Kind>, void>}
   * @throws {import("./errors.js").RealtimeError} while iterating: `ended`, or OVERRUN
   */
  [Symbol.asyncIterator]() {
    /** @type {any[]} */
    const unread = [];
    let wake = () => {};
    const offs = [
      this.#session.on(EVERY, (message) => {
        if (unread.length <= MAX_UNREAD) {
          unread.push(message);
        }
        wake();
      }),
      this.#session.on("change", () => wake()),
    ];
    const stop = () => {
      this.#stops.delete(stop);
      offs.forEach((off) => off());
      wake();
    };
    this.#stops.add(stop);
    const sleep = () => /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)));
    return this.#iterate(unread, sleep, stop);
  }

  /**
   * @param {any[]} unread filled while this iterates
   * @param {() => Promise<void>} sleep returns when there is more, or the room has ended
   * @param {() => void} stop
   * @returns {AsyncGenerator<any, void>}
   */
  async *#iterate(unread, sleep, stop) {
    try {
      for (;;) {
        if (unread.length > MAX_UNREAD) {
          throw new RealtimeError("OVERRUN", "Too many messages of the room were not read");
        } else if (unread.length > 0) {
          yield unread.shift();
        } else if (this.ended === null) {
          await sleep();
        } else if (OWN_ENDS.includes(this.ended.code)) {
          return;
        } else {
          throw this.ended;
        }
      }
    } finally {
      stop();
    }
  }

  /**
   * Change the state; it shows in `state` at once.
   *
   * Resolves when the server has saved it, even after a reconnection; it happens once. Rejects with a
   * RealtimeError if the server refuses it; then `state` is without it.
   *
   * @param {import("./protocol.js").PatchOf<Kind>} data a merge patch: objects are merged, null deletes a key
   * @param {object} [options]
   * @param {number} [options.baseSeq] reject with CONFLICT if anybody else changed something in
   *   `data` after that position; the client's own updates do not count
   * @param {boolean} [options.optimistic] false to show it only once it is confirmed
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   */
  update(data, { baseSeq, optimistic = true } = {}) {
    return this.#update(data, { baseSeq, optimistic, command: null });
  }

  /**
   * Send a command that the site has declared for this kind of rooms. What it changes shows when the
   * room is told.
   *
   * Resolves and rejects as `update` does; it happens once, and in the order of the calls.
   *
   * @template {keyof import("./protocol.js").CommandsOf<Kind> & string} Name
   * @param {Name} name such as `move_card`
   * @param {import("./protocol.js").CommandPayload<import("./protocol.js").CommandsOf<Kind>[Name]>} payload
   *   without the key of the room
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   * @throws {TypeError} for a name that is one of the protocol's
   */
  command(name, ...[payload]) {
    this.#session.roomId.checkCommand(name);
    return this.#update(payload ?? {}, { optimistic: false, command: name });
  }

  /**
   * @param {Record<string, any>} data
   * @param {{ baseSeq?: number, optimistic: boolean, command: string | null }} options
   */
  #update(data, options) {
    return this.#left ? rejected(this.#left) : this.#session.update(data, options);
  }

  /**
   * Send a cursor, a selection or typing to the others now; without a connection, drop it.
   *
   * Signals that come faster than the server takes them replace each other, and the last one is sent.
   * A client that reads slowly gets only the newest of each user. So each signal should say it all.
   *
   * @param {import("./protocol.js").SignalOf<Kind>} data
   * @throws {import("./errors.js").RealtimeError} INVALID_DATA, MESSAGE_TOO_LARGE
   */
  signal(data) {
    if (!this.#left) {
      this.#session.signal(data);
    }
  }

  /**
   * What the client shows of its user, frozen; null until `setPresence`, or a join with `presence`. That
   * of each user stands in `members`.
   *
   * @returns {Readonly<import("./protocol.js").PresenceOf<Kind>> | null}
   */
  get presence() {
    return /** @type {any} */ (this.#session.presence);
  }

  /**
   * Show something of the user for as long as they are in the room: a cursor, a selection, a color.
   *
   * It is merged into `presence`, and null takes a key away. What comes faster than the server takes
   * it is sent together, and the last value always arrives, also at those who join later. The first
   * call asks for the presence of the others, too.
   *
   * @param {import("./protocol.js").DeepPartial<import("./protocol.js").PresenceOf<Kind>>} patch
   * @throws {import("./errors.js").RealtimeError} INVALID_DATA, MESSAGE_TOO_LARGE
   */
  setPresence(patch) {
    if (!this.ended) {
      this.#session.setPresence(patch);
    }
  }

  /**
   * Leave. Listeners hear nothing more; earlier updates are still sent.
   *
   * The others see it once every join of the room was left, and none was made for a moment
   * (`leaveDelay`).
   *
   * @returns {Promise<void>} resolves when that is done, or when the room is joined again
   */
  leave() {
    this.#left ??= this.#session.ended ?? left();
    [...this.#stops].forEach((stop) => stop());
    this.#leaving ??= this.#session.leave();
    return this.#leaving;
  }
}
