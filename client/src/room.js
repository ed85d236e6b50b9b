import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { copy } from "./json.js";
import { Outbox } from "./outbox.js";
import { join, reduce, role } from "./reducers.js";

/**
 * What a room tells: each message of the server as `(payload, message)`, and
 *
 * - `change`: state, members, tasks, role, joined, pending or ended is different: render again
 * - `snapshot`: the state starts anew from what the server sent; what led to it was not told
 *
 * @template {object} State
 * @typedef {{ [Type in keyof import("./protocol.js").RoomPayloads]: [
 *   payload: import("./protocol.js").RoomPayloads[Type],
 *   message: import("./protocol.js").Envelope<Type>,
 * ] } & { change: [], snapshot: [state: State] }} RoomEvents
 */

/**
 * @typedef {object} Context what a room needs of the client that it belongs to
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {number} queueLimit
 * @property {() => string} newKey
 * @property {() => void} onEnd
 */

/** After these errors a join may succeed in a while. */
const PASSING = new Set(["RATE_LIMITED", "UNAVAILABLE", "INTERNAL_ERROR"]);

/**
 * A project's room; `Realtime.join` makes it. What its properties hold is never changed, only
 * replaced: whoever compares need only compare identities.
 *
 * @template {object} [State=import("./protocol.js").Project]
 */
