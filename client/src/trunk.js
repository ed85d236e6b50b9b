import { join, reduce, role } from "./reducers.js";
import { RoomId } from "./room-id.js";

/**
 * One tab's end of the shared connection.
 *
 * @typedef {object} Branch
 * @property {() => void} open commands can be sent
 * @property {(text: string) => void} receive
 * @property {(code: number, isAlone: boolean) => void} close it is over; `isAlone`: the next one must
 *   not be shared
 */

/** @typedef {import("./protocol.js").Message} Message */
/** @typedef {Message & { idempotency_key?: string }} Command */

/** Events of a room that are kept for a tab that comes back, and their characters. */
const KEPT = 256;
const KEPT_SIZE = 512 * 1024;
/** Refusals that may name no command, so that nobody knows which tab's it was. */
const UNCLEAR = new Set(["INVALID_JSON", "INVALID_MESSAGE", "MESSAGE_TOO_LARGE"]);
/** Close codes: the connection was lost; a message was too large. */
const LOST = 1006;
const TOO_LARGE = 1009;

/** Hold a room that the socket is in, or is asking for. */
class SharedRoom {
  /** @type {import("./reducers.js").View | null} null while the socket is not in it */
  view = null;
  /** The last event that came. While a replay arrives, the view is ahead of it. */
  position = 0;
  /** @type {Map<string, { isWatching: boolean }>} branches that are in it; `isWatching`: asked for presence */
  members = new Map();
  /** @type {[branch: string, command: Command][]} joins and leaves that wait for their turn */
  queue = [];
  /** True while the server has a join or a leave to answer. */
  isAsking = false;
  /** @type {string | null} the branch that has set the presence */
  presenter = null;
  /** @type {{ seq: number, text: string }[]} */
  #kept = [];
  #size = 0;

  /** @param {RoomId} id */
  constructor(id) {
    this.id = id;
  }

  /** @param {number} seq @param {string} text */
  keep(seq, text) {
    this.#kept.push({ seq, text });
    this.#size += text.length;
    while (this.#kept.length > KEPT || this.#size > KEPT_SIZE) {
      this.#size -= this.#kept.shift()?.text.length ?? 0;
    }
  }

  /**
   * Return the events after a position; null if they are not all kept.
   *
   * @param {number | undefined} since
   */
  missed(since) {
    if (since === undefined) {
      return null;
    }
    const events = this.#kept.filter(({ seq }) => seq > since);
    return events.length === this.position - since ? events.map(({ text }) => text) : null;
  }

  /** Keep what comes after a position. @param {number} position */
  restart(position) {
    this.position = position;
    this.#kept = [];
    this.#size = 0;
  }

  /** Forget all, as the socket is not in it any more. */
  close() {
    this.view = this.presenter = null;
    this.members.clear();
    this.restart(0);
  }
}

/**
 * Carry the connections of several tabs over one socket.
 *
 * Each command gets a `ref` of its own here, and its reply goes to the tab that sent it. A room is
 * joined once: a second tab is answered from what the first has been told, a snapshot and the events
 * after it. In any doubt it breaks the connections, and the clients make new ones: they send again
 * what has no answer, under the same key.
 */
export class Trunk {
  #socket;
  #onEnd;
  /** @type {Map<string, Branch>} in the order in which they came */
  #branches = new Map();
  /** @type {Map<string, SharedRoom>} */
  #rooms = new Map();
  /** @type {Map<number, (reply: Message) => void>} */
  #waiting = new Map();
  #refs = 0;
  #isOpen = false;
  #isEnded = false;

