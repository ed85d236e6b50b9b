import assert from "node:assert/strict";
import { test } from "node:test";

import { Realtime } from "../src/index.js";
import { systemTimers } from "../src/timers.js";
import { makeClient, settle } from "./fakes.js";

const names = (states) => states.map(({ state }) => state);

test("it connects at the first join, with the token where no log has it", async () => {
  const client = makeClient();
  assert.equal(client.realtime.state, "offline");
  client.realtime.join("project", 1);
  assert.equal(client.realtime.state, "connecting");
  const socket = await client.socket();
  assert.equal(socket.url.href, "ws://server.test/");
  assert.deepEqual(socket.protocols, ["realtime", "token.secret"]);
});

test("the token may stand in the query, or be a ticket, where that is asked for", async () => {
  for (const [credential, query] of [["query", "?token=secret"], ["ticket", "?ticket=secret"]]) {
    const client = makeClient({ credential });
    client.realtime.connect();
    const socket = await client.socket();
    assert.equal(socket.url.search, query);
    assert.deepEqual(socket.protocols, []);
  }
  const client = makeClient({ credential: "ticket" });
  const { socket } = await client.join();
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  assert.equal(socket.all("authenticate").length, 0, "a ticket is no token");
});

test("it is online when the server answers, not when the socket opens", async () => {
  const client = makeClient();
  client.realtime.connect();
  const socket = await client.socket();
  socket.open();
  assert.equal(client.realtime.state, "connecting");
  assert.equal(socket.sent[0].type, "ping");
  socket.receive({ type: "pong", payload: {} });
  assert.deepEqual(names(client.states), ["connecting", "online"]);
});

test("a lost connection is tried again with growing waits, without an end", async () => {
  const client = makeClient();
  client.realtime.join("project", 1);
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    (await client.socket()).drop(1006);
    const { state, code, reason, retryAt } = client.states.at(-1);
    assert.deepEqual([state, code, reason], ["offline", 1006, "CONNECTION_FAILED"]);
    waits.push(retryAt - client.timers.now());
    await client.timers.advance(retryAt - client.timers.now());
  }
  assert.deepEqual(waits, [750, 1000, 1500, 2500, 4500, 8500, 16_500, 20_000, 20_000]);
});

test("only a connection that lasted starts the waits anew", async () => {
  const client = makeClient();
  client.realtime.connect();
  const waitAfter = async (lasted) => {
    const socket = await client.socket();
    socket.accept();
    await client.timers.advance(lasted);
    socket.drop(1006);
    const wait = client.states.at(-1).retryAt - client.timers.now();
    await client.timers.advance(wait);
    return wait;
  };
  assert.equal(await waitAfter(100), 750);
  assert.equal(await waitAfter(4999), 1000);
  assert.equal(await waitAfter(5000), 750);
});

test("4000 to 4099 stop it; rooms and updates learn why", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const update = room.update({ title: "x" });
  socket.refuse(4003, "USER_INACTIVE");
  assert.deepEqual(client.states.at(-1), { state: "stopped", code: 4003, reason: "USER_INACTIVE" });
  await assert.rejects(update, { code: "USER_INACTIVE" });
  assert.equal(room.ended.code, "USER_INACTIVE");
  assert.equal(room.state.title, "Old");
  await client.timers.advance(100_000);
  assert.equal(client.sockets.length, 1);
  assert.equal(client.timers.size, 0);
});

test("4100 to 4199 get a new token at once, and back off when that is refused too", async () => {
  const reasons = [];
  const client = makeClient({ token: ({ reason }) => (reasons.push(reason), "secret") });
  client.realtime.connect();
  for (const wait of [0, 1000, 1500, 2500]) {
    (await client.socket()).refuse(4102, "TOKEN_EXPIRED");
    await settle();
    if (wait > 0) {
      assert.equal(client.states.at(-1).retryAt - client.timers.now(), wait);
      await client.timers.advance(wait);
    }
  }
  assert.equal(client.sockets.length, 5);
  assert.deepEqual(reasons, [undefined, ...Array(4).fill("TOKEN_EXPIRED")]);
  assert.deepEqual(client.errors, []);
});

