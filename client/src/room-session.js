import { Deferred } from "./deferred.js";
import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { JoinLoop } from "./join-loop.js";
import { checkSize, copy } from "./json.js";
import { freeze } from "./merge.js";
import { UpdateQueue } from "./update-queue.js";
import { join, reduce } from "./reducers.js";
import { SignalSender } from "./signals.js";

/**
 * @typedef {object} Context what a session needs of the client that it belongs to
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {number} queueLimit
 * @property {number} leaveDelay milliseconds
 * @property {() => string} newKey
 * @property {(userId: import("./protocol.js").UserId) => void} identify called with the user whom the server joined; may
 *   end sessions, this one too
 * @property {(error: RealtimeError) => void} onError called with an error that rejects no promise
 * @property {() => void} onEnd
 */

/** The event of each message, whatever its type: no host can have an event of this name. */
export const EVERY = Symbol("message");

/** Keep a room over any number of connections; a `Room` is the application's handle of it. */
export class RoomSession {
  /** @type {Deferred<void>} */
  #ready = new Deferred();
  /** @type {Deferred<void>} */
  #left = new Deferred();
  /** @type {Emitter<any>} */
  #emitter = new Emitter();
  #roomId;
  #context;
  #joinLoop;
  #queue;
  #signals;
  /** @type {import("./reducers.js").View | null} */
  #view = null;
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  #isJoined = false;
  /** Joins of the room that were not left yet. */
  #users = 0;
  #isLeaving = false;
  /** @type {unknown} set for the moment in which somebody may want the room again */
  #leaveTimer;
  /** Position after which an event was missing when the room was last joined anew for that. */
  #gapAt = -1;
  /** @type {RealtimeError | null} */
  #ended = null;

