/** Tabs that share a connection: each has what it would have on a socket of its own. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeClient, settle } from "./fakes.js";
import { Tabs } from "./tabs.js";

/** Return two tabs of which the first is in room 1, and the server's end of their socket. */
async function open() {
  const tabs = new Tabs();
  const clients = [1, 2].map(() => makeClient({ WebSocket: tabs.WebSocket }));
  const first = clients[0].realtime.join("project", 1);
  await pass();
  const [socket] = tabs.sockets;
  socket.accept();
  await pass();
  socket.admit();
  await first.ready;
  return { tabs, clients, first, socket };
}

/** Let all messages between tabs arrive. */
async function pass() {
  for (let step = 0; step < 10; step += 1) await settle();
}

/** Connect the second tab. */
async function connect({ clients }, key = 1, options = {}) {
  const room = clients[1].realtime.join("project", key, options);
  await pass();
  return room;
}

test("a room is joined once, and a second tab has what the first was told", async () => {
  const opened = await open();
  const { socket, first, tabs } = opened;
  socket.update(11, { title: "New" });
  socket.receive({ type: "user_joined", payload: { project_id: 1, user_id: 2, username: "bob" } });
  const second = await connect(opened);
  await second.ready;
  assert.equal(tabs.sockets.length, 1);
  assert.equal(socket.all("join_project").length, 1);
  assert.deepEqual(second.state, first.state);
  assert.equal(second.state.title, "New");
  assert.deepEqual([second.seq, second.role], [11, "editor"]);
  assert.deepEqual(second.members.map(({ username }) => username), ["alice", "bob"]);
});

test("an answer goes to the tab that asked, an event to both, once", async () => {
  const opened = await open();
  const { socket, first } = opened;
  const second = await connect(opened);
  const told = [];
  [first, second].forEach((room) => room.on("project_updated", (_, { seq }) => told.push(seq)));
  const saved = [first.update({ title: "A" }), second.update({ status: "active" })];
  await pass();
  const updates = socket.all("update_project");
  assert.equal(new Set(updates.map(({ ref }) => ref)).size, 2);
  updates.forEach((update, index) => {
    socket.ack(update, { seq: 11 + index, changes: update.payload.data, duplicate: false });
    socket.update(11 + index, update.payload.data, "1");
  });
  assert.deepEqual((await Promise.all(saved)).map(({ seq }) => seq), [11, 12]);
  await pass();
  assert.deepEqual(told.sort(), [11, 11, 12, 12]);
  assert.deepEqual([first.pending, second.pending], [0, 0]);
});

test("a tab that comes back gets what it missed, and all of it", async () => {
  const opened = await open();
  const { socket, tabs, clients, first } = opened;
  const room = await connect(opened);
  const told = [];
  room.on("snapshot", () => told.push("snapshot"));
  room.on("project_updated", (_, { seq }) => told.push(seq));
  const cut = async () => {
    tabs.branches.at(-1).onclose({ code: 1006 });
    await pass();
  };
  await cut();
  socket.update(11, { title: "Missed" });
  await clients[1].timers.advance(20_000);
  await pass();
  assert.deepEqual(told, [11]);
  await cut();
  for (let seq = 12; seq < 312; seq += 1) socket.update(seq, { title: `${seq}` });
  await clients[1].timers.advance(20_000);
  await pass();
  // That much is not kept here: the server is asked, and whoever is in the room goes on in it.
  assert.equal(socket.last("join_project").payload.since, 11);
  const members = [{ user_id: 1, username: "alice" }, { user_id: 2, username: "bob" }];
  socket.admit({ seq: 312, recovered: true, members, project: { title: "312" } });
  for (let seq = 12; seq <= 312; seq += 1) socket.update(seq, { title: `${seq}` });
  await pass();
  assert.deepEqual(told, Array.from({ length: 302 }, (_, index) => 11 + index));
  for (const one of [room, first]) {
    assert.deepEqual([one.seq, one.state.title, one.members.length], [312, "312", 2]);
  }
});

test("while a replay arrives, a second tab waits", async () => {
  const opened = await open();
  const { tabs, clients } = opened;
  opened.socket.drop();
  await clients[0].timers.advance(20_000);
  await pass();
  const socket = tabs.sockets.at(-1);
  socket.accept();
  await pass();
  const room = await connect(opened);
  socket.admit({ seq: 12, recovered: true, project: { title: "Twelve" } });
  socket.update(11, { title: "Eleven" });
  await pass();
  assert.equal(room.state, null);
  socket.update(12, { title: "Twelve" });
  await pass();
  assert.deepEqual([room.seq, room.state.title], [12, "Twelve"]);
  assert.equal(opened.first.state.title, "Twelve");
  assert.equal(socket.all("join_project").length, 1);
});