test("attempts without an answer share a token for a minute; each ticket is new", async () => {
  for (const [credential, most] of [["subprotocol", 2], ["ticket", Infinity]]) {
    let asked = 0;
    const client = makeClient({ credential, token: () => `t${++asked}` });
    client.realtime.join("project", 1);
    const start = client.timers.now();
    while (client.timers.now() < start + 120_000) {
      const socket = await client.socket();
      socket.isClosed || socket.drop();
      await client.timers.advance(1000);
    }
    const attempts = client.sockets.length;
    assert.ok(attempts > 5 && asked === Math.min(attempts, most), `${asked} for ${attempts}`);
  }
});

test("a token that was kept too long is replaced at once, and not kept once it was answered", async () => {
  const reasons = [];
  const client = makeClient({ token: ({ reason }) => `t${reasons.push(reason)}` });
  client.realtime.join("project", 1);
  (await client.socket()).drop();
  await client.timers.advance(10_000);
  assert.equal(client.sockets.length, 2);
  client.sockets[1].refuse(4101, "TOKEN_EXPIRED");
  (await client.socket()).accept();
  assert.deepEqual(reasons, [undefined, "TOKEN_EXPIRED"]);
  await client.reconnect();
  const presented = client.sockets.map(({ protocols }) => protocols[1]);
  assert.deepEqual(presented.slice(0, 4), ["token.t1", "token.t1", "token.t2", "token.t3"]);
});

test("a token that is a string is not tried again when refused", async () => {
  const client = makeClient({ token: "secret" });
  client.realtime.connect();
  (await client.socket()).refuse(4101, "TOKEN_INVALID");
  assert.deepEqual(client.states.at(-1), { state: "stopped", code: 4101, reason: "TOKEN_INVALID" });
});

test("null for a token stops it; an error or silence is tried again", async () => {
  const answers = [
    () => Promise.reject(new Error("offline")),
    () => { throw new Error("broken"); },
    () => new Promise(() => {}),
    () => null,
  ];
  const client = makeClient({ token: () => answers.shift()() });
  client.realtime.connect();
  await client.timers.advance(60_000);
  assert.equal(client.errors.length, 3);
  assert.ok(client.errors.every(({ code }) => code === "TOKEN_UNAVAILABLE"));
  assert.deepEqual(client.errors.map(({ cause }) => cause.message), [
    "offline", "broken", "No token came in time",
  ]);
  assert.deepEqual(client.states.at(-1), { state: "stopped", code: undefined, reason: "TOKEN_MISSING" });
  assert.equal(client.sockets.length, 0);
});

test("a connection that does not come up is given up", async () => {
  const client = makeClient();
  client.realtime.connect();
  await client.timers.advance(10_000);
  assert.equal(client.states.at(-1).reason, "CONNECT_TIMEOUT");
  assert.ok(client.sockets[0].isClosed);
  await client.timers.advance(1000);
  (await client.socket()).open();
  await client.timers.advance(10_000);
  assert.equal(client.states.at(-1).reason, "CONNECT_TIMEOUT", "open, but silent");
});

test("nothing of a connection that was given up is heard any more", async () => {
  const client = makeClient();
  client.realtime.connect();
  await client.timers.advance(11_000);
  const [old, current] = client.sockets;
  old.accept();
  old.drop(4003);
  assert.equal(client.realtime.state, "connecting");
  current.accept();
  assert.equal(client.realtime.state, "online");
});

test("silence is broken by a ping; without an answer the connection is dead", async () => {
  const client = makeClient();
  const { socket } = await client.join();
  await client.timers.advance(24_000);
  socket.update(11, { title: "x" });
  await client.timers.advance(24_000);
  assert.equal(socket.all("ping").length, 1, "any frame counts");
  await client.timers.advance(1000);
  assert.equal(socket.all("ping").length, 2);
  await client.timers.advance(7000);
  socket.update(12, { title: "y" });
  await client.timers.advance(1000);
  assert.equal(client.realtime.state, "online", "any frame is a sign of life");
  await client.timers.advance(24_000 + 8000);
  assert.equal(client.states.at(-1).reason, "NO_PONG");
});

