// src/errors.js
var PASSING = /* @__PURE__ */ new Set(["RATE_LIMITED", "UNAVAILABLE"]);
var RealtimeError = class _RealtimeError extends Error {
  constructor(code, message, { details, retryAfter, cause } = {}) {
    super(message, { cause });
    this.name = "RealtimeError";
    this.code = code;
    this.details = details;
    this.retryAfter = retryAfter;
  }
  static from({ code, message, details, retry_after: wait }) {
    if (typeof code !== "string") {
      throw new TypeError("An error without a code");
    }
    const retryAfter = typeof wait === "number" && wait >= 0 ? wait : void 0;
    return new _RealtimeError(code, message, { details, retryAfter });
  }
};

// src/emitter.js
var Emitter = class {
  #listeners = /* @__PURE__ */ new Map();
  on(name, listener, { once, signal } = {}) {
    if (signal?.aborted) {
      return () => {
      };
    }
    const listeners = this.#listeners.get(name) ?? /* @__PURE__ */ new Set();
    const stop = () => {
      listeners.delete(own);
      signal?.removeEventListener("abort", stop);
    };
    const own = (...values) => {
      if (once) {
        stop();
      }
      listener(...values);
    };
    signal?.addEventListener("abort", stop);
    this.#listeners.set(name, listeners.add(own));
    return stop;
  }
  emit(name, ...values) {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      try {
        listener(...values);
      } catch (error) {
        report(error);
      }
    }
  }
};
function report(error) {
  if (typeof globalThis.reportError === "function") {
    globalThis.reportError(error);
  } else {
    console.error(error);
  }
}

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
function overlap(one, other) {
  return Object.entries(one).some(([key, value]) => {
    if (!Object.hasOwn(other, key)) {
      return false;
    }
    return !(isObject(value) && isObject(other[key])) || overlap(value, other[key]);
  });
}
function freeze(value) {
  if (typeof value === "object" && !Object.isFrozen(value)) {
    Object.values(
      Object.freeze(value)
    ).forEach(freeze);
  }
  return value;
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/json.js
var MAX_DEPTH = 29;
var MAX_SIZE = 64 * 1024 - 64;
function copy(data) {
  if (!isObject(data)) {
    throw invalid("data", "must be an object");
  }
  return copyValue(data, "data", MAX_DEPTH);
}
function checkSize(message) {
  const text = JSON.stringify(message);
  if (text.length > MAX_SIZE || new TextEncoder().encode(text).length > MAX_SIZE) {
    throw new RealtimeError("MESSAGE_TOO_LARGE", "A message may have 64 KiB at most");
  }
}
function copyValue(value, path, depth) {
  if (typeof value?.toJSON === "function") {
    return copyValue(value.toJSON(), path, depth);
  }
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return checkString(value, path);
    case "number":
      return checkNumber(value, path);
    case "object":
      if (value === null) {
        return null;
      }
      if (depth === 0) {
        throw invalid(path, "is nested too deeply");
      }
      return Array.isArray(value) ? value.map((item, index) => copyValue(item, `${path}[${index}]`, depth - 1)) : copyObject(value, path, depth - 1);
    default:
      throw invalid(path, `is a ${typeof value}, which JSON does not have`);
  }
}
function copyObject(value, path, depth) {
  const members = Object.entries(value).filter(([, member]) => member !== void 0);
  return Object.fromEntries(
    members.map(([key, member]) => {
      const where = `${path}.${key}`;
      return [checkString(key, where), copyValue(member, where, depth)];
    })
  );
}
function checkString(value, path) {
  if (/\p{Surrogate}/u.test(value)) {
    throw invalid(path, "has a lone surrogate");
  }
  return value;
}
function checkNumber(value, path) {
  const isInRange = value >= -(2 ** 63) && value < 2 ** 63;
  if (!isInRange) {
    throw invalid(path, `is ${value}, which is out of range`);
  }
  return value;
}
function invalid(path, problem) {
  return new RealtimeError("INVALID_DATA", `${path} ${problem}`);
}

// src/backoff.js
var BASE = 500;
var LIMIT = 2e4;
var STEPS = 16;
function backoff(attempt, random) {
  return Math.min(LIMIT, BASE + random() * BASE * 2 ** Math.min(attempt, STEPS));
}

// src/close-codes.js
function instruction(code = 0) {
  if (code >= 4e3 && code < 4100) {
    return "stop";
  }
  return code >= 4100 && code < 4200 ? "token" : "retry";
}

// src/heartbeat.js
var Heartbeat = class {
  #options;
  #heard = 0;
  #heardAt = 0;
  #isProbing = false;
  #timer;
  constructor(options) {
    this.#options = options;
  }
  start() {
    this.#heardAt = this.#options.timers.now();
    this.#listen();
  }
  stop() {
    this.#options.timers.clear(this.#timer);
  }
  heard() {
    this.#heard += 1;
    this.#heardAt = this.#options.timers.now();
  }
  probe() {
    if (this.#isProbing) {
      return;
    }
    const { timers, pongTimeout, ping, onDead } = this.#options;
    const heard = this.#heard;
    this.#isProbing = true;
    timers.clear(this.#timer);
    this.#timer = timers.set(() => {
      this.#isProbing = false;
      if (this.#heard === heard) {
        onDead();
      } else {
        this.#listen();
      }
    }, pongTimeout);
    ping();
  }
  #listen() {
    const { timers, pingInterval } = this.#options;
    const left2 = this.#heardAt + pingInterval - timers.now();
    if (left2 > 0) {
      this.#timer = timers.set(() => this.#listen(), left2);
    } else {
      this.probe();
    }
  }
};

