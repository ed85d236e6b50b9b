import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { History } from "./history.js";
import { checkSize, copy } from "./json.js";
import { join, reduce, role } from "./reducers.js";
import { Updates } from "./updates.js";

/**
 * What a room tells: each message of the server as `(payload, message)`, and
 *
 * - `change`: something to render is different: state, members, tasks, role, joined or ended
 * - `snapshot`: the state starts anew from what the server sent; what led to it was not told
 *
 * @typedef {{ [Type in keyof import("./protocol.js").RoomPayloads]: [
 *   payload: import("./protocol.js").RoomPayloads[Type],
 *   message: import("./protocol.js").Envelope<Type>,
 * ] } & { change: [], snapshot: [project: import("./protocol.js").Project] }} RoomEvents
 */

/**
 * What a room needs of the client that it belongs to.
 *
 * @typedef {object} Context
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {number} queueLimit
 * @property {() => string} newKey
 * @property {(room: Room) => void} onEnd
 */

/** After these errors the same update may succeed in a while. */
const PASSING = new Set(["RATE_LIMITED", "UNAVAILABLE", "NOT_JOINED"]);
/** And after these a join may. */
const PASSING_FOR_JOIN = new Set(["RATE_LIMITED", "UNAVAILABLE", "INTERNAL_ERROR"]);

/** A project's room; `Realtime.join` makes it. What its properties hold is never changed, only replaced. */
export class Room {
  #projectId;
  #context;
  /** @type {Emitter<RoomEvents>} */
  #emitter = new Emitter();
  /** @type {import("./reducers.js").View | null} */
  #view = null;
  #updates = new Updates();
  #history = new History();
  /** @type {import("./protocol.js").Project | null} the state to show; null where it must be made */
  #shown = null;
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  #isJoined = false;
  #isLeaving = false;
  /** The position behind which an event was missing when the room was last joined anew. */
  #holeAt = -1;
  /** Failures in a row, of the joining or of an update. */
  #failures = 0;
  /** @type {unknown} */
  #joinTimer;
  /** @type {RealtimeError | null} */
  #ended = null;
  /** @type {(room: Room) => void} */
  #resolveReady = () => {};
  /** @type {(error: RealtimeError) => void} */
  #rejectReady = () => {};
  /** @type {() => void} */
  #resolveLeft = () => {};
  /** @type {Promise<void>} */
  #left;

