// src/deferred.js
var Deferred = class {
  resolve = () => {
  };
  reject = () => {
  };
  promise = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
  constructor() {
    this.promise.catch(() => {
    });
  }
};

// src/merge.js
function merge(target, patch) {
  const merged = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      merged.delete(key);
    } else if (isObject(value)) {
      const below = merged.get(key);
      merged.set(key, merge(isObject(below) ? below : {}, value));
    } else {
      merged.set(key, value);
    }
  }
  return Object.fromEntries(merged);
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/reducers.js
var ENDED_KEPT = 100;
function join(view, ack) {
  const { user_id: me, role: role2, members, member_count: memberCount = members.length, tasks } = ack;
  const known = view && ack.recovered ? view : ack;
  const { seq, state } = known;
  const running = new Set(tasks.map((task) => task.task_id));
  const ended = (view?.ended ?? []).filter((id) => !running.has(id));
  const joinSeq = ack.seq;
  const joined = { me, joinRole: role2, joinSeq, roles: {} };
  return { seq, state, members, memberCount, tasks, ended, ...joined };
}
function role({ me, roles, joinRole }) {
  return me in roles ? roles[me] ?? null : joinRole;
}
function reduce(view, message, roomId) {
  const { seq = view.seq } = message;
  return { ...view, ...change(view, message, roomId), seq };
}
function change(view, message, roomId) {
  const changes = roomId.changesIn(message);
  if (changes !== null) {
    return { state: merge(view.state, changes) };
  }
  switch (message.type) {
    case "user_joined": {
      const { user_id, username } = message.payload;
      if (view.members.some((member) => member.user_id === user_id)) {
        return {};
      }
      const members = [...view.members, { user_id, username }];
      return { members, memberCount: view.memberCount + 1 };
    }
    case "user_left": {
      const { user_id } = message.payload;
      const members = view.members.filter((member) => member.user_id !== user_id);
      return { members, memberCount: Math.max(view.memberCount - 1, members.length) };
    }
    case "presence":
      return { members: showing(view.members, message.payload) };
    case "task_progress":
      return progress(view, message.payload);
    case "task_completed":
    case "task_failed": {
      const { task_id } = message.payload;
      return {
        tasks: view.tasks.filter((task) => task.task_id !== task_id),
        ended: [...view.ended, task_id].slice(-ENDED_KEPT)
      };
    }
    case "member_changed": {
      const { user_id, role: role2 } = message.payload;
      return (message.seq ?? 0) > view.joinSeq ? { roles: { ...view.roles, [user_id]: role2 } } : {};
    }
    default:
      return {};
  }
}
function showing(members, { user_id, data }) {
  return members.map((member) => {
    if (member.user_id !== user_id) {
      return member;
    }
    const { presence: _, ...rest } = member;
    return Object.keys(data).length > 0 ? { ...rest, presence: data } : rest;
  });
}
function progress(view, { task_id, progress: progress2, message }) {
  if (view.ended.includes(task_id)) {
    return {};
  }
  const known = view.tasks.find((task2) => task2.task_id === task_id);
  if (!known) {
    return { tasks: [...view.tasks, { task_id, task_type: null, progress: progress2, message }] };
  }
  if (progress2 < known.progress) {
    return {};
  }
  const task = { ...known, progress: progress2, message };
  return { tasks: view.tasks.map((other) => other === known ? task : other) };
}