// src/connection.js
var WINDOW = 32;
var UNREADABLE = /* @__PURE__ */ new Set(["INVALID_JSON", "INVALID_MESSAGE"]);
var Connection = class {
  #socket;
  #timers;
  #limits;
  #handlers;
  #window;
  #heartbeat;
  #waiting = /* @__PURE__ */ new Map();
  #refs = 0;
  #isOpen = false;
  #isReady = false;
  #isDraining = false;
  #isClosed = false;
  #error;
  #openTimer;
  #holdTimer;
  #heldUntil = 0;
  constructor(socket, { timers, limits, handlers, isCareful = false }) {
    this.#socket = socket;
    this.#timers = timers;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#window = isCareful ? 1 : WINDOW;
    this.#heartbeat = new Heartbeat({
      timers,
      pingInterval: limits.pingInterval,
      pongTimeout: limits.pongTimeout,
      ping: () => this.send("ping", {}),
      onDead: () => this.#end("NO_PONG", "The server gave no sign of life")
    });
    this.#openTimer = timers.set(
      () => this.#end("CONNECT_TIMEOUT", "The server did not answer in time"),
      limits.connectTimeout
    );
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#lost(code);
    socket.onerror = (event) => this.#failed(event?.error);
  }
  get isOpen() {
    return this.#isOpen && !this.#isClosed;
  }
  get isWritable() {
    const isHeld = this.#holdTimer !== void 0;
    return this.isOpen && !this.#isDraining && !isHeld && this.#waiting.size < this.#window;
  }
  send(type, payload) {
    this.#socket.send(JSON.stringify({ type, payload }));
  }
  request(type, payload, onReply, more = {}) {
    const ref = ++this.#refs;
    const text = JSON.stringify({ type, payload, ref, ...more });
    const timer = this.#timers.set(
      () => this.#end("REPLY_TIMEOUT", `No reply to ${type} in time`),
      this.#limits.replyTimeout
    );
    this.#waiting.set(ref, { type, onReply, timer, size: text.length });
    this.#socket.send(text);
  }
  hold(delay) {
    const until = this.#timers.now() + delay;
    if (this.#isClosed || this.#holdTimer !== void 0 && until <= this.#heldUntil) {
      return;
    }
    this.#timers.clear(this.#holdTimer);
    this.#heldUntil = until;
    this.#holdTimer = this.#timers.set(() => {
      this.#holdTimer = void 0;
      this.#handlers.onWritable();
    }, delay);
  }
  probe() {
    if (this.#isReady && !this.#isClosed) {
      this.#heartbeat.probe();
    }
  }
  close() {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#heartbeat.stop();
    this.#timers.clear(this.#openTimer);
    this.#timers.clear(this.#holdTimer);
    for (const { timer } of this.#waiting.values()) {
      this.#timers.clear(timer);
    }
    this.#waiting.clear();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
  }
  #opened() {
    this.#isOpen = true;
    this.send("ping", {});
    this.#handlers.onOpen();
  }
  #received(data) {
    this.#heartbeat.heard();
    const message = parse(data);
    if (message === null) {
      this.#end("BAD_MESSAGE", "The server sent something that is no message");
      return;
    }
    try {
      this.#take(message);
    } catch (error) {
      this.#end("BAD_MESSAGE", `The server sent something that is no message: ${error}`);
    }
  }
  #take(message) {
    this.#error = void 0;
    if (message.type === "pong") {
      this.#answered();
    } else if (message.ref !== void 0) {
      this.#reply(message.ref, reply(message));
    } else if (message.type === "error") {
      this.#unasked(message);
    } else {
      this.#isDraining ||= message.type === "server_draining";
      this.#handlers.onMessage(message);
    }
  }
  #answered() {
    if (!this.#isReady) {
      this.#isReady = true;
      this.#timers.clear(this.#openTimer);
      this.#heartbeat.start();
      this.#handlers.onReady();
    }
  }
  #reply(ref, reply2) {
    const waiting = this.#waiting.get(ref);
    if (waiting) {
      this.#waiting.delete(ref);
      this.#timers.clear(waiting.timer);
      waiting.onReply(reply2);
      this.#handlers.onWritable();
    }
  }
  #unasked(message) {
    const error = RealtimeError.from(message.payload);
    this.#error = error;
    if (error.retryAfter !== void 0) {
      this.hold(error.retryAfter * 1e3);
    }
    if (!this.#refuseUnnamed(error)) {
      this.#handlers.onMessage(message);
    }
  }
  #refuseUnnamed(error) {
    const updates = [...this.#waiting].filter(([, { type }]) => type.startsWith("update_"));
    const isTooLarge = error.code === "MESSAGE_TOO_LARGE";
    if (updates.length === 0 || !(isTooLarge || UNREADABLE.has(error.code))) {
      return false;
    }
    if (isTooLarge || updates.length === 1) {
      const [[ref] = [0]] = updates.sort(([, one], [, other]) => other.size - one.size);
      this.#reply(ref, { ok: false, error });
    } else {
      this.#end(error.code, error.message, void 0, { isUnclear: true });
    }
    return true;
  }
  #failed(error) {
    if (error?.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
      const message = "The server sent a message that is larger than the WebSocket takes";
      this.#end("MESSAGE_TOO_LARGE", message, void 0, { order: "stop" });
    }
  }
  #lost(code) {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (code === 1009) {
      const message = "The server closes the connection for a message of this size";
      this.#refuseUnnamed(new RealtimeError("MESSAGE_TOO_LARGE", message));
    }
    if (this.#error) {
      const { retryAfter } = this.#error;
      this.#end(this.#error.code, this.#error.message, code, { retryAfter });
    } else if (this.#isDraining) {
      this.#end("SERVER_DRAINING", "The server is going down", code);
    } else if (wasOpen) {
      this.#end("CONNECTION_LOST", "The connection was lost", code);
    } else {
      this.#end("CONNECTION_FAILED", "The server could not be reached", code);
    }
  }
  #end(reason, message, code, more) {
    if (!this.#isClosed) {
      this.close();
      this.#handlers.onEnd({ code, reason, message, ...more });
    }
  }
};
function reply({ type, payload }) {
  return type === "error" ? { ok: false, error: RealtimeError.from(payload) } : { ok: true, payload };
}
function parse(data) {
  try {
    const message = { payload: {}, ...JSON.parse(String(data)) };
    return typeof message.type === "string" && isObject(message.payload) ? message : null;
  } catch {
    return null;
  }
}