test("online, focus and a visible page lead to an attempt, or to a ping, at once", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const window = Object.assign(new EventTarget(), { document });
  const client = makeClient({ window });
  client.realtime.connect();
  for (const [target, type] of [[window, "online"], [window, "focus"], [document, "visibilitychange"]]) {
    (await client.socket()).drop();
    assert.equal(client.realtime.state, "offline");
    document.visibilityState = "visible";
    target.dispatchEvent(new Event(type));
    assert.equal(client.realtime.state, "connecting");
  }
  const socket = await client.socket();
  socket.accept();
  window.dispatchEvent(new Event("offline"));
  window.dispatchEvent(new Event("focus"));
  assert.equal(socket.all("ping").length, 2);
  await client.timers.advance(8000);
  assert.equal(client.states.at(-1).reason, "NO_PONG");
  client.realtime.close();
  window.dispatchEvent(new Event("online"));
  assert.equal(client.realtime.state, "stopped");
});

test("token_expiring: the connection gets a fresh token and goes on", async () => {
  const reasons = [];
  const client = makeClient({ token: ({ reason }) => (reasons.push(reason), `token-${reasons.length}`) });
  const { socket } = await client.join();
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  assert.deepEqual(reasons, [undefined, "TOKEN_EXPIRING"]);
  assert.deepEqual(socket.last("authenticate").payload, { token: "token-2" });
  socket.ack(socket.last("authenticate"));
  assert.deepEqual(client.errors, []);
  assert.equal(client.realtime.state, "online");
});

test("a fresh token that is refused leads to a new connection: it may be another user's", async () => {
  const reasons = [];
  const client = makeClient({ token: ({ reason }) => (reasons.push(reason), "secret") });
  const { socket } = await client.join();
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  socket.fail(socket.last("authenticate"), "TOKEN_INVALID");
  assert.equal(client.errors[0].code, "TOKEN_INVALID");
  assert.ok(socket.isClosed);
  assert.equal(client.realtime.state, "connecting");
  assert.deepEqual(reasons, [undefined, "TOKEN_EXPIRING", "TOKEN_INVALID"]);
});

test("a renewal that cannot be had now is tried again, for as long as the connection lives", async () => {
  const answers = ["first", "second", () => { throw new Error("down"); }, "third", "fourth"];
  const token = () => {
    const answer = answers.shift();
    return typeof answer === "string" ? answer : answer();
  };
  const client = makeClient({ token });
  const { socket } = await client.join();
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  socket.fail(socket.last("authenticate"), "RATE_LIMITED", { retry_after: 2 });
  await client.timers.advance(2000);
  assert.equal(client.errors[0].code, "TOKEN_UNAVAILABLE");
  await client.timers.advance(1000);
  assert.deepEqual(socket.last("authenticate").payload, { token: "third" });
  socket.fail(socket.last("authenticate"), "UNAVAILABLE");
  socket.drop(1006);
  await client.timers.advance(800);
  assert.deepEqual(client.sockets.at(-1).protocols, ["realtime", "token.fourth"], "none for the old one");
});

test("nobody signed in at a renewal stops it", async () => {
  const tokens = ["secret", null];
  const client = makeClient({ token: () => tokens.shift() });
  const { socket } = await client.join();
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  assert.deepEqual(client.states.at(-1), { state: "stopped", code: undefined, reason: "TOKEN_MISSING" });
  assert.ok(socket.isClosed);
});

test("a message that is larger than the WebSocket takes stops it, and says so", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  socket.onerror({ error: Object.assign(new RangeError(), { code: "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" }) });
  assert.equal(client.realtime.state, "stopped");
  assert.equal(client.states.at(-1).reason, "MESSAGE_TOO_LARGE");
  await assert.rejects(room.ready, { code: "MESSAGE_TOO_LARGE" });
});

test("no change of the computer's clock moves a wait", async (context) => {
  const { now } = systemTimers;
  const before = now();
  context.mock.timers.enable({ apis: ["Date"], now: 0 });
  assert.ok(now() >= before && now() < before + 60_000);
});

