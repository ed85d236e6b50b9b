/** Against the real server, over a network that loses, delays and resets. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import WebSocket from "ws";

import { Realtime } from "../src/index.js";
import { seeded } from "./fakes.js";
import { Proxy } from "./proxy.js";
import { Stack } from "./stack.js";

let stack;
let projectId;
const cleanUp = [];

before(async () => {
  stack = await Stack.start();
  projectId = await stack.newProject();
});
after(async () => {
  for (const end of cleanUp.reverse()) {
    await end();
  }
  await stack?.stop();
});

function connect(username, { url = stack.websocketUrl, ...options } = {}) {
  const token = () => stack.token(username);
  const realtime = new Realtime(url, { token, WebSocket, ...options });
  cleanUp.push(() => realtime.close());
  return realtime;
}

/** Wait until a room shows what is wanted. */
async function until(room, condition) {
  while (!condition(room)) {
    await new Promise((resolve) => {
      const stop = room.on("change", () => (stop(), resolve()));
    });
  }
}

test("two people see each other, and what the other does", async () => {
  const alice = connect("alice").join("project", projectId);
  const bob = connect("bob").join("project", projectId);
  await Promise.all([alice.ready, bob.ready]);
  await until(alice, ({ members }) => members.length === 2);
  assert.equal(alice.role, "owner");
  assert.equal(bob.role, "editor");
  const { seq, changes } = await alice.update({ title: "Ours", content: { a: { b: 1 } } });
  assert.deepEqual(changes, { title: "Ours", content: { a: { b: 1 } } });
  await until(bob, (room) => room.seq === seq);
  assert.deepEqual(bob.state, alice.state);
  const signal = new Promise((resolve) => void bob.on("signal", resolve));
  alice.signal({ cursor: [1, 2] });
  assert.deepEqual(await signal, { project_id: projectId, user_id: alice.me, data: { cursor: [1, 2] } });
  await bob.leave();
  await until(alice, ({ members }) => members.length === 1);
});

test("presence is there for who comes later, and who does not ask hears nothing of it", async () => {
  const alice = connect("alice").join("project", projectId, { presence: { color: "red" } });
  const carol = connect("carol").join("project", projectId);
  const heard = [];
  carol.on("presence", (payload) => heard.push(payload));
  await Promise.all([alice.ready, carol.ready]);
  for (let x = 0; x <= 100; x += 1) {
    alice.setPresence({ cursor: { x } });
  }
  const bob = connect("bob").join("project", projectId, { presence: {} });
  const of = (room, user) => room.members.find(({ user_id }) => user_id === user)?.presence;
  await bob.ready;
  await until(bob, () => of(bob, alice.me)?.cursor?.x === 100);
  assert.deepEqual(of(bob, alice.me), { color: "red", cursor: { x: 100 } });
  bob.setPresence({ typing: true });
  await until(alice, () => of(alice, bob.me)?.typing);
  await Promise.all([bob.leave(), alice.leave()]);
  assert.deepEqual(heard, []);
  void carol.leave();
});

test("what the server refuses is rolled back", async () => {
  const alice = connect("alice").join("project", projectId);
  const carol = connect("carol").join("project", projectId);
  await Promise.all([alice.ready, carol.ready]);
  const { title } = alice.state;
  await assert.rejects(carol.update({ title: "Mine" }), { code: "FORBIDDEN" });
  await assert.rejects(alice.update({ title: "" }), { code: "VALIDATION_ERROR" });
  assert.deepEqual([alice.state.title, carol.state.title], [title, title]);
  const base = alice.seq;
  await alice.update({ status: "active" });
  await assert.rejects(alice.update({ content: { x: "y".repeat(65_500) } }), { code: "MESSAGE_TOO_LARGE" });
  await alice.update({ status: "completed" }, { baseSeq: base });
  const other = connect("alice").join("project", projectId);
  await other.ready;
  await assert.rejects(other.update({ status: "draft" }, { baseSeq: base }), {
    code: "CONFLICT",
    details: { seq: base + 2, current: { status: "completed" } },
  });
  const stranger = connect("dave").join("project", projectId);
  await assert.rejects(stranger.ready, { code: "PROJECT_NOT_FOUND" });
});

test("a refused token is replaced at once", async () => {
  const reasons = [];
  const token = ({ reason }) => (reasons.push(reason), reason ? stack.token("alice") : "no-token");
  const room = connect("alice", { token }).join("project", projectId);
  await room.ready;
  assert.deepEqual(reasons, [undefined, "TOKEN_INVALID"]);
});