  /**
   * @param {import("./connection.js").Socket} socket just made
   * @param {() => void} onEnd called once, when there is nothing to carry any more
   */
  constructor(socket, onEnd) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(String(data));
    socket.onclose = ({ code }) => this.end(code);
    socket.onerror = () => {};
  }

  /** @param {string} id @param {Branch} branch */
  attach(id, branch) {
    this.#branches.set(id, branch);
    if (this.#isOpen) {
      branch.open();
    }
  }

  /** Forget a branch, and leave the rooms that nobody else is in. @param {string} id */
  detach(id) {
    if (!this.#branches.delete(id) || this.#isEnded) {
      return;
    }
    if (this.#branches.size === 0) {
      this.end();
      return;
    }
    for (const room of this.#rooms.values()) {
      if (room.members.has(id)) {
        this.#depart(room, id, () => {});
      }
    }
  }

  /** End all connections. @param {number} [code] of the close frame */
  end(code = LOST) {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    const branches = [...this.#branches.values()];
    this.#branches.clear();
    this.#waiting.clear();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    const isUnclear = code === TOO_LARGE && branches.length > 1;
    branches.forEach((branch) => branch.close(isUnclear ? LOST : code, isUnclear));
    this.#onEnd();
  }

  /** Send a command of a branch. @param {string} id @param {string} text */
  take(id, text) {
    if (!this.#branches.has(id) || this.#isEnded) {
      return;
    }
    /** @type {Command} */
    const command = JSON.parse(text);
    const roomId = roomOf(command);
    if (roomId) {
      const room = this.#rooms.get(`${roomId}`) ?? new SharedRoom(roomId);
      this.#rooms.set(`${roomId}`, room);
      room.queue.push([id, command]);
      this.#advance(room);
      return;
    }
    this.#forward(id, command);
    if (command.type === "send_signal" || command.type === "set_presence") {
      this.#show(id, command);
    }
  }

  // --- rooms

  /** Do what is next of the joins and leaves of a room. @param {SharedRoom} room */
  #advance(room) {
    // While a replay arrives, the first tab has not got what the answer to a second would stand for.
    const isBehind = () => room.view && room.position < room.view.seq;
    while (!room.isAsking && !isBehind() && room.queue.length > 0) {
      const [id, command] = /** @type {[string, Command]} */ (room.queue.shift());
      if (!this.#branches.has(id)) {
        continue;
      }
      if (command.type.startsWith("join_")) {
        this.#join(room, id, command);
      } else if (room.members.has(id)) {
        this.#depart(room, id, (reply) => this.#reply(id, command, reply));
      } else {
        const payload = { code: "NOT_JOINED", message: `Join the ${room.id.kind} first` };
        this.#answer(id, command, { type: "error", payload });
      }
    }
    if (!room.view && !room.isAsking && room.queue.length === 0) {
      this.#rooms.delete(`${room.id}`);
    }
  }

  /**
   * No client asks for `operations` here: a socket gets them for all of its tabs, or for none.
   *
   * @param {SharedRoom} room
   * @param {string} id
   * @param {Command} command
   */
  #join(room, id, command) {
    const { since, presence } = command.payload;
    const { view } = room;
    const missed = room.missed(since);
    if (!view || (since < room.position && !missed)) {
      // With presence asked for, whoever comes later can be told of it, too.
      const shown = view?.members.find(({ user_id }) => user_id === view.me)?.presence;
      const payload = { ...command.payload, presence: shown ?? presence ?? {} };
      room.isAsking = true;
      this.#request({ ...command, payload }, (reply) => this.#joined(room, id, command, reply));
    } else if (since > view.seq) {
      // Another connection was ahead of this one. On the next attempt this one has caught up.
      this.#drop(id, LOST, false);
    } else {
      const isWatching = presence !== undefined;
      const { seq, me, members, memberCount, tasks, state } = view;
      const payload = {
        ...{ seq, user_id: me, role: role(view), [room.id.kind]: state },
        members: isWatching ? members : members.map(withoutPresence),
        ...{ member_count: memberCount, tasks, recovered: missed !== null },
      };
      room.members.set(id, { isWatching });
      this.#answer(id, command, { type: "ack", payload }, missed ?? []);
    }
  }

  /**
   * Take the server's answer to a join: of a room that is new to the socket, or of one whose replay
   * goes back further than what is kept here. The tabs that are in it already drop what they have.
   *
   * @param {SharedRoom} room
   * @param {string} id
   * @param {Command} command
   * @param {Message} reply
   */
  #joined(room, id, command, reply) {
    const { since, presence } = command.payload;
    const isWatching = presence !== undefined;
    const { payload } = reply;
    const before = room.view;
    room.isAsking = false;
    if (reply.type === "ack") {
      if (before && !payload.recovered && payload.seq !== room.position) {
        this.end(); // the others have missed what nobody can tell them
        return;
      }
      room.view = join(null, { ...payload, state: payload[room.id.kind], recovered: false });
      room.restart(payload.recovered ? since : payload.seq);
      if (!isWatching) {
        reply.payload = { ...payload, members: payload.members.map(withoutPresence) };
      }
      if (before) {
        this.#showMembers(room, before);
      }
      room.members.set(id, { isWatching });
    } else if (before) {
      this.end(); // the socket is out of the room
      return;
    } else if (payload.code === "TOO_MANY_PROJECTS" && this.#branches.size > 1) {
      // They are the rooms of all tabs; a socket of its own has place for those of one.
      this.#drop(id, LOST, true);
    }
    if (this.#branches.has(id)) {
      this.#reply(id, command, reply);
    } else if (room.view) {
      this.#depart(room, id, () => {});
    }
    this.#advance(room);
  }

  /**
   * Tell the tabs that are in a room who came and went while the socket joined it anew.
   *
   * @param {SharedRoom} room
   * @param {import("./reducers.js").View} before
   */
  #showMembers(room, before) {
    const { members, memberCount } = /** @type {import("./reducers.js").View} */ (room.view);
    const was = new Map(before.members.map((member) => [member.user_id, member]));
    const is = new Map(members.map((member) => [member.user_id, member]));
    /** @param {string} type @param {Record<string, any>} more */
    const tell = (type, more) => {
      const message = { type, payload: room.id.payload(more) };
      this.#deliver(room, message, JSON.stringify(message));
    };
    for (const { user_id, username, presence = {} } of members) {
      if (!was.has(user_id)) {
        tell("user_joined", { user_id, username });
      }
      const { presence: shown = {} } = was.get(user_id) ?? {};
      if (JSON.stringify(presence) !== JSON.stringify(shown)) {
        tell("presence", { user_id, data: presence });
      }
    }
    for (const { user_id } of before.members) {
      // Of very many, the answer lists some.
      if (!is.has(user_id) && memberCount === members.length) {
        tell("user_left", { user_id });
      }
    }
  }

  /**
   * Take a branch out of a room, and the socket if nobody else is in it.
   *
   * @param {SharedRoom} room
   * @param {string} id
   * @param {(reply: Message) => void} onReply
   */
  #depart(room, id, onReply) {
    room.members.delete(id);
    if (room.members.size > 0) {
      if (room.presenter === id) {
        this.#request({ type: "set_presence", payload: room.id.payload({ data: {} }) }, () => {});
        room.presenter = null;
      }
      queueMicrotask(() => onReply({ type: "ack", payload: {} }));
      return;
    }
    room.isAsking = true;
    this.#request({ type: `leave_${room.id.kind}`, payload: room.id.payload() }, (reply) => {
      room.isAsking = false;
      room.close();
      onReply(reply);
      this.#advance(room);
    });
  }

  /** Show the other tabs what the server shows all sockets but this one. @param {string} id @param {Command} command */
  #show(id, { type, payload: { data, ...names } }) {
    const room = this.#named(names);
    if (!room?.view || !room.members.has(id)) {
      return;
    }
    const payload = { ...names, user_id: room.view.me, data };
    const message = { type: type === "send_signal" ? "signal" : "presence", payload };
    if (type === "set_presence") {
      room.presenter = id;
      room.view = reduce(room.view, /** @type {any} */ (message), room.id);
    }
    const text = JSON.stringify(message);
    queueMicrotask(() => this.#deliver(room, message, text, id));
  }

  // --- messages

  #opened() {
    this.#isOpen = true;
    [...this.#branches.values()].forEach((branch) => branch.open());
  }

  /** @param {string} text */
  #received(text) {
    try {
      this.#dispatch({ payload: {}, ...JSON.parse(text) }, text);
    } catch {
      this.end(); // the server sent something that is no message
    }
  }

  /** @param {Message} message @param {string} text */
  #dispatch(message, text) {
    if (message.ref !== undefined) {
      const onReply = this.#waiting.get(Number(message.ref));
      this.#waiting.delete(Number(message.ref));
      onReply?.(message);
    } else if (message.type === "error" && UNCLEAR.has(message.payload.code) && this.#branches.size > 1) {
      [...this.#branches.keys()].forEach((id) => this.#drop(id, LOST, true));
    } else if (message.type === "token_expiring") {
      // One fresh token serves all.
      const [first] = this.#branches.values();
      first?.receive(text);
    } else {
      const isOnEnvelope = Object.keys(message).some((name) => name.endsWith("_id"));
      const room = this.#named(isOnEnvelope ? message : message.payload);
      if (room) {
        this.#happened(room, message, text);
      } else {
        [...this.#branches.values()].forEach((branch) => branch.receive(text));
      }
    }
  }

  /** @param {SharedRoom} room @param {Message} message @param {string} text */
  #happened(room, message, text) {
    const { seq } = message;
    if (!room.view || (seq !== undefined && seq <= room.position)) {
      return;
    }
    if (seq !== undefined) {
      if (seq > room.position + 1) {
        this.end();
        return;
      }
      room.position = seq;
      room.keep(seq, text);
    }
    if (seq === undefined || seq > room.view.seq) {
      room.view = reduce(room.view, /** @type {any} */ (message), room.id);
    }
    this.#deliver(room, message, text);
    if (message.type === "access_revoked") {
      room.close();
    }
    this.#advance(room);
  }

  /**
   * @param {SharedRoom} room
   * @param {Message} message
   * @param {string} text
   * @param {string} [except] a branch
   */
  #deliver(room, message, text, except) {
    // A tab may join or leave as it hears this.
    for (const [id, { isWatching }] of [...room.members]) {
      if (id !== except && (isWatching || message.type !== "presence")) {
        this.#branches.get(id)?.receive(text);
      }
    }
  }

  /** @param {Record<string, any>} part an envelope or a payload */
  #named(part) {
    return [...this.#rooms.values()].find(({ id }) => id.isNamedBy(part));
  }

  /** @param {string} id @param {Command} command */
  #forward(id, command) {
    if (command.ref === undefined) {
      this.#socket.send(JSON.stringify(command));
    } else {
      this.#request(command, (reply) => {
        if (reply.payload.code === "NOT_JOINED" && this.#named(command.payload)?.members.has(id)) {
          this.end(); // the socket is not in a room that it seemed to be in
        }
        this.#reply(id, command, reply);
      });
    }
  }

  /** @param {Command} command @param {(reply: Message) => void} onReply */
  #request(command, onReply) {
    const ref = ++this.#refs;
    this.#waiting.set(ref, onReply);
    this.#socket.send(JSON.stringify({ ...command, ref }));
  }

  /** @param {string} id @param {Command} command @param {Message} reply */
  #reply(id, { ref }, reply) {
    if (ref !== undefined) {
      this.#branches.get(id)?.receive(JSON.stringify({ ...reply, ref }));
    }
  }

  /**
   * Answer in the server's place, once the tab has sent its command to the end.
   *
   * @param {string} id
   * @param {Command} command
   * @param {Message} reply
   * @param {string[]} [texts] that follow
   */
  #answer(id, command, reply, texts = []) {
    queueMicrotask(() => {
      this.#reply(id, command, reply);
      texts.forEach((text) => this.#branches.get(id)?.receive(text));
    });
  }

  /** Break one tab's connection. @param {string} id @param {number} code @param {boolean} isAlone */
  #drop(id, code, isAlone) {
    const branch = this.#branches.get(id);
    this.detach(id);
    branch?.close(code, isAlone);
  }
}

/**
 * Return the room that a command joins or leaves; null for any other command.
 *
 * @param {Command} command
 */
function roomOf({ type, payload }) {
  const [, kind] = /^(?:join|leave)_(.+)$/.exec(type) ?? [];
  const key = payload?.[`${kind}_id`];
  return kind === undefined || key === undefined ? null : new RoomId(kind, key);
}

/** @param {import("./protocol.js").Member} member */
function withoutPresence({ presence: _, ...member }) {
  return member;
}