// src/credentials.js
var TokenSource = class {
  #token;
  #options;
  #pending = /* @__PURE__ */ new Set();
  constructor(token, options) {
    this.#token = token;
    this.#options = options;
  }
  get isFixed() {
    return typeof this.#token === "string";
  }
  get isSession() {
    return this.#token === null;
  }
  fetch(reason) {
    const token = this.#token;
    if (token === null || typeof token === "string") {
      return Promise.resolve(token);
    }
    const { timers, timeout, onError, warn } = this.#options;
    return new Promise((resolve) => {
      const done = (fetched) => {
        timers.clear(timer);
        this.#pending.delete(giveUp);
        resolve(fetched);
      };
      const giveUp = () => done();
      const failed = (cause) => {
        if (this.#pending.has(giveUp)) {
          done();
          onError(new RealtimeError("TOKEN_UNAVAILABLE", "There is no token for now", { cause }));
        }
      };
      const timer = timers.set(() => failed(new Error("No token came in time")), timeout);
      this.#pending.add(giveUp);
      new Promise((fetched) => fetched(token(reason ? { reason } : {}))).then((fetched = null) => {
        if (fetched === null || typeof fetched === "string") {
          done(fetched);
        } else {
          const message = `\`token\` gave a ${typeof fetched}: a string is needed, or null`;
          warn(message);
          failed(new TypeError(message));
        }
      }, failed);
    });
  }
  cancel() {
    [...this.#pending].forEach((giveUp) => giveUp());
  }
};
function handshake(url, token, credential) {
  if (token === null) {
    return [url.href, ["realtime"]];
  }
  if (credential === "subprotocol") {
    const isToken = /^[\w!#$%&'*+.^`|~-]+$/.test(token);
    return isToken ? [url.href, ["realtime", `token.${token}`]] : null;
  }
  const complete = new URL(url);
  complete.searchParams.set(credential === "ticket" ? "ticket" : "token", token);
  return [complete.href];
}

// src/reconnector.js
var TOKEN_KEPT = 6e4;
var Reconnector = class {
  #settings;
  #handlers;
  #tokens;
  #target;
  #state = "offline";
  #connection = null;
  #attempt = {};
  #isRunning = false;
  #failures = 0;
  #onlineSince = Infinity;
  #refusal;
  #kept = null;
  #isUnclear = false;
  #timer;
  #renewals = 0;
  #renewalTimer;
  constructor(settings, handlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    const { token, timers, connectTimeout: timeout, warn } = settings;
    this.#tokens = new TokenSource(token, { timers, timeout, warn, onError: handlers.onError });
  }
  get state() {
    return this.#state;
  }
  get connection() {
    return this.#connection?.isOpen ? this.#connection : null;
  }
  start(target) {
    if (!this.#isRunning) {
      this.#target = target;
      this.#isRunning = true;
      this.#failures = 0;
      void this.#try();
    }
  }
  check() {
    this.retryNow();
    this.#connection?.probe();
  }
  retryNow() {
    if (this.#isRunning && this.#state === "offline") {
      void this.#try();
    }
  }
  rest() {
    if (this.#isRunning) {
      this.#halt();
      this.#setState({ state: "offline", reason: "IDLE" });
    }
  }
  stop({ code, reason }) {
    this.#halt();
    this.#setState({ state: "stopped", code, reason });
  }
  async renewToken() {
    const connection = this.connection;
    const { isFixed, isSession } = this.#tokens;
    if (!connection || isFixed || isSession || this.#settings.credential === "ticket") {
      return;
    }
    const token = await this.#tokens.fetch("TOKEN_EXPIRING");
    if (!connection.isOpen) {
      return;
    }
    if (token === void 0) {
      this.#renewLater();
    } else if (token) {
      connection.request("authenticate", { token }, (reply2) => this.#renewed(reply2));
    } else {
      this.stop({ reason: "TOKEN_MISSING" });
    }
  }
  #renewed(reply2) {
    if (reply2.ok) {
      this.#renewals = 0;
    } else if (PASSING.has(reply2.error.code)) {
      this.#renewLater(reply2.error.retryAfter);
    } else {
      const { code: reason, message } = reply2.error;
      this.#handlers.onError(reply2.error);
      this.#lost({ reason, message, order: "token" });
    }
  }
  #renewLater(retryAfter) {
    const { timers, random } = this.#settings;
    const delay = retryAfter === void 0 ? backoff(this.#renewals++, random) : retryAfter * 1e3;
    timers.clear(this.#renewalTimer);
    this.#renewalTimer = timers.set(() => void this.renewToken(), delay);
  }
  // --- attempts
  async #try() {
    const attempt = this.#attempt = {};
    this.#settings.timers.clear(this.#timer);
    this.#setState({ state: "connecting" });
    const token = this.#keptToken() ?? await this.#newToken();
    if (attempt !== this.#attempt) {
      return;
    }
    if (token === void 0) {
      this.#wait({ reason: "TOKEN_UNAVAILABLE" });
    } else if (token || this.#tokens.isSession) {
      this.#open(token);
    } else {
      this.stop({ reason: "TOKEN_MISSING" });
    }
  }
  #keptToken() {
    if (!this.#kept || this.#settings.timers.now() >= this.#kept.until) {
      return void 0;
    }
    this.#kept.isReused = true;
    return this.#kept.token;
  }
  async #newToken() {
    const attempt = this.#attempt;
    this.#kept = null;
    const token = await this.#tokens.fetch(this.#refusal);
    if (token && attempt === this.#attempt && this.#settings.credential !== "ticket") {
      const until = this.#settings.timers.now() + TOKEN_KEPT;
      this.#kept = { token, until, isReused: false };
    }
    return token;
  }
  #open(token) {
    const { timers, credential, warn } = this.#settings;
    const { url, WebSocket } = (
      this.#target
    );
    const { onOpen, onMessage, onWritable } = this.#handlers;
    const arguments_ = handshake(url, token, credential);
    if (!arguments_) {
      const message = "A token has characters that a subprotocol cannot carry";
      warn(`${message}: is it a token? credential: "query" takes any`);
      this.#lost({ reason: "TOKEN_INVALID", message, order: "token" });
      return;
    }
    let socket;
    try {
      socket = new WebSocket(...arguments_);
    } catch (cause) {
      const message = "The browser refused to connect";
      this.#handlers.onError(new RealtimeError("CONNECTION_FAILED", message, { cause }));
      this.#wait({ reason: "CONNECTION_FAILED" });
      return;
    }
    const connection = new Connection(socket, {
      timers,
      limits: this.#settings,
      isCareful: this.#isUnclear,
      handlers: {
        onOpen: () => onOpen(connection),
        onReady: () => this.#ready(),
        onMessage,
        onWritable,
        onEnd: (end) => this.#lost(end)
      }
    });
    this.#connection = connection;
  }
  #ready() {
    this.#refusal = void 0;
    this.#kept = null;
    this.#renewals = 0;
    this.#onlineSince = this.#settings.timers.now();
    this.#setState({ state: "online" });
  }
  #lost(end) {
    const { timers, stableAfter, warn } = this.#settings;
    if (end.reason === "ORIGIN_FORBIDDEN") {
      warn(`${end.message}: add the origin to REALTIME["ALLOWED_ORIGINS"]`);
    } else if (end.reason === "RATE_LIMITED" && this.#onlineSince === Infinity) {
      warn(`${end.message}: one client is enough for all rooms of a page`);
    }
    if (timers.now() - this.#onlineSince >= stableAfter) {
      this.#failures = 0;
    }
    this.#drop();
    this.#isUnclear = end.isUnclear ?? false;
    const order = end.order ?? instruction(end.code);
    const isRefused = order === "token";
    const { isFixed, isSession } = this.#tokens;
    const isFinal = isFixed || isSession && end.reason === "TOKEN_MISSING";
    if (order === "stop" || isRefused && isFinal) {
      this.stop(end);
      return;
    }
    const isOutdated = isRefused && this.#kept?.isReused;
    if (isRefused) {
      this.#kept = null;
    }
    this.#refusal = isRefused ? end.reason : void 0;
    if (isOutdated || isRefused && this.#failures === 0) {
      this.#failures = Math.max(this.#failures, 1);
      void this.#try();
    } else {
      this.#wait(end);
    }
  }
  #wait({ code, reason, retryAfter = 0 }) {
    const { timers, random } = this.#settings;
    const delay = Math.max(backoff(this.#failures, random), retryAfter * 1e3);
    this.#failures += 1;
    this.#timer = timers.set(() => void this.#try(), delay);
    this.#setState({ state: "offline", code, reason, retryAt: timers.now() + delay });
  }
  // --- ends
  #halt() {
    this.#isRunning = false;
    this.#attempt = {};
    this.#kept = null;
    this.#tokens.cancel();
    this.#settings.timers.clear(this.#timer);
    this.#drop();
  }
  #drop() {
    this.#onlineSince = Infinity;
    this.#settings.timers.clear(this.#renewalTimer);
    if (this.#connection) {
      this.#connection.close();
      this.#connection = null;
      this.#handlers.onDown();
    }
  }
  #setState(change2) {
    this.#state = change2.state;
    this.#handlers.onState(change2);
  }
};

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