// src/room-id.js
var RoomId = class {
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
  get notFound() {
    return `${this.kind.toUpperCase()}_NOT_FOUND`;
  }
  payload(more) {
    return { [`${this.kind}_id`]: this.key, ...more };
  }
  checkCommand(name) {
    const verbs = ["join", "leave", "update"].map((verb) => `${verb}_${this.kind}`);
    if (typeof name !== "string" || name === "" || [...verbs, ...COMMANDS].includes(name)) {
      throw new TypeError(`${describe(name)} is no command of a ${this.kind}'s own`);
    }
  }
  changesIn({ type, payload }) {
    return type === `${this.kind}_updated` ? payload.changes : null;
  }
  isNamedBy(part) {
    return part[`${this.kind}_id`] === this.key;
  }
};
var COMMANDS = ["send_signal", "authenticate", "ping"];
function describe(value) {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

// src/trunk.js
var KEPT = 256;
var KEPT_SIZE = 512 * 1024;
var UNCLEAR = /* @__PURE__ */ new Set(["INVALID_JSON", "INVALID_MESSAGE", "MESSAGE_TOO_LARGE"]);
var LOST = 1006;
var TOO_LARGE = 1009;
var SharedRoom = class {
  view = null;
  position = 0;
  members = /* @__PURE__ */ new Map();
  queue = [];
  isAsking = false;
  presenter = null;
  #kept = [];
  #size = 0;
  constructor(id) {
    this.id = id;
  }
  keep(seq, text) {
    this.#kept.push({ seq, text });
    this.#size += text.length;
    while (this.#kept.length > KEPT || this.#size > KEPT_SIZE) {
      this.#size -= this.#kept.shift()?.text.length ?? 0;
    }
  }
  missed(since) {
    if (since === void 0) {
      return null;
    }
    const events = this.#kept.filter(({ seq }) => seq > since);
    return events.length === this.position - since ? events.map(({ text }) => text) : null;
  }
  restart(position) {
    this.position = position;
    this.#kept = [];
    this.#size = 0;
  }
  close() {
    this.view = this.presenter = null;
    this.members.clear();
    this.restart(0);
  }
};
var Trunk = class {
  #socket;
  #onEnd;
  #branches = /* @__PURE__ */ new Map();
  #rooms = /* @__PURE__ */ new Map();
  #waiting = /* @__PURE__ */ new Map();
  #refs = 0;
  #isOpen = false;
  #isEnded = false;
  constructor(socket, onEnd) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(String(data));
    socket.onclose = ({ code }) => this.end(code);
    socket.onerror = () => {
    };
  }
  attach(id, branch) {
    this.#branches.set(id, branch);
    if (this.#isOpen) {
      branch.open();
    }
  }
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
        this.#depart(room, id, () => {
        });
      }
    }
  }
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
  take(id, text) {
    if (!this.#branches.has(id) || this.#isEnded) {
      return;
    }
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
  #advance(room) {
    const isBehind = () => room.view && room.position < room.view.seq;
    while (!room.isAsking && !isBehind() && room.queue.length > 0) {
      const [id, command] = (
        room.queue.shift()
      );
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
  #join(room, id, command) {
    const { since, presence } = command.payload;
    const { view } = room;
    const missed = room.missed(since);
    if (!view || since < room.position && !missed) {
      const shown = view?.members.find(({ user_id }) => user_id === view.me)?.presence;
      const payload = { ...command.payload, presence: shown ?? presence ?? {} };
      room.isAsking = true;
      this.#request({ ...command, payload }, (reply) => this.#joined(room, id, command, reply));
    } else if (since > view.seq) {
      this.#drop(id, LOST, false);
    } else {
      const isWatching = presence !== void 0;
      const { seq, me, members, memberCount, tasks, state } = view;
      const payload = {
        ...{ seq, user_id: me, role: role(view), [room.id.kind]: state },
        members: isWatching ? members : members.map(withoutPresence),
        ...{ member_count: memberCount, tasks, recovered: missed !== null }
      };
      room.members.set(id, { isWatching });
      this.#answer(id, command, { type: "ack", payload }, missed ?? []);
    }
  }
  #joined(room, id, command, reply) {
    const { since, presence } = command.payload;
    const isWatching = presence !== void 0;
    const { payload } = reply;
    const before = room.view;
    room.isAsking = false;
    if (reply.type === "ack") {
      if (before && !payload.recovered && payload.seq !== room.position) {
        this.end();
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
      this.end();
      return;
    } else if (payload.code === "TOO_MANY_PROJECTS" && this.#branches.size > 1) {
      this.#drop(id, LOST, true);
    }
    if (this.#branches.has(id)) {
      this.#reply(id, command, reply);
    } else if (room.view) {
      this.#depart(room, id, () => {
      });
    }
    this.#advance(room);
  }
  #showMembers(room, before) {
    const { members, memberCount } = (
      room.view
    );
    const was = new Map(before.members.map((member) => [member.user_id, member]));
    const is = new Map(members.map((member) => [member.user_id, member]));
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
      if (!is.has(user_id) && memberCount === members.length) {
        tell("user_left", { user_id });
      }
    }
  }
  #depart(room, id, onReply) {
    room.members.delete(id);
    if (room.members.size > 0) {
      if (room.presenter === id) {
        this.#request({ type: "set_presence", payload: room.id.payload({ data: {} }) }, () => {
        });
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
  #show(id, { type, payload: { data, ...names } }) {
    const room = this.#named(names);
    if (!room?.view || !room.members.has(id)) {
      return;
    }
    const payload = { ...names, user_id: room.view.me, data };
    const message = { type: type === "send_signal" ? "signal" : "presence", payload };
    if (type === "set_presence") {
      room.presenter = id;
      room.view = reduce(
        room.view,
        message,
        room.id
      );
    }
    const text = JSON.stringify(message);
    queueMicrotask(() => this.#deliver(room, message, text, id));
  }
  // --- messages
  #opened() {
    this.#isOpen = true;
    [...this.#branches.values()].forEach((branch) => branch.open());
  }
  #received(text) {
    try {
      this.#dispatch({ payload: {}, ...JSON.parse(text) }, text);
    } catch {
      this.end();
    }
  }
  #dispatch(message, text) {
    if (message.ref !== void 0) {
      const onReply = this.#waiting.get(Number(message.ref));
      this.#waiting.delete(Number(message.ref));
      onReply?.(message);
    } else if (message.type === "error" && UNCLEAR.has(message.payload.code) && this.#branches.size > 1) {
      [...this.#branches.keys()].forEach((id) => this.#drop(id, LOST, true));
    } else if (message.type === "token_expiring") {
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
  #happened(room, message, text) {
    const { seq } = message;
    if (!room.view || seq !== void 0 && seq <= room.position) {
      return;
    }
    if (seq !== void 0) {
      if (seq > room.position + 1) {
        this.end();
        return;
      }
      room.position = seq;
      room.keep(seq, text);
    }
    if (seq === void 0 || seq > room.view.seq) {
      room.view = reduce(
        room.view,
        message,
        room.id
      );
    }
    this.#deliver(room, message, text);
    if (message.type === "access_revoked") {
      room.close();
    }
    this.#advance(room);
  }
  #deliver(room, message, text, except) {
    for (const [id, { isWatching }] of [...room.members]) {
      if (id !== except && (isWatching || message.type !== "presence")) {
        this.#branches.get(id)?.receive(text);
      }
    }
  }
  #named(part) {
    return [...this.#rooms.values()].find(({ id }) => id.isNamedBy(part));
  }
  #forward(id, command) {
    if (command.ref === void 0) {
      this.#socket.send(JSON.stringify(command));
    } else {
      this.#request(command, (reply) => {
        if (reply.payload.code === "NOT_JOINED" && this.#named(command.payload)?.members.has(id)) {
          this.end();
        }
        this.#reply(id, command, reply);
      });
    }
  }
  #request(command, onReply) {
    const ref = ++this.#refs;
    this.#waiting.set(ref, onReply);
    this.#socket.send(JSON.stringify({ ...command, ref }));
  }
  #reply(id, { ref }, reply) {
    if (ref !== void 0) {
      this.#branches.get(id)?.receive(JSON.stringify({ ...reply, ref }));
    }
  }
  #answer(id, command, reply, texts = []) {
    queueMicrotask(() => {
      this.#reply(id, command, reply);
      texts.forEach((text) => this.#branches.get(id)?.receive(text));
    });
  }
  #drop(id, code, isAlone) {
    const branch = this.#branches.get(id);
    this.detach(id);
    branch?.close(code, isAlone);
  }
};
function roomOf({ type, payload }) {
  const [, kind] = /^(?:join|leave)_(.+)$/.exec(type) ?? [];
  const key = payload?.[`${kind}_id`];
  return kind === void 0 || key === void 0 ? null : new RoomId(kind, key);
}
function withoutPresence({ presence: _, ...member }) {
  return member;
}

