/** Rooms of several kinds on one socket: each speaks the original page with its own noun. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { joinAck, makeClient } from "./fakes.js";

const KEY = "8c5b3c2e-0000-4000-8000-000000000001";
const { project, ...ack } = joinAck;

async function joinBoard(client, more = {}) {
  const room = client.realtime.join("board", KEY);
  const socket = await client.socket();
  if (client.realtime.state !== "online") {
    socket.accept();
  }
  socket.ack(socket.last("join_board"), { ...ack, board: { text: "Old" }, ...more });
  await room.ready;
  return { room, socket };
}

test("a board is joined, updated, told of and left with its own noun", async () => {
  const client = makeClient({ leaveDelay: 0 });
  const { room, socket } = await joinBoard(client);
  assert.deepEqual([room.kind, room.key, room.state], ["board", KEY, { text: "Old" }]);
  assert.deepEqual(socket.last("join_board").payload, { board_id: KEY });
  const update = room.update({ text: "New" });
  assert.deepEqual(socket.last("update_board").payload, { board_id: KEY, data: { text: "New" } });
  socket.ack(socket.last("update_board"), { seq: 11, changes: { text: "New" }, duplicate: false });
  await update;
  const told = [];
  room.on("board_updated", ({ changes }) => told.push(changes));
  const payload = { board_id: KEY, changes: { text: "New" }, updated_by: "1" };
  socket.receive({ type: "board_updated", seq: 11, payload });
  assert.deepEqual([told, room.seq, room.state], [[{ text: "New" }], 11, { text: "New" }]);
  room.signal({ cursor: 1 });
  assert.deepEqual(socket.last("send_signal").payload, { board_id: KEY, data: { cursor: 1 } });
  const leaving = room.leave();
  await client.timers.advance(1);
  await leaving;
  assert.deepEqual(socket.last("leave_board").payload, { board_id: KEY });
});

test("rooms of two kinds that have one key are two rooms", async () => {
  const client = makeClient();
  const { room: first, socket } = await client.join();
  const second = client.realtime.join("board", 1);
  socket.ack(socket.last("join_board"), { ...ack, board: {} });
  await second.ready;
  socket.update(11, { title: "New" });
  assert.deepEqual([first.seq, second.seq], [11, 10]);
  socket.receive({ type: "task_progress", board_id: 1, payload: { task_id: "t", progress: 5, message: "" } });
  assert.deepEqual([first.tasks.length, second.tasks.length], [0, 1]);
});

test("the envelope says whose an event is where its payload names objects of two kinds", async () => {
  const client = makeClient();
  const { room: project, socket } = await client.join();
  const { room: board } = await joinBoard(client);
  const message = { type: "card_added", seq: 11, board_id: KEY, payload: { board_id: KEY, project_id: 1 } };
  socket.receive(message);
  assert.deepEqual([project.seq, board.seq], [10, 11]);
  void board.leave();
  await client.timers.advance(1000);
  socket.receive({ ...message, seq: 11 });
  assert.equal(project.seq, 10);
});

for (const [title, tell] of [
  ["denied", (socket) => socket.fail(socket.last("join_board"), "BOARD_NOT_FOUND")],
  ["taken", (socket) => socket.receive({ type: "access_revoked", payload: { board_id: KEY } })],
]) {
  test(`access to a board is ${title}: the room ends and says so`, async () => {
    const client = makeClient();
    const { room } = await joinBoard(client);
    const revoked = [];
    room.on("access_revoked", (payload) => revoked.push(payload));
    const next = await client.reconnect();
    tell(next);
    assert.deepEqual(revoked, [{ board_id: KEY }]);
    assert.match(room.ended.code, /ACCESS_REVOKED|BOARD_NOT_FOUND/);
  });
}

test("a command of the host's own waits its turn, and is sent until it has its answer", async () => {
  const client = makeClient();
  const { room, socket } = await joinBoard(client);
  const update = room.update({ text: "New" });
  const move = room.command("move_card", { card_id: 7, board_id: "another" });
  void room.update({ color: "red" });
  const types = () => socket.sent.map((message) => message.type).filter((type) => /_board|_card/.test(type));
  assert.deepEqual(types(), ["join_board", "update_board"]);
  socket.ack(socket.last("update_board"), { seq: 11, changes: { text: "New" }, duplicate: false });
  await update;
  socket.receive({ type: "board_updated", seq: 11, payload: { board_id: KEY, changes: { text: "New" }, updated_by: "1" } });
  const lost = socket.last("move_card");
  assert.deepEqual(lost.payload, { card_id: 7, board_id: KEY });
  assert.equal(room.pending, 2);
  assert.deepEqual(room.state, { text: "New", color: "red" }, "nobody knows what it changes");
  assert.deepEqual(types(), ["join_board", "update_board", "move_card"]);
  const next = await client.reconnect();
  next.ack(next.last("join_board"), { ...ack, seq: 11, recovered: true, board: {} });
  const again = next.last("move_card");
  assert.deepEqual([again.payload, again.idempotency_key], [lost.payload, lost.idempotency_key]);
  next.ack(again, { seq: 12, changes: { cards: {} }, duplicate: true });
  assert.deepEqual(await move, { seq: 12, changes: { cards: {} }, duplicate: true });
  assert.deepEqual(next.last("update_board").payload.data, { color: "red" });
  const refused = room.command("archive");
  next.ack(next.last("update_board"), { seq: 13, changes: {}, duplicate: false });
  next.fail(next.last("archive"), "FORBIDDEN");
  await assert.rejects(refused, { code: "FORBIDDEN" });
  for (const name of ["join_board", "update_board", "ping", "send_signal", "", null]) {
    assert.throws(() => room.command(name), { name: "TypeError", message: /no command of a board's own/ });
  }
});