// src/replies.js
function checkJoinAck(payload, kind) {
  const { seq, user_id, role: role2, [kind]: state, members, member_count = 0, tasks } = payload;
  check(Number.isSafeInteger(member_count), "join");
  const isWhole = Number.isSafeInteger(seq) && user_id !== void 0 && typeof role2 === "string";
  check(isWhole && isObject(state) && [members, tasks].every(isListOfObjects), "join");
  return { ...payload, state };
}
function checkUpdateAck(payload) {
  check(Number.isSafeInteger(payload.seq) && isObject(payload.changes), "update");
  return payload;
}
function isListOfObjects(value) {
  return Array.isArray(value) && value.every(isObject);
}
function check(isGood, what) {
  if (!isGood) {
    throw new TypeError(`The acknowledgement of the ${what} is not one`);
  }
}

// src/join-loop.js
var MAX_FAULTS = 3;
var JoinLoop = class {
  #options;
  #connection = null;
  #failures = 0;
  #faults = 0;
  #timer;
  constructor(options) {
    this.#options = options;
  }
  open(connection) {
    this.#connection = connection;
    this.#failures = this.#faults = 0;
    this.join();
  }
  close() {
    this.#connection = null;
    this.#options.timers.clear(this.#timer);
  }
  join() {
    const { roomId, since, presence } = this.#options;
    const connection = this.#connection;
    const payload = roomId.payload({ since: since(), presence: presence() });
    connection?.request(`join_${roomId.kind}`, payload, (reply2) => {
      if (connection !== this.#connection) {
        return;
      }
      if (reply2.ok) {
        this.#failures = this.#faults = 0;
        this.#options.onJoined(checkJoinAck(reply2.payload, roomId.kind));
      } else {
        this.#failed(reply2.error);
      }
    });
  }
  #failed(error) {
    const { timers, random, onDelayed, onRefused } = this.#options;
    const isFault = error.code === "INTERNAL_ERROR";
    this.#faults += Number(isFault);
    if (!PASSING.has(error.code) && !(isFault && this.#faults < MAX_FAULTS)) {
      onRefused(error);
      return;
    }
    const { retryAfter } = error;
    const delay = retryAfter === void 0 ? backoff(this.#failures++, random) : retryAfter * 1e3;
    timers.clear(this.#timer);
    this.#timer = timers.set(() => this.join(), delay);
    onDelayed();
  }
};

// src/own-edits.js
var KEPT = 1e3;
var OwnEdits = class {
  #events = [];
  #own = /* @__PURE__ */ new Set();
  add(seq, changes) {
    this.#events.push({ seq, shape: shape(changes) });
    if (this.#events.length > KEPT) {
      this.#own.delete(this.#events.shift()?.seq ?? 0);
    }
  }
  addOwn(seq) {
    this.#own.add(seq);
  }
  clear() {
    this.#events = [];
    this.#own.clear();
  }
  rebase(baseSeq, data) {
    const first = this.#events.at(0)?.seq ?? Infinity;
    const last = this.#events.at(-1)?.seq ?? 0;
    if (baseSeq < first - 1 || baseSeq >= last) {
      return baseSeq;
    }
    const isTouched = this.#events.some(
      ({ seq, shape: shape2 }) => seq > baseSeq && !this.#own.has(seq) && overlap(shape2, data)
    );
    return isTouched ? baseSeq : last;
  }
};
function shape(patch) {
  return Object.fromEntries(
    Object.entries(patch).map(([key, value]) => [key, isObject(value) ? shape(value) : true])
  );
}

// src/updates.js
var Updates = class {
  #list = [];
  #applied = null;
  get pending() {
    return this.#list.filter((update) => update.ackSeq === null).length;
  }
  add(update) {
    this.#set([...this.#list, update]);
  }
  remove(update) {
    this.#set(this.#list.filter((other) => other !== update));
  }
  clear() {
    const unanswered = this.#list.filter((update) => update.ackSeq === null);
    this.#set([]);
    return unanswered;
  }
  confirm(seq) {
    this.#set(this.#list.filter((update) => update.ackSeq === null || update.ackSeq > seq));
  }
  applyTo(state) {
    if (this.#applied?.from !== state) {
      const patches = this.#list.filter((update) => update.optimistic).map((update) => update.data);
      this.#applied = { from: state, to: freeze(patches.reduce(merge, state)) };
    }
    return (
      this.#applied.to
    );
  }
  next() {
    return this.#list.find(
      (update, index) => !update.isSent && !this.#list.slice(0, index).some((earlier) => holds(earlier, update))
    );
  }
  unsend() {
    for (const update of this.#list) {
      update.isSent = update.ackSeq !== null;
    }
  }
  #set(list) {
    if (list.length !== this.#list.length) {
      this.#list = list;
      this.#applied = null;
    }
  }
};
function holds(earlier, later) {
  const isDone = earlier.ackSeq !== null && later.baseSeq === void 0;
  const isCommand = earlier.command !== null || later.command !== null;
  return !isDone && (isCommand || overlap(earlier.data, later.data));
}