test("what one user made offline is never saved as another's", async () => {
  const users = ["alice"];
  const project = await stack.newProject();
  const proxy = new Proxy(stack.port);
  await proxy.start();
  cleanUp.push(() => proxy.stop());
  const realtime = connect("", { url: proxy.url, token: () => stack.token(users.at(-1)) });
  const room = realtime.join("project", project);
  const observer = connect("carol").join("project", project);
  await Promise.all([room.ready, observer.ready]);
  const saved = new Promise((resolve) => void observer.on("project_updated", resolve));
  proxy.mutesReplies = true;
  const updates = [room.update({ title: "Sent, and the ack is lost" })];
  await saved;
  users.push("bob");
  proxy.isDown = true;
  proxy.cut();
  updates.push(room.update({ title: "Made offline" }), room.update({ status: "active" }));
  Object.assign(proxy, { isDown: false, mutesReplies: false });
  realtime.retryNow();
  const outcomes = await Promise.allSettled(updates);
  assert.deepEqual(outcomes.map(({ reason }) => reason?.code), Array(3).fill("USER_CHANGED"));

  const again = realtime.join("project", project);
  await again.ready;
  assert.notEqual(again.me, room.me);
  await again.update({ description: "Bob's own" });
  const { events } = await stack.api("GET", `projects/${project}/events/`);
  const told = events.filter(({ type }) => type === "project_updated");
  assert.deepEqual(told.map(({ user, payload }) => [user.username, payload.changes]), [
    ["alice", { title: "Sent, and the ack is lost" }],
    ["bob", { description: "Bob's own" }],
  ]);
});

test("a room that is larger than the WebSocket takes is told", async () => {
  class Small extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { maxPayload: 4096 });
    }
  }
  const project = await stack.newProject();
  await stack.api("PATCH", `projects/${project}/`, { description: "x".repeat(9000) });
  const realtime = connect("alice", { WebSocket: Small });
  await assert.rejects(realtime.join("project", project).ready, { code: "MESSAGE_TOO_LARGE" });
  assert.equal(realtime.state, "stopped");
});

test("the token may stand in the query, or be a ticket", async () => {
  await connect("alice", { credential: "query" }).join("project", projectId).ready;
  const token = async () => {
    const { ticket } = await stack.call("POST", "ws-ticket/", {}, await stack.token("alice"));
    return ticket;
  };
  await connect("alice", { credential: "ticket", token }).join("project", projectId).ready;
});

test("a member who is put out hears so", async () => {
  const room = connect("bob").join("project", await stack.newProject());
  await room.ready;
  const revoked = new Promise((resolve) => void room.on("access_revoked", resolve));
  await stack.api("DELETE", `projects/${room.key}/members/${room.me}/`);
  assert.deepEqual(await revoked, { project_id: room.key });
  assert.equal(room.ended.code, "ACCESS_REVOKED");
});

test("edits over a network that cuts, resets, delays and goes silent happen once each", async () => {
  const random = seeded(Number(process.env.SEED ?? 1));
  const project = await stack.newProject();
  const observer = connect("alice").join("project", project);
  await observer.ready;
  const seen = [];
  observer.on("project_updated", ({ changes }, { seq }) => seen.push({ seq, changes }));

  const proxies = [new Proxy(stack.port), new Proxy(stack.port)];
  const rooms = [];
  for (const [index, proxy] of proxies.entries()) {
    await proxy.start();
    cleanUp.push(() => proxy.stop());
    const quick = { pingInterval: 1000, pongTimeout: 1000, connectTimeout: 3000 };
    const room = connect(["alice", "bob"][index], { url: proxy.url, ...quick }).join("project", project);
    await room.ready;
    rooms.push(room);
  }
  for (const room of rooms) {
    let last = room.seq;
    room.on("project_updated", (_, { seq }) => assert.equal(seq, ++last, "neither a gap nor a repetition"));
  }

  const updates = [];
  for (let step = 0; step < 60; step += 1) {
    for (const [index, room] of rooms.entries()) {
      updates.push(room.update({ title: `${index} ${step}`, content: { [`${index} ${step}`]: step } }));
    }
    const proxy = proxies[step % 2];
    if (random() < 0.15) {
      proxy[random() < 0.5 ? "cut" : "reset"]();
    }
    proxy.delay = random() < 0.5 ? 0 : random() * 80;
    proxy.isSilent = step > 20 && step < 30 && step % 2 === 0;
    // The pace of somebody who types, not a time to wait for something.
    await sleep(random() * 80);
  }
  proxies.forEach((proxy) => Object.assign(proxy, { delay: 0, isSilent: false }));

  const acks = await Promise.all(updates);
  assert.equal(new Set(acks.map(({ seq }) => seq)).size, updates.length, "each at a place of its own");
  const newest = Math.max(...acks.map(({ seq }) => seq));
  await Promise.all([observer, ...rooms].map((room) => until(room, ({ seq }) => seq === newest)));
  assert.equal(seen.length, updates.length, "each happened once");
  rooms.forEach((room) => assert.deepEqual(room.state, observer.state));
  assert.equal(Object.keys(observer.state.content).length, updates.length);
  const fresh = connect("alice").join("project", project);
  await fresh.ready;
  assert.deepEqual(fresh.state, observer.state);
});