// src/shared.js
var PATIENCE = 2500;
var LOST2 = 1006;
var leads = /* @__PURE__ */ new Map();
var alone = /* @__PURE__ */ new Set();
function sharedSocket(name) {
  function Shared(url, protocols) {
    const place = typeof name === "string" ? name : name();
    const canShare = globalThis.navigator?.locks && globalThis.BroadcastChannel;
    const isOwn = place === null || !canShare || alone.has(place);
    return isOwn ? new WebSocket(url, protocols) : new SharedSocket(place, url, protocols);
  }
  return (
    Shared
  );
}
var SharedSocket = class {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  #name;
  #arguments;
  #id = newId();
  #channel;
  #isAlive = false;
  #end = new AbortController();
  #leader = null;
  #lead = null;
  #timer;
  constructor(name, url, protocols) {
    this.#name = name;
    this.#arguments = { url, protocols };
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    globalThis.addEventListener?.("pagehide", this.#hidden);
    const lead = leads.get(name);
    if (lead) {
      queueMicrotask(() => this.#attach(lead));
      return;
    }
    void navigator.locks.request(lifeOf(name, this.#id), () => this.#live());
    this.#request({ signal: this.#end.signal });
    this.#await(() => this.#steal());
  }
  send(text) {
    if (this.#end.signal.aborted) {
      return;
    }
    if (this.#lead) {
      this.#lead.trunk.take(this.#id, text);
    } else {
      this.#say("send", { text });
      if (this.#timer === void 0) {
        this.#await(() => this.#lost(LOST2));
      }
    }
  }
  #await(giveUp) {
    this.#timer = setTimeout(() => {
      if (this.#isAlive) {
        this.#say("hello");
      }
      this.#timer = setTimeout(giveUp, PATIENCE);
    }, PATIENCE);
  }
  close() {
    if (this.#end.signal.aborted) {
      return;
    }
    this.#lead?.trunk.detach(this.#id);
    this.#say("bye");
    this.#finish();
  }
  #finish() {
    clearTimeout(this.#timer);
    this.#end.abort();
    this.#channel.close();
    globalThis.removeEventListener?.("pagehide", this.#hidden);
  }
  #lost(code) {
    if (!this.#end.signal.aborted) {
      this.#finish();
      this.onclose?.({ code });
    }
  }
  #hidden = () => this.#lost(LOST2);
  #live() {
    const { signal } = this.#end;
    if (signal.aborted) {
      return void 0;
    }
    this.#isAlive = true;
    this.#say("hello");
    return new Promise((resolve) => signal.addEventListener("abort", resolve));
  }
  #request(options) {
    let lead = null;
    const granted = () => {
      lead = this.#granted();
      return lead?.ended;
    };
    navigator.locks.request(this.#name, options, granted).catch(() => {
      lead?.trunk.end();
      this.#lost(LOST2);
    });
  }
  #granted() {
    if (this.#end.signal.aborted) {
      return null;
    }
    if (this.#leader !== null) {
      this.#lost(LOST2);
      return null;
    }
    const lead = new Lead(this.#name, this.#arguments);
    this.#attach(lead);
    return lead;
  }
  #steal() {
    if (!this.#end.signal.aborted && this.#leader === null) {
      this.#request({ steal: true });
    }
  }
  #attach(lead) {
    if (this.#end.signal.aborted) {
      return;
    }
    clearTimeout(this.#timer);
    this.#leader = lead.id;
    this.#lead = lead;
    lead.trunk.attach(this.#id, {
      open: () => this.onopen?.({}),
      receive: (text) => this.onmessage?.({ data: text }),
      close: (code, isAlone) => this.#closed(code, isAlone)
    });
  }
  #hear({ from, to, type, text, code = LOST2, isAlone = false }) {
    if (type === "leading" && this.#lead === null) {
      if (this.#leader === null && this.#isAlive) {
        this.#say("hello");
      } else if (this.#leader !== null && this.#leader !== from) {
        this.#lost(LOST2);
      }
    } else if (to !== this.#id || this.#leader !== null && this.#leader !== from) {
      return;
    } else {
      clearTimeout(this.#timer);
      this.#timer = void 0;
      this.#leader = from;
      if (type === "open") this.onopen?.({});
      if (type === "receive") this.onmessage?.({ data: text });
      if (type === "close") this.#closed(code, isAlone);
    }
  }
  #closed(code, isAlone) {
    if (isAlone) {
      alone.add(this.#name);
    }
    this.#lost(code);
  }
  #say(type, more) {
    this.#channel.postMessage({ from: this.#id, to: this.#leader ?? void 0, type, ...more });
  }
};
var Lead = class {
  id = newId();
  #name;
  #channel;
  #carried = /* @__PURE__ */ new Map();
  #ended = new Deferred();
  constructor(name, { url, protocols }) {
    this.#name = name;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.trunk = new Trunk(new WebSocket(url, protocols), () => this.#finish());
    leads.set(name, this);
    globalThis.addEventListener?.("pagehide", this.#stop);
    globalThis.document?.addEventListener("freeze", this.#stop);
    this.#channel.postMessage({ from: this.id, type: "leading" });
  }
  #hear({ from, to, type, text = "" }) {
    if (type === "hello" && (to === void 0 || to === this.id)) {
      this.#carry(from);
    } else if (to === this.id) {
      if (type === "send") {
        this.#say(from, "heard");
        this.trunk.take(from, text);
      } else if (type === "bye") {
        this.trunk.detach(from);
      }
    }
  }
  get ended() {
    return this.#ended.promise;
  }
  #carry(id) {
    this.#say(id, "welcome");
    if (this.#carried.has(id)) {
      return;
    }
    this.trunk.attach(id, {
      open: () => this.#say(id, "open"),
      receive: (text) => this.#say(id, "receive", { text }),
      close: (code, isAlone) => this.#say(id, "close", { code, isAlone })
    });
    const gone = navigator.locks.request(lifeOf(this.#name, id), () => {
      this.#carried.delete(id);
      this.trunk.detach(id);
    });
    this.#carried.set(id, gone);
  }
  #stop = () => this.trunk.end();
  #finish() {
    leads.delete(this.#name);
    globalThis.removeEventListener?.("pagehide", this.#stop);
    globalThis.document?.removeEventListener("freeze", this.#stop);
    this.#channel.close();
    void Promise.all(this.#carried.values()).then(() => this.#ended.resolve());
  }
  #say(to, type, more) {
    this.#channel.postMessage({ from: this.id, to, type, ...more });
  }
};
function lifeOf(name, id) {
  return `${name}:${id}`;
}
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
export {
  sharedSocket
};
