import { Deferred } from "./deferred.js";
import { Emitter } from "./emitter.js";
import { RealtimeError } from "./errors.js";
import { JoinLoop } from "./join-loop.js";
import { checkSize, copy } from "./json.js";
import { freeze, merge } from "./merge.js";
import { UpdateQueue } from "./update-queue.js";
import { join, reduce } from "./reducers.js";
import { SignalSender } from "./signals.js";

/**
 * @typedef {object} Context the parts of the client that a session needs
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

/** The event of each message of any type; a symbol, so no host has an event of this name. */
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
  #presenceSender;
  /** @type {import("./merge.js").Json | null} what the client shows of its user; null: not asked for */
  #presence = null;
  /** @type {import("./reducers.js").View | null} */
  #view = null;
  /** @type {import("./connection.js").Connection | null} */
  #connection = null;
  #isJoined = false;
  /** Joins of the room that were not left. */
  #users = 0;
  #isLeaving = false;
  /** @type {unknown} set while a new join may still take the place of the last */
  #leaveTimer;
  /** Position of the last gap for which the room was joined anew. */
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
    this.#signals = new SignalSender("send_signal", { ...context, roomId });
    this.#presenceSender = new SignalSender("set_presence", { ...context, roomId });
    this.#joinLoop = new JoinLoop({
      ...context,
      roomId,
      since: () => this.#view?.seq,
      presence: () => (this.#presence ? {} : undefined),
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

  /** Promise that the first join settles. */
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

  // --- for the application

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
   * @param {{ baseSeq?: number, optimistic: boolean, command: string | null }} options
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

  get presence() {
    return this.#presence;
  }

  /** @param {Record<string, any>} patch */
  setPresence(patch) {
    const wasAsked = this.#presence !== null;
    const own = merge(this.#presence ?? {}, copy(patch));
    checkSize({ type: "set_presence", payload: this.#roomId.payload({ data: own }) });
    this.#presence = freeze(own);
    if (wasAsked) {
      this.#presenceSender.add(own);
    } else {
      // The server tells only those who asked at the join: join anew, if there is a connection.
      this.#joinLoop.join();
    }
    this.#showPresence();
    this.#emitter.emit("change");
  }

  /** Show the own presence among the members: the server tells only the others. */
  #showPresence() {
    if (this.#view && this.#presence) {
      const payload = { user_id: this.#view.me, data: this.#presence };
      this.#view = freeze(reduce(this.#view, { type: "presence", payload }, this.#roomId));
    }
  }

  /** Count a join of the room. */
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
   * Stop counting a join. After the last one the room is left, once its updates have their answers
   * and a moment has passed: a page that is built anew joins again at once.
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

  // --- for the connection

  /**
   * Join on a new connection.
   *
   * @param {import("./connection.js").Connection} connection
   */
  attach(connection) {
    this.#connection = connection;
    this.#joinLoop.open(connection);
  }

  /** Wait for the next connection, as this one is lost. */
  detach() {
    this.#connection = null;
    this.#joinLoop.close();
    this.#queue.disconnect();
    this.#signals.close();
    this.#presenceSender.close();
    this.#setJoined(false);
  }

  /** Send the updates and signals that can be sent now. */
  pump() {
    this.#queue.pump();
    this.#signals.pump();
    this.#presenceSender.pump();
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
   * End the room for the client, and tell the server.
   *
   * @param {RealtimeError} error the reason
   */
  depart(error) {
    // Even if the join has no reply yet: the server handles commands in order.
    const { kind } = this.#roomId;
    this.#connection?.request(`leave_${kind}`, this.#roomId.payload(), () => {});
    this.end(error);
  }

  /**
   * End the room.
   *
   * @param {RealtimeError} error the reason
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
    this.#presenceSender.close();
    this.#context.timers.clear(this.#leaveTimer);
    this.#ready.reject(error);
    this.#left.resolve();
    this.#context.onEnd();
    this.#emitter.emit("change");
  }

  /**
   * Return true if a message is the next one. If events are missing before it, have them replayed.
   *
   * @param {number} position
   * @param {number} [seq] undefined for an ephemeral message
   */
  #isNext(position, seq = position + 1) {
    if (seq > position + 1 && this.#gapAt !== position) {
      this.#gapAt = position;
      this.#joinLoop.join();
    }
    return seq === position + 1;
  }

  // --- outcomes of a join

  /** @param {import("./protocol.js").JoinAck} ack */
  #enter(ack) {
    // First of all: the room may be another user's by now, and is ended then.
    this.#context.identify(ack.user_id);
    if (this.#ended) {
      return;
    }
    this.#view = freeze(join(this.#view, ack));
    this.#showPresence();
    this.#isJoined = true;
    if (!ack.recovered) {
      this.#queue.restart(ack.seq);
    }
    if (this.#connection) {
      this.#queue.open(this.#connection);
      this.#signals.open(this.#connection);
      this.#presenceSender.open(this.#connection);
      // It ended with the last connection, or was never told.
      if (this.#presence && Object.keys(this.#presence).length > 0) {
        this.#presenceSender.add(this.#presence);
      }
    }
    this.#ready.resolve();
    if (!ack.recovered) {
      this.#tell({ type: "snapshot", payload: this.state, seq: ack.seq });
    }
    this.#emitter.emit("change");
  }

  /** Wait for the next try of the join. */
  #suspend() {
    this.#queue.pause();
    this.#signals.close();
    this.#presenceSender.close();
    this.#setJoined(false);
  }

  /** @param {RealtimeError} error */
  #refused(error) {
    if (this.#view && error.code === this.#roomId.notFound) {
      // The room was there before: access ended while there was no connection.
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
 * Return a rejected promise that need not be handled: `ended` tells the same.
 *
 * @param {RealtimeError} error
 * @returns {Promise<never>}
 */
export function rejected(error) {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