// src/update-queue.js
var UpdateQueue = class {
  #options;
  #updates = new Updates();
  #ownEdits = new OwnEdits();
  #seq = 0;
  #connection = null;
  #failures = 0;
  constructor(options) {
    this.#options = options;
  }
  get pending() {
    return this.#updates.pending;
  }
  applyTo(state) {
    return this.#updates.applyTo(state);
  }
  add(data, { baseSeq, optimistic, command }) {
    if (this.pending >= this.#options.queueLimit) {
      throw new RealtimeError("QUEUE_FULL", "Too many updates wait for the server");
    }
    const key = this.#options.newKey();
    const own = copy(data);
    checkSize({ ...this.#message({ command, data: own }, baseSeq), idempotency_key: key });
    let settle = { resolve: () => {
    }, reject: () => {
    } };
    const promise = new Promise((resolve, reject) => settle = { resolve, reject });
    const state = { isSent: false, ackSeq: null };
    this.#updates.add({ key, command, data: own, baseSeq, optimistic, promise, ...settle, ...state });
    this.#options.onChange();
    this.pump();
    return promise;
  }
  pump() {
    while (this.#connection?.isWritable) {
      const update = this.#updates.next();
      if (!update) {
        return;
      }
      this.#send(update, this.#connection);
    }
  }
  open(connection) {
    this.#connection = connection;
    this.#failures = 0;
    this.pump();
  }
  pause() {
    this.#connection = null;
  }
  disconnect() {
    this.#connection = null;
    this.#updates.unsend();
  }
  confirm(seq, changes) {
    this.#seq = seq;
    this.#ownEdits.add(seq, changes);
    this.#updates.confirm(seq);
    this.pump();
  }
  restart(seq) {
    const isOlder = seq < this.#seq;
    this.#seq = seq;
    this.#ownEdits.clear();
    this.#updates.confirm(isOlder ? Infinity : seq);
  }
  reject(error) {
    this.#connection = null;
    for (const update of this.#updates.clear()) {
      update.promise.catch(() => {
      });
      update.reject(error);
    }
  }
  #message({ command, data }, base) {
    const { roomId } = this.#options;
    return command === null ? { type: `update_${roomId.kind}`, payload: roomId.payload({ data, base_seq: base }) } : { type: command, payload: { ...data, ...roomId.payload() } };
  }
  #send(update, connection) {
    update.isSent = true;
    const { baseSeq, data, key } = update;
    const base = baseSeq === void 0 ? void 0 : this.#ownEdits.rebase(baseSeq, data);
    const { type, payload } = this.#message(update, base);
    const onReply = (reply2) => {
      if (reply2.ok) {
        this.#acknowledged(update, checkUpdateAck(reply2.payload));
      } else {
        this.#failed(update, reply2.error, connection);
      }
    };
    connection.request(type, payload, onReply, { idempotency_key: key });
  }
  #acknowledged(update, ack) {
    this.#failures = 0;
    update.ackSeq = ack.seq;
    if (Object.keys(ack.changes).length > 0) {
      this.#ownEdits.addOwn(ack.seq);
    }
    this.#updates.confirm(this.#seq);
    update.resolve(ack);
    this.#options.onChange();
  }
  #failed(update, error, connection) {
    const isNotJoined = error.code === "NOT_JOINED";
    if (!PASSING.has(error.code) && !isNotJoined) {
      this.#updates.remove(update);
      update.reject(error);
      this.#options.onChange();
      return;
    }
    update.isSent = false;
    const { retryAfter } = error;
    const { random } = this.#options;
    const delay = retryAfter === void 0 ? backoff(this.#failures++, random) : retryAfter * 1e3;
    connection.hold(delay);
    if (isNotJoined) {
      this.#options.onNotJoined();
    }
  }
};