  /**
   * @param {number} projectId
   * @param {Context} context
   * @internal
   */
  constructor(projectId, context) {
    this.#projectId = projectId;
    this.#context = context;
    this.#left = new Promise((resolve) => {
      this.#resolveLeft = resolve;
    });
    /**
     * The room itself, once it is joined for the first time.
     *
     * Rejects with a RealtimeError if that cannot be: PROJECT_NOT_FOUND, for one.
     *
     * @type {Promise<Room>}
     */
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not wait for it need not handle it.
    this.ready.catch(() => {});
  }

  get projectId() {
    return this.#projectId;
  }

  /** The project, with the own updates that are not confirmed yet; null before the first join. */
  get state() {
    if (this.#shown === null && this.#view !== null) {
      this.#shown = this.#updates.applyTo(this.#view.project);
    }
    return this.#shown;
  }

  /** Who is here, oneself too. While not `joined`, as last known. */
  get members() {
    return this.#view?.members ?? [];
  }

  /** The tasks that are queued or running. */
  get tasks() {
    return this.#view?.tasks ?? [];
  }

  /** The own role, as `owner`, `editor` or `viewer`; null before the first join. */
  get role() {
    return this.#view && role(this.#view);
  }

  /** The own user id; null until the room has told. */
  get me() {
    return this.#view?.me ?? null;
  }

  /** The last durable event that is part of the state: what `baseSeq` takes. */
  get seq() {
    return this.#view?.seq ?? 0;
  }

  /** Whether events come now. If not, the state is that of before. */
  get joined() {
    return this.#isJoined;
  }

  /** How many updates wait for their answer. */
  get pending() {
    return this.#updates.pending;
  }

  /** Why the room has ended, or null. One that has ended stays so; `join` makes a new one. */
  get ended() {
    return this.#ended;
  }

  /**
   * Listen to an event.
   *
   * @template {keyof RoomEvents} Name
   * @param {Name} name
   * @param {(...values: RoomEvents[Name]) => void} listener called when the state has it
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * Change the project; it shows in `state` at once.
   *
   * The promise resolves when it is saved, be that after a reconnection: it happens once. It
   * rejects with a RealtimeError if the server refuses it, and `state` is then without it.
   *
   * @param {Record<string, any>} data fields to replace; `content` is merged, null deletes a key
   * @param {object} [options]
   * @param {number} [options.baseSeq] refuse with CONFLICT if somebody else, or oneself
   *   elsewhere, has changed what `data` names after that position
   * @param {boolean} [options.optimistic] false: show it only when it is confirmed
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   */
  async update(data, { baseSeq, optimistic = true } = {}) {
    if (this.#ended || this.#isLeaving) {
      throw this.#ended ?? new RealtimeError("LEFT", "The room was left");
    }
    if (this.#updates.pending >= this.#context.queueLimit) {
      throw new RealtimeError("QUEUE_FULL", "Too many updates wait for the server");
    }
    const own = copy(data);
    checkSize(JSON.stringify({ ...this.#payload(own, baseSeq), key: "x".repeat(64) }));
    return new Promise((resolve, reject) => {
      const key = this.#context.newKey();
      const rest = { sent: false, ackSeq: null, resolve, reject };
      this.#updates.add({ key, data: own, baseSeq, optimistic, ...rest });
      this.#changed();
      this.pump();
    });
  }

  /**
   * Show something to the others now, or never: a cursor, a selection, typing.
   *
   * Where a client lags, only the newest signal of each user counts.
   *
   * @param {Record<string, any>} data
   */
  signal(data) {
    const payload = { project_id: this.#projectId, data: copy(data) };
    if (this.#isJoined && this.#connection?.isWritable) {
      this.#connection.send("send_signal", payload);
    }
  }

  /**
   * Leave. Listeners hear nothing more; updates that were made before are still sent.
   *
   * @returns {Promise<void>} resolves when the room is left
   */
  leave() {
    this.#isLeaving = true;
    this.#emitter.clear();
    this.#leaveWhenDone();
    return this.#left;
  }

  // --- for Realtime

  /**
   * Stay, though `leave` was called, as somebody wants the room again.
   *
   * @internal
   */
  stay() {
    this.#isLeaving = false;
  }

  /**
   * There is a new connection: join on it.
   *
   * @param {import("./connection.js").Connection} connection
   * @internal
   */
  attach(connection) {
    this.#connection = connection;
    this.#join();
  }

  /**
   * The connection is lost.
   *
   * @internal
   */
  detach() {
    this.#connection = null;
    this.#context.timers.clear(this.#joinTimer);
    this.#updates.unsend();
    this.#setJoined(false);
  }

  /**
   * Take a message of this room.
   *
   * @param {import("./protocol.js").RoomMessage} message
   * @internal
   */
  receive(message) {
    if (message.type === "access_revoked") {
      this.end(new RealtimeError("ACCESS_REVOKED", "You may no longer see this project"), message);
      return;
    }
    if (this.#view === null || !this.#isNext(message.seq)) {
      return;
    }
    const before = this.#view;
    this.#view = reduce(before, message);
    if (message.seq !== undefined) {
      const changes = message.type === "project_updated" ? message.payload.changes : {};
      this.#history.add(message.seq, changes);
      this.#updates.confirm(message.seq);
    }
    this.#shown = null;
    /** @type {any} */ (this.#emitter).emit(message.type, message.payload, message);
    if (message.type !== "signal") {
      this.#emitter.emit("change");
    }
    // What waited for this event can go now.
    this.pump();
  }

  /** Send the updates that can be sent now. @internal */
  pump() {
    const connection = this.#connection;
    while (this.#isJoined && connection?.isWritable) {
      const update = this.#updates.next();
      if (!update) {
        return;
      }
      this.#send(update, connection);
    }
  }

  /**
   * The room is over.
   *
   * @param {RealtimeError} error why
   * @param {import("./protocol.js").Envelope<"access_revoked">} [message] that told so
   * @internal
   */
  end(error, message) {
    if (this.#ended) {
      return;
    }
    this.#ended = error;
    this.#connection = null;
    this.#isJoined = false;
    this.#context.timers.clear(this.#joinTimer);
    this.#context.onEnd(this);
    this.#rejectReady(error);
    this.#resolveLeft();
    this.#shown = null;
    for (const update of this.#updates.clear()) {
      update.reject(error);
    }
    if (message) {
      this.#emitter.emit("access_revoked", message.payload, message);
    }
    this.#emitter.emit("change");
  }

  // --- joining

  /** @param {{ fresh?: boolean }} [options] `fresh`: start anew from a snapshot */
  #join({ fresh = false } = {}) {
    const connection = this.#connection;
    const since = fresh ? undefined : this.#view?.seq;
    const payload = { project_id: this.#projectId, since };
    connection?.request("join_project", payload, (reply) => {
      if (reply.ok) {
        this.#enter(reply.payload);
      } else {
        this.#refused(reply.error);
      }
    });
  }

  /** @param {import("./protocol.js").JoinAck} ack */
  #enter(ack) {
    const before = this.#view;
    this.#failures = 0;
    this.#view = join(before, ack);
    this.#isJoined = true;
    if (!ack.recovered) {
      this.#history.clear();
      // A server that was put back to an earlier state has none of the later events any more.
      this.#updates.confirm(ack.seq < (before?.seq ?? 0) ? Infinity : ack.seq);
    }
    this.#shown = null;
    this.#resolveReady(this);
    if (!ack.recovered && this.state) {
      this.#emitter.emit("snapshot", this.state);
    }
    this.#emitter.emit("change");
    this.pump();
    this.#leaveWhenDone();
  }

  /** @param {RealtimeError} error of a join */
  #refused(error) {
    if (PASSING_FOR_JOIN.has(error.code)) {
      this.#setJoined(false);
      this.#joinTimer = this.#context.timers.set(() => this.#join(), this.#delay(error));
    } else if (this.#view && error.code === "PROJECT_NOT_FOUND") {
      // It was there: access was taken away while there was no connection.
      const payload = { project_id: this.#projectId };
      this.end(error, { type: "access_revoked", payload });
    } else {
      this.end(error);
    }
  }

  /**
   * Say whether a message is the next one; if some are missing before it, have them replayed.
   *
   * @param {number | undefined} seq undefined for what is not durable
   */
  #isNext(seq = this.seq + 1) {
    if (seq > this.seq + 1 && this.#holeAt !== this.seq) {
      this.#holeAt = this.seq;
      this.#join();
    }
    return seq === this.seq + 1;
  }

  // --- updates

  /**
   * @param {import("./updates.js").Update} update
   * @param {import("./connection.js").Connection} connection
   */
  #send(update, connection) {
    update.sent = true;
    const base = update.baseSeq && this.#history.rebase(update.baseSeq, update.data);
    const onReply = (/** @type {import("./connection.js").Reply} */ reply) => {
      if (reply.ok) {
        this.#acknowledged(update, reply.payload);
      } else {
        this.#failed(update, reply.error);
      }
    };
    const payload = this.#payload(update.data, base);
    connection.request("update_project", payload, onReply, { idempotency_key: update.key });
  }

  /**
   * @param {import("./updates.js").Update} update
   * @param {import("./protocol.js").UpdateAck} ack
   */
  #acknowledged(update, ack) {
    this.#failures = 0;
    update.ackSeq = ack.seq;
    if (Object.keys(ack.changes).length > 0) {
      this.#history.addOwn(ack.seq);
    }
    this.#updates.confirm(this.seq);
    update.resolve(ack);
    this.#changed();
    this.#leaveWhenDone();
  }

  /**
   * @param {import("./updates.js").Update} update
   * @param {RealtimeError} error
   */
  #failed(update, error) {
    if (PASSING.has(error.code)) {
      update.sent = false;
      this.#connection?.hold(this.#delay(error));
      if (error.code === "NOT_JOINED") {
        this.#join();
      }
      return;
    }
    this.#updates.remove(update);
    update.reject(error);
    this.#changed();
    this.#leaveWhenDone();
  }

  /**
   * @param {Record<string, any>} data
   * @param {number | undefined} baseSeq
   */
  #payload(data, baseSeq) {
    return { project_id: this.#projectId, data, base_seq: baseSeq };
  }

  // --- what both need

  /**
   * Return the milliseconds to wait after a failure that may pass.
   *
   * @param {RealtimeError} error
   */
  #delay({ retryAfter }) {
    if (retryAfter !== undefined) {
      return retryAfter * 1000;
    }
    this.#failures += 1;
    return backoff(this.#failures - 1, this.#context.random);
  }

  #leaveWhenDone() {
    if (this.#isLeaving && !this.#ended && this.#updates.pending === 0) {
      if (this.#isJoined) {
        this.#connection?.send("leave_project", { project_id: this.#projectId });
      }
      this.end(new RealtimeError("LEFT", "The room was left"));
    }
  }

  /** @param {boolean} isJoined */
  #setJoined(isJoined) {
    if (this.#isJoined !== isJoined) {
      this.#isJoined = isJoined;
      this.#emitter.emit("change");
    }
  }

  #changed() {
    this.#shown = null;
    this.#emitter.emit("change");
  }
}