test("a server that goes down gets no more updates, and is left with backoff", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  socket.receive({ type: "server_draining", payload: {} });
  room.update({ title: "x" });
  assert.equal(socket.all("update_project").length, 0);
  socket.drop(4203);
  assert.equal(client.states.at(-1).reason, "SERVER_DRAINING");
  await client.timers.advance(750);
  const next = await client.socket();
  next.accept();
  next.admit({ recovered: true });
  assert.equal(next.all("update_project").length, 1);
});

test("a server that names a wait gets it", async () => {
  const client = makeClient();
  client.realtime.connect();
  const socket = await client.socket();
  socket.open();
  socket.receive({ type: "error", payload: { code: "RATE_LIMITED", message: "", retry_after: 7 } });
  socket.drop(4201);
  const { reason, retryAt } = client.states.at(-1);
  assert.equal(reason, "RATE_LIMITED");
  assert.equal(retryAt - client.timers.now(), 7000);
});

test("without a room it disconnects after a while, and connects for the next", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  await client.timers.advance(20_000);
  void room.leave();
  await client.timers.advance(500);
  socket.ack(socket.last("leave_project"));
  await client.timers.advance(29_000);
  socket.receive({ type: "pong", payload: {} });
  await client.timers.advance(999);
  assert.equal(client.realtime.state, "online");
  await client.timers.advance(1);
  assert.deepEqual(client.states.at(-1), { state: "offline", reason: "IDLE" });
  assert.ok(socket.isClosed);
  client.realtime.join("project", 2);
  assert.equal(client.realtime.state, "connecting");
  await client.timers.advance(5000);
  (await client.socket()).accept();
  await client.timers.advance(31_000);
  assert.notEqual(client.states.at(-1).reason, "IDLE");
});

test("close ends all, connect begins anew", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const update = room.update({ title: "x" });
  client.realtime.close();
  client.realtime.close();
  await assert.rejects(update, { code: "CLOSED" });
  await assert.rejects(room.update({ title: "x" }), { code: "CLOSED" });
  assert.ok(socket.isClosed);
  assert.deepEqual(names(client.states), ["connecting", "online", "stopped"]);
  assert.equal(client.timers.size, 0);
  assert.notEqual(client.realtime.join("project", 1), room);
  assert.equal(client.realtime.state, "connecting");
});

test("after close no rejection is left for somebody to handle, and no wait", async () => {
  for (const isJoined of [true, false]) {
    const client = makeClient({ token: () => (isJoined ? "secret" : new Promise(() => {})) });
    const room = isJoined ? (await client.join()).room : client.realtime.join("project", 1);
    void room.update({ title: "x" });
    void room.ready;
    client.realtime.close();
    void room.update({ title: "too late" });
    void room.leave();
    await settle();
    assert.equal(room.ended.code, "CLOSED");
    assert.equal(client.timers.size, 0);
    assert.deepEqual(client.errors, []);
  }
});

test("what cannot work is refused at once", () => {
  const WebSocket = class {};
  const make = (url, options) => () => new Realtime(url, { token: "x", WebSocket, ...options });
  assert.throws(make("ftp://server"), { name: "TypeError", message: /ws: or wss:/ });
  assert.throws(make("ws://server", { token: undefined }), { name: "TypeError", message: /token/ });
  assert.throws(make("ws://server", { credential: "cookie" }), { name: "TypeError", message: /credential/ });
  for (const [kind, key, message] of [
    ["project", "", /key of a project/],
    ["project", 1.5, /not 1\.5/],
    ["project", 2 ** 53, /integer or a text/],
    ["project", null, /not null/],
    ["My board", 1, /not "My board"/],
    [1, undefined, /kind of rooms/],
  ]) {
    assert.throws(() => make("ws://server")().join(kind, key), { name: "TypeError", message });
  }
});

test("it can be made where there is no page and no WebSocket, as on a server that renders", (context) => {
  const { WebSocket } = globalThis;
  context.after(() => (globalThis.WebSocket = WebSocket));
  globalThis.WebSocket = undefined;
  const relative = new Realtime("/ws/", { token: "x", WebSocket: class {} });
  const bare = new Realtime("ws://server", { token: "x" });
  for (const [realtime, message] of [[relative, /URL/], [bare, /WebSocket/]]) {
    assert.equal(realtime.state, "offline");
    assert.throws(() => realtime.connect(), { name: "TypeError", message });
    assert.throws(() => realtime.join("project", 1), { name: "TypeError", message });
    assert.equal(realtime.state, "offline");
    realtime.close();
  }
});