  /**
   * @param {import("./room-id.js").RoomId} roomId
   * @param {Context} context
   */
  constructor(roomId, context) {
    this.#roomId = roomId;
    this.#context = context;
    this.#signals = new SignalSender({ ...context, roomId });
    this.#joinLoop = new JoinLoop({
      ...context,
      roomId,
      since: () => this.#view?.seq,
      onJoined: (ack) => this.#enter(ack),
      onDelayed: () => this.#suspend(),
      onRefused: (error) => this.#refused(error),
    });
    this.#queue = new UpdateQueue({
      ...context,
      roomId,
      onChange: () => this.#changed(),
      onNotJoined: () => this.#joinLoop.join(),
    });
  }

  get roomId() {
    return this.#roomId;
  }

  /** Settled by the first join. */
  get ready() {
    return this.#ready.promise;
  }

  get view() {
    return this.#view;
  }

  /** The state with the updates that are not confirmed yet. */
  get state() {
    return this.#view && this.#queue.applyTo(this.#view.state);
  }

  get isJoined() {
    return this.#isJoined;
  }

  get pending() {
    return this.#queue.pending;
  }

  get ended() {
    return this.#ended;
  }

  // --- what the application does

  /**
   * @param {string | symbol} name
   * @param {(...values: any[]) => void} listener
   * @param {import("./emitter.js").ListenOptions} [options]
   */
  on(name, listener, options) {
    return this.#emitter.on(name, listener, options);
  }

  /**
   * @param {Record<string, any>} data
   * @param {{ baseSeq: number | undefined, optimistic: boolean }} options
   * @returns {Promise<import("./protocol.js").UpdateAck>}
   */
  update(data, options) {
    if (this.#ended) {
      return rejected(this.#ended);
    }
    try {
      return this.#queue.add(data, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @param {Record<string, any>} data */
  signal(data) {
    const own = copy(data);
    checkSize({ type: "send_signal", payload: this.#roomId.payload({ data: own }) });
    this.#signals.add(own);
  }

  /** Count somebody who wants the room. */
  enter() {
    this.#users += 1;
    this.#isLeaving = false;
    this.#context.timers.clear(this.#leaveTimer);
    this.#leaveTimer = undefined;
    // The room goes on: a `leave` that waits for its end is done.
    this.#left.resolve();
    this.#left = new Deferred();
  }

  /**
   * Count somebody off. After the last one the room is left, when its updates have their answers
   * and a moment has passed: a page that is built anew wants the room again at once.
   *
   * @returns {Promise<void>}
   */
  leave() {
    this.#users -= 1;
    if (this.#users > 0 || this.#ended) {
      return Promise.resolve();
    }
    const { timers, leaveDelay } = this.#context;
    this.#isLeaving = true;
    this.#leaveTimer = timers.set(() => {
      this.#leaveTimer = undefined;
      this.#leaveWhenDone();
    }, leaveDelay);
    return this.#left.promise;
  }

  // --- what the connection brings

  /**
   * There is a connection: join on it.
   *
   * @param {import("./connection.js").Connection} connection
   */
  attach(connection) {
    this.#connection = connection;
    this.#joinLoop.open(connection);
  }

  /** The connection is lost. */
  detach() {
    this.#connection = null;
    this.#joinLoop.close();
    this.#queue.disconnect();
    this.#signals.close();
    this.#setJoined(false);
  }

  /** Send what can be sent now. */
  pump() {
    this.#queue.pump();
    this.#signals.pump();
  }

  /**
   * Take a message of this room.
   *
   * @param {import("./protocol.js").RoomMessage} message
   */
  receive(message) {
    if (message.type === "access_revoked") {
      this.#revoked(new RealtimeError("ACCESS_REVOKED", `You may no longer see this ${this.#roomId.kind}`));
    } else if (this.#view && this.#isNext(this.#view.seq, message.seq)) {
      this.#view = freeze(reduce(this.#view, message, this.#roomId));
      if (message.seq !== undefined) {
        this.#queue.confirm(message.seq, this.#roomId.changesIn(message) ?? {});
      }
      this.#tell(message);
      if (message.type !== "signal") {
        this.#emitter.emit("change");
      }
    }
  }

  /**
   * The room is over for the client, and the server does not know it yet.
   *
   * @param {RealtimeError} error why
   */
  depart(error) {
    // Also where the join has no reply yet: commands are handled in order.
    const { kind } = this.#roomId;
    this.#connection?.request(`leave_${kind}`, this.#roomId.payload(), () => {});
    this.end(error);
  }

  /**
   * The room is over.
   *
   * @param {RealtimeError} error why
   */
  end(error) {
    if (this.#ended) {
      return;
    }
    this.#ended = error;
    this.#connection = null;
    this.#isJoined = false;
    this.#joinLoop.close();
    this.#queue.reject(error);
    this.#signals.close();
    this.#context.timers.clear(this.#leaveTimer);
    this.#ready.reject(error);
    this.#left.resolve();
    this.#context.onEnd();
    this.#emitter.emit("change");
  }

  /**
   * Say whether an event is the next one. Where some are missing before it, have them replayed.
   *
   * @param {number} position
   * @param {number} [seq] undefined for what is not durable
   */
  #isNext(position, seq = position + 1) {
    if (seq > position + 1 && this.#gapAt !== position) {
      this.#gapAt = position;
      this.#joinLoop.join();
    }
    return seq === position + 1;
  }

  // --- what becomes of a join

  /** @param {import("./protocol.js").JoinAck} ack */
  #enter(ack) {
    // Before anything of the room is taken or sent: it may be another user's by now.
    this.#context.identify(ack.user_id);
    if (this.#ended) {
      return;
    }
    this.#view = freeze(join(this.#view, ack));
    this.#isJoined = true;
    if (!ack.recovered) {
      this.#queue.restart(ack.seq);
    }
    if (this.#connection) {
      this.#queue.open(this.#connection);
      this.#signals.open(this.#connection);
    }
    this.#ready.resolve();
    if (!ack.recovered) {
      this.#tell({ type: "snapshot", payload: this.state, seq: ack.seq });
    }
    this.#emitter.emit("change");
  }

  /** The join is tried again later. */
  #suspend() {
    this.#queue.pause();
    this.#signals.close();
    this.#setJoined(false);
  }

  /** @param {RealtimeError} error */
  #refused(error) {
    if (this.#view && error.code === this.#roomId.notFound) {
      // It was there before: access was taken away while there was no connection.
      this.#revoked(error);
    } else {
      this.end(error);
    }
  }

  /** @param {RealtimeError} error */
  #revoked(error) {
    const payload = this.#roomId.payload();
    this.end(error);
    this.#tell({ type: "access_revoked", payload });
  }

  // ---

  /** @param {import("./protocol.js").Message} message */
  #tell(message) {
    this.#emitter.emit(message.type, message.payload, message);
    this.#emitter.emit(EVERY, message);
  }

  #leaveWhenDone() {
    const isSoon = this.#leaveTimer !== undefined;
    if (this.#isLeaving && !isSoon && !this.#ended && this.pending === 0) {
      this.depart(left());
    }
  }

  #changed() {
    this.#emitter.emit("change");
    this.#leaveWhenDone();
  }

  /** @param {boolean} isJoined */
  #setJoined(isJoined) {
    if (this.#isJoined !== isJoined) {
      this.#isJoined = isJoined;
      this.#emitter.emit("change");
    }
  }
}

export function left() {
  return new RealtimeError("LEFT", "The room was left");
}

/**
 * Return a promise that is rejected, and need not be handled: `ended` tells the same.
 *
 * @param {RealtimeError} error
 * @returns {Promise<never>}
 */
export function rejected(error) {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