test("a room is left with the last tab, and the socket closed with the last client", async () => {
  const opened = await open();
  const { socket, clients, first } = opened;
  const second = await connect(opened);
  const leave = async (room, { timers }) => {
    const left = room.leave();
    await timers.advance(1_000);
    await left;
    await pass();
  };
  await leave(first, clients[0]);
  assert.equal(socket.all("leave_project").length, 0);
  socket.update(11, { title: "For the second" });
  await pass();
  assert.equal(second.state.title, "For the second");
  assert.equal(first.state.title, "Old");
  const other = await connect(opened, 2);
  clients[0].realtime.close();
  await leave(second, clients[1]);
  assert.equal(socket.all("leave_project").length, 1);
  clients[1].realtime.close();
  await pass();
  assert.ok(socket.isClosed);
  assert.ok(other.ended);
});

test("a refused join is the second tab's own to try", async () => {
  const tabs = new Tabs();
  const clients = [1, 2].map(() => makeClient({ WebSocket: tabs.WebSocket }));
  const rooms = clients.map(({ realtime }) => realtime.join("project", 1));
  await pass();
  const [socket] = tabs.sockets;
  socket.accept();
  await pass();
  socket.fail(socket.last("join_project"), "PROJECT_NOT_FOUND");
  await pass();
  await assert.rejects(rooms[0].ready, { code: "PROJECT_NOT_FOUND" });
  socket.admit();
  await pass();
  await rooms[1].ready;
  socket.receive({ type: "access_revoked", payload: { project_id: 1 } });
  await pass();
  assert.equal(rooms[1].ended.code, "ACCESS_REVOKED");
});

test("signals and presence of one tab are shown to the other, as those of another socket", async () => {
  const opened = await open();
  const { socket, first, clients } = opened;
  const second = await connect(opened, 1, { presence: {} });
  const heard = [];
  [first, second].forEach((room, index) => room.on("signal", ({ data }) => heard.push([index, data.x])));
  first.signal({ x: 1 });
  await clients[0].timers.advance(1_000);
  await pass();
  assert.deepEqual(heard, [[1, 1]]);
  const bob = { project_id: 1, user_id: 2, username: "bob" };
  socket.receive({ type: "user_joined", payload: bob });
  socket.receive({ type: "presence", payload: { project_id: 1, user_id: 2, data: { at: 3 } } });
  await pass();
  assert.deepEqual(second.members.at(-1).presence, { at: 3 });
  assert.equal(first.members.at(-1).presence, undefined);
  assert.deepEqual(socket.last("join_project").payload.presence, {});
});

test("one fresh token serves all tabs", async () => {
  const opened = await open();
  await connect(opened);
  opened.socket.receive({ type: "token_expiring", payload: { expires_in: 60 } });
  await pass();
  assert.equal(opened.socket.all("authenticate").length, 1);
});

test("where nobody knows whose command was refused, the tabs share no longer", async () => {
  const opened = await open();
  const { socket, tabs, first } = opened;
  const second = await connect(opened);
  const saved = [first.update({ title: "A" }), second.update({ title: "B" })];
  await pass();
  socket.receive({ type: "error", payload: { code: "INVALID_MESSAGE", message: "" } });
  await pass();
  assert.deepEqual(tabs.branches.map(({ isAlone }) => isAlone), [true, true]);
  assert.deepEqual([first.pending, second.pending], [1, 1]);
  saved.forEach((promise) => promise.catch(() => {}));
});

test("a gap in what the server tells breaks the connections", async () => {
  const opened = await open();
  await connect(opened);
  opened.socket.update(13, {});
  await pass();
  assert.ok(opened.socket.isClosed);
  assert.deepEqual(opened.clients.map(({ realtime }) => realtime.state), ["offline", "offline"]);
});

test("the server's close is every tab's", async () => {
  const opened = await open();
  const second = await connect(opened);
  opened.socket.receive({ type: "error", payload: { code: "DISCONNECTED", message: "" } });
  opened.socket.drop(4005);
  await pass();
  for (const room of [opened.first, second]) assert.equal(room.ended.code, "DISCONNECTED");
});