test("a token that cannot be one is asked for again, and the developer hears of it once", async () => {
  const cases = [
    [{ access: "x" }, "TOKEN_UNAVAILABLE", /object/],
    ["two words", "TOKEN_INVALID", /subprotocol/],
  ];
  for (const [wrong, reason, warning] of cases) {
    const answers = [wrong, wrong, "secret"];
    const reasons = [];
    const client = makeClient({ token: (request) => (reasons.push(request.reason), answers.shift()) });
    client.realtime.connect();
    await client.timers.advance(5000);
    const refusal = reason === "TOKEN_INVALID" ? reason : undefined;
    assert.deepEqual(reasons, [undefined, refusal, refusal]);
    assert.ok(client.states.some((change) => change.state === "offline" && change.reason === reason));
    assert.deepEqual(client.sockets.map(({ protocols }) => protocols[1]), ["token.secret"]);
    assert.equal(client.warnings.length, 1);
    assert.match(client.warnings[0], warning);
  }
  const fixed = makeClient({ token: "two words" });
  fixed.realtime.connect();
  await settle();
  assert.deepEqual(fixed.states.at(-1), { state: "stopped", code: undefined, reason: "TOKEN_INVALID" });
});

test("a refused origin and too many sockets are the developer's to fix, and told once", async () => {
  const origin = makeClient();
  origin.realtime.connect();
  (await origin.socket()).refuse(4004, "ORIGIN_FORBIDDEN");
  assert.match(origin.warnings.join(), /ALLOWED_ORIGINS/);
  const many = makeClient();
  many.realtime.connect();
  for (let attempt = 0; attempt < 3; attempt += 1) {
    (await many.socket()).refuse(4201, "RATE_LIMITED");
    await many.timers.advance(20_000);
  }
  assert.equal(many.warnings.length, 1);
  const online = makeClient({ logger: null });
  const { socket } = await online.join();
  socket.refuse(4201, "RATE_LIMITED");
  assert.deepEqual(online.warnings, []);
});

test("a listener may be for once, or until a signal", async () => {
  const client = makeClient();
  const seen = [];
  const stop = new AbortController();
  client.realtime.on("state", ({ state }) => seen.push(["once", state]), { once: true });
  client.realtime.on("state", ({ state }) => seen.push(["signal", state]), stop);
  client.realtime.on("state", () => seen.push("never"), { signal: AbortSignal.abort() });
  client.realtime.connect();
  stop.abort();
  (await client.socket()).accept();
  assert.deepEqual(seen, [["once", "connecting"], ["signal", "connecting"]]);
});

test("a WebSocket that may not be made is an error and a wait", async () => {
  class Forbidden {
    constructor() {
      throw new DOMException("insecure", "SecurityError");
    }
  }
  const client = makeClient({ WebSocket: Forbidden });
  client.realtime.connect();
  await settle();
  assert.equal(client.errors[0].cause.name, "SecurityError");
  assert.equal(client.states.at(-1).reason, "CONNECTION_FAILED");
});

test("without a token the browser's session signs in; one that ended may have a successor", async () => {
  const client = makeClient({ token: null });
  const { socket } = await client.join();
  assert.equal(socket.url.href, "ws://server.test/");
  assert.deepEqual(socket.protocols, ["realtime"]);
  socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await settle();
  assert.equal(socket.all("authenticate").length, 0, "there is none to renew");
  await client.timers.advance(10_000);
  socket.receive({ type: "error", payload: { code: "TOKEN_EXPIRED", message: "Sign in again" } });
  socket.drop(4102);
  const second = await client.socket();
  assert.notEqual(second, socket);
  second.open();
  second.receive({ type: "error", payload: { code: "TOKEN_MISSING", message: "Sign in first" } });
  second.drop(4101);
  assert.deepEqual(client.states.at(-1), { state: "stopped", code: 4101, reason: "TOKEN_MISSING" });
  const realtime = new Realtime("ws://server.test");
  assert.equal(realtime.state, "offline");
});