// src/signals.js
var INTERVAL = 60;
var SignalSender = class {
  #type;
  #roomId;
  #timers;
  #random;
  #onError;
  #connection = null;
  #next = null;
  #sent = 0;
  #failures = 0;
  #timer;
  constructor(type, { roomId, timers, random, onError }) {
    this.#type = type;
    this.#roomId = roomId;
    this.#timers = timers;
    this.#random = random;
    this.#onError = onError;
  }
  add(data) {
    if (this.#connection) {
      this.#next = data;
      this.pump();
    }
  }
  pump() {
    const data = this.#next;
    if (data === null || this.#timer !== void 0 || !this.#connection?.isWritable) {
      return;
    }
    this.#next = null;
    const number = ++this.#sent;
    this.#connection.request(this.#type, this.#roomId.payload({ data }), (reply2) => {
      if (reply2.ok) {
        this.#failures = 0;
      } else if (PASSING.has(reply2.error.code)) {
        if (number === this.#sent) {
          this.#next ??= data;
        }
        this.#wait(reply2.error.retryAfter);
      } else if (reply2.error.code !== "NOT_JOINED") {
        this.#onError(reply2.error);
      }
    });
    this.#pause(INTERVAL);
  }
  open(connection) {
    this.#connection = connection;
    this.pump();
  }
  close() {
    this.#connection = this.#next = null;
    this.#timers.clear(this.#timer);
    this.#timer = void 0;
  }
  #wait(retryAfter) {
    const later = retryAfter === void 0 ? backoff(this.#failures++, this.#random) : retryAfter * 1e3;
    this.#pause(later);
  }
  #pause(delay) {
    this.#timers.clear(this.#timer);
    this.#timer = this.#timers.set(() => {
      this.#timer = void 0;
      this.pump();
    }, delay);
  }
};

// src/room-session.js
var EVERY = /* @__PURE__ */ Symbol("message");
var RoomSession = class {
  #ready = new Deferred();
  #left = new Deferred();
  #emitter = new Emitter();
  #roomId;
  #context;
  #joinLoop;
  #queue;
  #signals;
  #presenceSender;
  #presence = null;
  #view = null;
  #connection = null;
  #isJoined = false;
  #users = 0;
  #isLeaving = false;
  #leaveTimer;
  #gapAt = -1;
  #ended = null;
  constructor(roomId, context) {
    this.#roomId = roomId;
    this.#context = context;
    this.#signals = new SignalSender("send_signal", { ...context, roomId });
    this.#presenceSender = new SignalSender("set_presence", { ...context, roomId });
    this.#joinLoop = new JoinLoop({
      ...context,
      roomId,
      since: () => this.#view?.seq,
      presence: () => this.#presence ? {} : void 0,
      onJoined: (ack) => this.#enter(ack),
      onDelayed: () => this.#suspend(),
      onRefused: (error) => this.#refused(error)
    });
    this.#queue = new UpdateQueue({
      ...context,
      roomId,
      onChange: () => this.#changed(),
      onNotJoined: () => this.#joinLoop.join()
    });
  }
  get roomId() {
    return this.#roomId;
  }
  get ready() {
    return this.#ready.promise;
  }
  get view() {
    return this.#view;
  }
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
  on(name, listener, options) {
    return this.#emitter.on(name, listener, options);
  }
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
  signal(data) {
    const own = copy(data);
    checkSize({ type: "send_signal", payload: this.#roomId.payload({ data: own }) });
    this.#signals.add(own);
  }
  get presence() {
    return this.#presence;
  }
  setPresence(patch) {
    const wasAsked = this.#presence !== null;
    const own = merge(this.#presence ?? {}, copy(patch));
    checkSize({ type: "set_presence", payload: this.#roomId.payload({ data: own }) });
    this.#presence = freeze(own);
    if (wasAsked) {
      this.#presenceSender.add(own);
    } else {
      this.#joinLoop.join();
    }
    this.#showPresence();
    this.#emitter.emit("change");
  }
  #showPresence() {
    if (this.#view && this.#presence) {
      const payload = { user_id: this.#view.me, data: this.#presence };
      this.#view = freeze(reduce(this.#view, { type: "presence", payload }, this.#roomId));
    }
  }
  enter() {
    this.#users += 1;
    this.#isLeaving = false;
    this.#context.timers.clear(this.#leaveTimer);
    this.#leaveTimer = void 0;
    this.#left.resolve();
    this.#left = new Deferred();
  }
  leave() {
    this.#users -= 1;
    if (this.#users > 0 || this.#ended) {
      return Promise.resolve();
    }
    const { timers, leaveDelay } = this.#context;
    this.#isLeaving = true;
    this.#leaveTimer = timers.set(() => {
      this.#leaveTimer = void 0;
      this.#leaveWhenDone();
    }, leaveDelay);
    return this.#left.promise;
  }
  // --- for the connection
  attach(connection) {
    this.#connection = connection;
    this.#joinLoop.open(connection);
  }
  detach() {
    this.#connection = null;
    this.#joinLoop.close();
    this.#queue.disconnect();
    this.#signals.close();
    this.#presenceSender.close();
    this.#setJoined(false);
  }
  pump() {
    this.#queue.pump();
    this.#signals.pump();
    this.#presenceSender.pump();
  }
  receive(message) {
    if (message.type === "access_revoked") {
      this.#revoked(new RealtimeError("ACCESS_REVOKED", `You may no longer see this ${this.#roomId.kind}`));
    } else if (this.#view && this.#isNext(this.#view.seq, message.seq)) {
      this.#view = freeze(reduce(this.#view, message, this.#roomId));
      if (message.seq !== void 0) {
        this.#queue.confirm(message.seq, this.#roomId.changesIn(message) ?? {});
      }
      this.#tell(message);
      if (message.type !== "signal") {
        this.#emitter.emit("change");
      }
    }
  }
  depart(error) {
    const { kind } = this.#roomId;
    this.#connection?.request(`leave_${kind}`, this.#roomId.payload(), () => {
    });
    this.end(error);
  }
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
  #isNext(position, seq = position + 1) {
    if (seq > position + 1 && this.#gapAt !== position) {
      this.#gapAt = position;
      this.#joinLoop.join();
    }
    return seq === position + 1;
  }
  // --- outcomes of a join
  #enter(ack) {
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
  #suspend() {
    this.#queue.pause();
    this.#signals.close();
    this.#presenceSender.close();
    this.#setJoined(false);
  }
  #refused(error) {
    if (this.#view && error.code === this.#roomId.notFound) {
      this.#revoked(error);
    } else {
      this.end(error);
    }
  }
  #revoked(error) {
    const payload = this.#roomId.payload();
    this.end(error);
    this.#tell({ type: "access_revoked", payload });
  }
  // ---
  #tell(message) {
    this.#emitter.emit(message.type, message.payload, message);
    this.#emitter.emit(EVERY, message);
  }
  #leaveWhenDone() {
    const isSoon = this.#leaveTimer !== void 0;
    if (this.#isLeaving && !isSoon && !this.#ended && this.pending === 0) {
      this.depart(left());
    }
  }
  #changed() {
    this.#emitter.emit("change");
    this.#leaveWhenDone();
  }
  #setJoined(isJoined) {
    if (this.#isJoined !== isJoined) {
      this.#isJoined = isJoined;
      this.#emitter.emit("change");
    }
  }
};
function left() {
  return new RealtimeError("LEFT", "The room was left");
}
function rejected(error) {
  const promise = Promise.reject(error);
  promise.catch(() => {
  });
  return promise;
}