export class Room {
  #projectId;
  #context;
  #outbox;
  /** @type {Emitter<RoomEvents<State>>} */
  #emitter = new Emitter();
  /** @type {import("./reducers.js").View | null} */
  #view = null;
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  #isJoined = false;
  #isLeaving = false;
  /** Where an event was missing when the room was last joined anew for that. */
  #holeAt = -1;
  /** Joins in a row that failed. */
  #failures = 0;
  /** @type {unknown} */
  #joinTimer;
  /** @type {RealtimeError | null} */
  #ended = null;
  /** @type {(room: Room<State>) => void} */
  #resolveReady = () => {};
  /** @type {(error: RealtimeError) => void} */
  #rejectReady = () => {};
  /** @type {() => void} */
  #resolveLeft = () => {};
  /** @type {Promise<void>} */
  #left = new Promise((resolve) => {
    this.#resolveLeft = resolve;
  });

  /**
   * @param {number} projectId
   * @param {Context} context
   * @internal
   */
  constructor(projectId, context) {
    this.#projectId = projectId;
    this.#context = context;
    this.#outbox = new Outbox({
      ...context,
      projectId,
      onChange: () => this.#changed(),
      onNotJoined: () => this.#join(),
    });
    /**
     * Resolves with the room when it is joined for the first time; rejects with a RealtimeError
     * if that cannot be, as with PROJECT_NOT_FOUND.
     *
     * @type {Promise<Room<State>>}
     */
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not wait for it need not handle it either.
    this.ready.catch(() => {});
  }

  get projectId() {
    return this.#projectId;
  }

  /**
   * The project, with the own updates that are not confirmed yet; null before the first join.
   *
   * @returns {Readonly<State> | null}
   */
  get state() {
    return this.#view && /** @type {State} */ (this.#outbox.applyTo(this.#view.project));
  }

  /** Who is here, oneself too; while not `joined`, as last known. */
  get members() {
    return this.#view?.members ?? NONE;
  }

  /** The tasks that are queued or running. */
  get tasks() {
    return this.#view?.tasks ?? NONE;
  }

  /** The own role in the project, such as `editor`; null before the first join. */
  get role() {
    return this.#view && role(this.#view);
  }

  /** The own user id; null before the first join. */
  get me() {
    return this.#view?.me ?? null;
  }

  /** The last durable event that is part of `state`: what `baseSeq` takes. */
  get seq() {
    return this.#view?.seq ?? 0;
  }

  /** Whether events come now; while not, the room shows what was last known. */
  get joined() {
    return this.#isJoined;
  }

  /** How many updates wait for their answer. */
  get pending() {
    return this.#outbox.pending;
  }

  /** Why the room has ended, or null. It does not come back: `join` makes a new one. */
  get ended() {
    return this.#ended;
  }

  /**
   * Listen to an event.
   *
   * @template {keyof RoomEvents<State>} Name
   * @param {Name} name
   * @param {(...values: RoomEvents<State>[Name]) => void} listener called when `state` has it
   * @returns {() => void} stops listening
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * Change the project; it shows in `state` at once.
   *
   * Resolves when the server has saved it, be that after a reconnection; it happens once. Rejects
   * with a RealtimeError if the server refuses it, and `state` is without it then.
   *
   * @param {Record<string, any>} data a merge patch: objects are merged, null deletes a key
   * @param {object} [options]
   * @param {number} [options.baseSeq] reject with CONFLICT if anybody else changed what `data`
   *   names after that position; updates of this room do not count
   * @param {boolean} [options.optimistic] false: show it only when it is confirmed
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   */
  async update(data, { baseSeq, optimistic = true } = {}) {
    if (this.#ended || this.#isLeaving) {
      throw this.#ended ?? left();
    }
    return this.#outbox.add(data, { baseSeq, optimistic });
  }

  /**
   * Show something to the others now, or never: a cursor, a selection, typing.
   *
   * To who reads slowly only the newest signal of each user comes, so put all in one that counts.
   *
   * @param {Record<string, any>} data
   * @throws {RealtimeError} INVALID_DATA
   */
  signal(data) {
    const payload = { project_id: this.#projectId, data: copy(data) };
    if (this.#isJoined && this.#connection?.isWritable) {
      this.#connection.send("send_signal", payload);
    }
  }

  /**
   * Leave. Listeners hear nothing more; updates made before are still sent.
   *
   * @returns {Promise<void>} resolves when that is done
   */
  leave() {
    this.#isLeaving = true;
    this.#emitter.clear();
    this.#leaveWhenDone();
    return this.#left;
  }

  // --- for Realtime

  /**
   * Somebody wants the room again before it was left.
   *
   * @internal
   */
  stay() {
    this.#isLeaving = false;
  }

  /**
   * There is a connection: join on it.
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
    this.#outbox.disconnect();
    this.#setJoined(false);
  }

  /**
   * Send the updates that can be sent now.
   *
   * @internal
   */
  pump() {
    this.#outbox.pump();
  }

  /**
   * Take a message of this room.
   *
   * @param {import("./protocol.js").RoomMessage} message
   * @internal
   */
  receive(message) {
    if (message.type === "access_revoked") {
      this.#revoked(new RealtimeError("ACCESS_REVOKED", "You may no longer see this project"));
    } else if (this.#view && this.#isNext(message.seq)) {
      this.#view = reduce(this.#view, message);
      if (message.seq !== undefined) {
        const changes = message.type === "project_updated" ? message.payload.changes : {};
        this.#outbox.confirm(message.seq, changes);
      }
      this.#tell(message.type, message.payload, message);
      if (message.type !== "signal") {
        this.#tell("change");
      }
    }
  }

  /**
   * The room is over.
   *
   * @param {RealtimeError} error why
   * @internal
   */
  end(error) {
    if (this.#ended) {
      return;
    }
    this.#ended = error;
    this.#connection = null;
    this.#isJoined = false;
    this.#context.timers.clear(this.#joinTimer);
    this.#outbox.reject(error);
    this.#rejectReady(error);
    this.#resolveLeft();
    this.#context.onEnd();
    this.#tell("change");
  }

  // --- joining

  /** Join, or join anew: from the position that is known, if there is one. */
  #join() {
    const payload = { project_id: this.#projectId, since: this.#view?.seq };
    this.#connection?.request("join_project", payload, (reply) => {
      if (this.#ended) {
        return;
      }
      if (reply.ok) {
        this.#enter(reply.payload);
      } else {
        this.#refused(reply.error);
      }
    });
  }

  /** @param {import("./protocol.js").JoinAck} ack */
  #enter(ack) {
    this.#view = join(this.#view, ack);
    this.#isJoined = true;
    this.#failures = 0;
    if (!ack.recovered) {
      this.#outbox.restart(ack.seq);
    }
    if (this.#connection) {
      this.#outbox.open(this.#connection);
    }
    this.#resolveReady(this);
    if (!ack.recovered) {
      this.#tell("snapshot", this.state);
    }
    this.#tell("change");
  }

  /** @param {RealtimeError} error of a join */
  #refused(error) {
    if (PASSING.has(error.code)) {
      const { retryAfter } = error;
      const delay =
        retryAfter === undefined ? backoff(this.#failures++, this.#context.random) : retryAfter * 1000;
      this.#outbox.pause();
      this.#setJoined(false);
      this.#joinTimer = this.#context.timers.set(() => this.#join(), delay);
    } else if (this.#view && error.code === "PROJECT_NOT_FOUND") {
      // It was there before: access was taken away while there was no connection.
      this.#revoked(error);
    } else {
      this.end(error);
    }
  }

  /** @param {RealtimeError} error */
  #revoked(error) {
    const payload = { project_id: this.#projectId };
    this.end(error);
    this.#tell("access_revoked", payload, { type: "access_revoked", payload });
  }

  /**
   * Say whether an event is the next one. Where some are missing before it, have them replayed.
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

  // --- leaving

  #leaveWhenDone() {
    if (!this.#isLeaving || this.#ended || this.pending > 0) {
      return;
    }
    // Also where the join has no reply yet: commands are handled in order.
    this.#connection?.request("leave_project", { project_id: this.#projectId }, () => {});
    this.end(left());
  }

  // --- telling

  /**
   * @param {keyof RoomEvents<State>} name
   * @param {any[]} values
   */
  #tell(name, ...values) {
    /** @type {(name: string, ...values: any[]) => void} */
    const emit = /** @type {any} */ (this.#emitter.emit).bind(this.#emitter);
    emit(name, ...values);
  }

  #changed() {
    this.#tell("change");
    this.#leaveWhenDone();
  }

  /** @param {boolean} isJoined */
  #setJoined(isJoined) {
    if (this.#isJoined !== isJoined) {
      this.#isJoined = isJoined;
      this.#tell("change");
    }
  }
}

/** @type {readonly never[]} the same object each time, so that nothing seems to have changed */
const NONE = [];

function left() {
  return new RealtimeError("LEFT", "The room was left");
}