// src/room.js
var MAX_UNREAD = 1e4;
var OWN_ENDS = ["LEFT", "CLOSED"];
var NONE = Object.freeze([]);
var Room = class {
  #session;
  #ready;
  #stops = /* @__PURE__ */ new Set();
  #left = null;
  #leaving;
  constructor(session) {
    this.#session = session;
    session.enter();
    this.#ready = session.ready.then(() => this);
    this.#ready.catch(() => {
    });
  }
  get kind() {
    return (
      this.#session.roomId.kind
    );
  }
  get key() {
    return (
      this.#session.roomId.key
    );
  }
  get ready() {
    return this.#ready;
  }
  get state() {
    return (
      this.#session.state
    );
  }
  get members() {
    return (
      this.#session.view?.members ?? NONE
    );
  }
  get memberCount() {
    return this.#session.view?.memberCount ?? 0;
  }
  get tasks() {
    return this.#session.view?.tasks ?? NONE;
  }
  get role() {
    return (
      this.#session.view && role(this.#session.view)
    );
  }
  get me() {
    return this.#session.view?.me ?? null;
  }
  get seq() {
    return this.#session.view?.seq ?? 0;
  }
  get joined() {
    return this.#session.isJoined && this.#left === null;
  }
  get pending() {
    return this.#session.pending;
  }
  get ended() {
    return this.#left ?? this.#session.ended;
  }
  on(name, listener, options) {
    if (this.#left) {
      return () => {
      };
    }
    const own = (
      listener
    );
    const off = this.#session.on(name, own, options);
    const stop = () => {
      this.#stops.delete(stop);
      off();
    };
    this.#stops.add(stop);
    return stop;
  }
  [Symbol.asyncIterator]() {
    const unread = [];
    let wake = () => {
    };
    const offs = [
      this.#session.on(EVERY, (message) => {
        if (unread.length <= MAX_UNREAD) {
          unread.push(message);
        }
        wake();
      }),
      this.#session.on("change", () => wake())
    ];
    const stop = () => {
      this.#stops.delete(stop);
      offs.forEach((off) => off());
      wake();
    };
    this.#stops.add(stop);
    const sleep = () => (
      new Promise((resolve) => wake = resolve)
    );
    return this.#iterate(unread, sleep, stop);
  }
  async *#iterate(unread, sleep, stop) {
    try {
      for (; ; ) {
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
  update(data, { baseSeq, optimistic = true } = {}) {
    return this.#update(data, { baseSeq, optimistic, command: null });
  }
  command(name, ...[payload]) {
    this.#session.roomId.checkCommand(name);
    return this.#update(payload ?? {}, { optimistic: false, command: name });
  }
  #update(data, options) {
    return this.#left ? rejected(this.#left) : this.#session.update(data, options);
  }
  signal(data) {
    if (!this.#left) {
      this.#session.signal(data);
    }
  }
  get presence() {
    return (
      this.#session.presence
    );
  }
  setPresence(patch) {
    if (!this.ended) {
      this.#session.setPresence(patch);
    }
  }
  leave() {
    this.#left ??= this.#session.ended ?? left();
    [...this.#stops].forEach((stop) => stop());
    this.#leaving ??= this.#session.leave();
    return this.#leaving;
  }
};

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

// src/wakeups.js
function watch(source, callback) {
  const { document } = source;
  const onVisibility = () => {
    if (document?.visibilityState === "visible") {
      callback();
    }
  };
  const events = ["online", "offline", "focus"];
  events.forEach((type) => source.addEventListener?.(type, callback));
  document?.addEventListener("visibilitychange", onVisibility);
  return () => {
    events.forEach((type) => source.removeEventListener?.(type, callback));
    document?.removeEventListener("visibilitychange", onVisibility);
  };
}

// src/timers.js
var systemTimers = {
  now: () => performance.now(),
  set: (callback, delay) => setTimeout(callback, delay),
  clear: (timer) => clearTimeout(timer)
};

// src/realtime.js
var CREDENTIALS = ["subprotocol", "query", "ticket"];
var DEFAULTS = {
  credential: (
    "subprotocol"
  ),
  queueLimit: 256,
  connectTimeout: 1e4,
  pingInterval: 25e3,
  pongTimeout: 8e3,
  replyTimeout: 2e4,
  stableAfter: 5e3,
  idleTimeout: 3e4,
  leaveDelay: 500,
  timers: systemTimers,
  random: Math.random,
  logger: console
};
var SILENT = /* @__PURE__ */ new Set([
  ...["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "USER_INACTIVE"],
  ...["RATE_LIMITED", "NOT_JOINED"]
]);
var Realtime = class {
  #url;
  #options;
  #reconnector;
  #warnings = /* @__PURE__ */ new Set();
  #emitter = new Emitter();
  #sessions = /* @__PURE__ */ new Map();
  #user = null;
  #unwatch = null;
  #idleTimer;
  #keys = 0;
  #keyPrefix = randomHex();
  constructor(url, options = {}) {
    this.#url = url;
    this.#options = withDefaults(options);
    absolute(url, globalThis.location?.href ?? "ws://unknown");
    const settings = { ...this.#options, warn: (text) => this.#warn(text) };
    this.#reconnector = new Reconnector(settings, {
      onOpen: (connection) => this.#eachSession((session) => session.attach(connection)),
      onMessage: (message) => this.#received(message),
      onWritable: () => this.#eachSession((session) => session.pump()),
      onDown: () => this.#eachSession((session) => session.detach()),
      onState: (change2) => this.#became(change2),
      onError: (error) => this.#emitter.emit("error", error)
    });
  }
  get state() {
    return this.#reconnector.state;
  }
  on(name, listener, options) {
    return this.#emitter.on(name, listener, options);
  }
  connect() {
    const target = this.#target();
    this.#unwatch ??= watch(this.#options.window, () => this.#reconnector.check());
    this.#reconnector.start(target);
    this.#restWhenIdle();
  }
  join(kind, key, { signal, presence } = {}) {
    const roomId = new RoomId(kind, key);
    signal?.throwIfAborted();
    this.#target();
    const room = this.#join(roomId, presence && copy(presence));
    signal?.addEventListener("abort", () => void room.leave());
    return room;
  }
  #join(roomId, presence) {
    const known = this.#sessions.get(`${roomId}`);
    if (known) {
      if (presence) {
        known.setPresence(presence);
      }
      return new Room(known);
    }
    const session = new RoomSession(roomId, {
      ...this.#options,
      newKey: () => `${this.#keyPrefix}-${++this.#keys}`,
      onError: (error) => this.#emitter.emit("error", error),
      identify: (userId) => this.#identify(userId),
      onEnd: () => this.#forget(roomId)
    });
    if (presence) {
      session.setPresence(presence);
    }
    const room = new Room(session);
    this.#sessions.set(`${roomId}`, session);
    if (this.#reconnector.connection) {
      session.attach(this.#reconnector.connection);
    }
    this.connect();
    return room;
  }
  retryNow() {
    this.#reconnector.retryNow();
  }
  close() {
    if (this.state !== "stopped") {
      this.#reconnector.stop({ reason: "CLOSED" });
    }
  }
  #became(change2) {
    if (change2.state === "stopped") {
      this.#unwatch?.();
      this.#unwatch = null;
      this.#user = null;
      const { reason = "CLOSED" } = change2;
      const error = new RealtimeError(reason, `The client has stopped: ${reason}`);
      this.#eachSession((session) => session.end(error));
      this.#options.timers.clear(this.#idleTimer);
    }
    this.#emitter.emit("state", change2);
  }
  #received(message) {
    if (message.type === "error") {
      if (!SILENT.has(message.payload.code)) {
        this.#emitter.emit("error", RealtimeError.from(message.payload));
      }
    } else if (message.type === "token_expiring") {
      void this.#reconnector.renewToken();
    } else {
      this.#sessionOf(message)?.receive(
        message
      );
    }
  }
  #sessionOf(message) {
    const isOnEnvelope = Object.keys(message).some((name) => name.endsWith("_id"));
    const part = isOnEnvelope ? message : message.payload;
    return [...this.#sessions.values()].find(({ roomId }) => roomId.isNamedBy(part));
  }
  #identify(userId) {
    const known = this.#user;
    this.#user = userId;
    if (known !== null && known !== userId) {
      const error = new RealtimeError("USER_CHANGED", "Another user is signed in now");
      this.#eachSession((session) => session.depart(error));
    }
  }
  #forget(roomId) {
    this.#sessions.delete(`${roomId}`);
    this.#restWhenIdle();
  }
  #target() {
    const { WebSocket = globalThis.WebSocket } = this.#options;
    if (typeof WebSocket !== "function") {
      throw new TypeError("`WebSocket` is needed here: the class, such as that of the package ws");
    }
    return { url: absolute(this.#url, globalThis.location?.href), WebSocket };
  }
  #warn(problem) {
    if (!this.#warnings.has(problem)) {
      this.#warnings.add(problem);
      this.#options.logger?.warn(`Realtime: ${problem}`);
    }
  }
  #restWhenIdle() {
    const { timers, idleTimeout } = this.#options;
    timers.clear(this.#idleTimer);
    if (this.#sessions.size === 0) {
      this.#idleTimer = timers.set(() => this.#reconnector.rest(), idleTimeout);
    }
  }
  #eachSession(visit) {
    [...this.#sessions.values()].forEach(visit);
  }
};
function withDefaults(options) {
  const given = Object.entries(options).filter(([, value]) => value !== void 0);
  const { window = globalThis } = globalThis;
  const all = { ...DEFAULTS, window, token: null, ...Object.fromEntries(given) };
  const isGiven = "token" in options && options.token !== null;
  if (isGiven && (!options.token || !["string", "function"].includes(typeof options.token))) {
    throw new TypeError("`token` must be an access token, or a function that gets one");
  }
  if (!CREDENTIALS.includes(all.credential)) {
    throw new TypeError(`\`credential\` must be one of ${CREDENTIALS.join(", ")}`);
  }
  return all;
}
function absolute(url, base) {
  const result = new URL(url, base);
  result.protocol = result.protocol.replace("http", "ws");
  if (!["ws:", "wss:"].includes(result.protocol)) {
    throw new TypeError(`The URL of a WebSocket begins with ws: or wss:, unlike ${url}`);
  }
  return result;
}
function randomHex() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
export {
  Realtime,
  RealtimeError,
  Room
};
