import assert from "node:assert/strict";
import { test } from "node:test";

import { example, joinAck, makeClient, settle } from "./fakes.js";

/** Return what a message has in common with the original page's: all but what the client adds. */
function original({ type, payload }) {
  return { type, payload };
}

test("what it sends is what the original page shows", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 123);
  const socket = await client.socket();
  socket.accept();
  assert.deepEqual(original(socket.last("join_project")), example("join_project"));
  socket.admit();
  void room.update(example("update_project").payload.data);
  const update = socket.last("update_project");
  assert.deepEqual(original(update), example("update_project"));
  socket.ack(update, { seq: 10, changes: {}, duplicate: false });
  void room.leave();
  await client.timers.advance(500);
  assert.deepEqual(original(socket.last("leave_project")), example("leave_project"));
});

test("the first join: ready, snapshot, change", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const told = [];
  room.on("snapshot", (state) => told.push(["snapshot", state.title]));
  room.on("change", () => told.push(["change", room.joined]));
  assert.equal(room.state, null);
  const socket = await client.socket();
  socket.accept();
  socket.admit();
  assert.equal(await room.ready, room);
  assert.deepEqual(told, [["snapshot", "Old"], ["change", true], ["change", true]]);
  assert.deepEqual([room.role, room.seq, room.me], ["editor", 10, 1]);
  assert.deepEqual(room.members, [{ user_id: 1, username: "alice" }]);
});

test("each message is told as (payload, message), once the state has it", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const told = [];
  const stop = room.on("project_updated", ({ changes }, { seq }) => told.push([changes, seq, room.state.title]));
  socket.update(11, { title: "New" });
  assert.deepEqual(told, [[{ title: "New" }, 11, "New"]]);
  stop();
  socket.update(12, { title: "Newer" });
  assert.equal(told.length, 1);
});

test("for await: each message and snapshot from then on, until the room is left", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const told = [];
  const messages = room[Symbol.asyncIterator]();
  socket.update(11, { title: "a" });
  socket.receive({ type: "card_added", seq: 12, project_id: 1, payload: { id: 3 } });
  const reading = (async () => {
    for await (const { type, seq } of messages) {
      told.push([type, seq]);
    }
    return "done";
  })();
  const next = await client.reconnect();
  next.admit({ seq: 20 });
  void room.leave();
  assert.equal(await reading, "done");
  assert.deepEqual(told, [["project_updated", 11], ["card_added", 12], ["snapshot", 20], ["user_joined", undefined]]);
});

test("for await throws what ended the room, and where nobody takes the messages", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const revoked = (async () => { for await (const _ of room); })();
  const full = room[Symbol.asyncIterator]();
  for (let seq = 11; seq < 10_020; seq += 1) {
    socket.update(seq, {});
  }
  await assert.rejects(full.next(), { code: "OVERRUN" });
  assert.deepEqual(await full.next(), { done: true, value: undefined });
  socket.receive({ type: "access_revoked", payload: { project_id: 1 } });
  await assert.rejects(revoked, { code: "OVERRUN" });
});

test("for await ends with close(), and throws where access was taken", async () => {
  for (const end of ["close", "revoke"]) {
    const client = makeClient();
    const { room, socket } = await client.join();
    const reading = (async () => { for await (const _ of room); })();
    await settle();
    if (end === "close") {
      client.realtime.close();
      assert.equal(await reading, undefined);
    } else {
      socket.receive({ type: "access_revoked", payload: { project_id: 1 } });
      await assert.rejects(reading, { code: "ACCESS_REVOKED" });
    }
  }
});

test("a listener that throws is reported, and stops nobody", async (context) => {
  const reported = [];
  context.mock.method(console, "error", (error) => reported.push(error.message));
  const { room, socket } = await makeClient().join();
  let title = "";
  room.on("project_updated", () => { throw new Error("a bug of the page"); });
  room.on("project_updated", ({ changes }) => (title = changes.title));
  socket.update(11, { title: "New" });
  assert.equal(title, "New");
  assert.deepEqual(reported, ["a bug of the page"]);
});

test("messages of other rooms do not touch it", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  socket.receive({ type: "user_left", payload: { project_id: 2, user_id: 1 } });
  socket.receive({ type: "task_progress", project_id: 2, payload: { task_id: "t", progress: 1, message: "" } });
  assert.equal(room.members.length, 1);
  assert.equal(room.tasks.length, 0);
});

// --- joining

test("a project that is not to be seen ends the room; nobody need have waited for it", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  const update = room.update({ title: "x" });
  socket.fail(socket.last("join_project"), "PROJECT_NOT_FOUND");
  await assert.rejects(room.ready, { name: "RealtimeError", code: "PROJECT_NOT_FOUND" });
  await assert.rejects(update, { code: "PROJECT_NOT_FOUND" });
  assert.equal(room.ended.code, "PROJECT_NOT_FOUND");
  assert.notEqual(client.realtime.join("project", 1), room);
});

test("a join that may succeed later is tried again", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  socket.fail(socket.last("join_project"), "RATE_LIMITED", { retry_after: 3 });
  await client.timers.advance(3000);
  socket.fail(socket.last("join_project"), "UNAVAILABLE");
  await client.timers.advance(750);
  assert.equal(socket.all("join_project").length, 3);
  socket.admit();
  assert.ok(room.joined);
});

test("a fault of the server is tried again a few times, and then told", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  for (const wait of [750, 1000, 100_000]) {
    socket.fail(socket.last("join_project"), "INTERNAL_ERROR");
    await client.timers.advance(wait);
  }
  assert.equal(socket.all("join_project").length, 3);
  await assert.rejects(room.ready, { code: "INTERNAL_ERROR" });
});

test("after a reconnection it joins from where it was, and repeats no event", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const seqs = [];
  room.on("project_updated", (_, { seq }) => seqs.push(seq));
  socket.update(11, { title: "a" });
  const next = await client.reconnect();
  assert.equal(room.joined, false);
  assert.equal(next.last("join_project").payload.since, 11);
  next.admit({ seq: 13, recovered: true, project: { title: "ignored" } });
  assert.equal(room.state.title, "a");
  for (const seq of [11, 12, 12, 13]) {
    next.update(seq, { title: String(seq) });
  }
  assert.deepEqual(seqs, [11, 12, 13]);
  assert.equal(room.state.title, "13");
});

test("recovered: false gives a snapshot", async () => {
  const client = makeClient();
  const { room } = await client.join();
  const told = [];
  room.on("snapshot", ({ title }) => told.push(title));
  const next = await client.reconnect();
  next.admit({ seq: 5000, project: { id: 1, title: "Anew" } });
  assert.deepEqual(told, ["Anew"]);
  assert.equal(room.seq, 5000);
});

test("a gap is never shown: what is missing is asked for, once", async () => {
  const { room, socket } = await makeClient().join();
  const seqs = [];
  room.on("project_updated", (_, { seq }) => seqs.push(seq));
  socket.update(12, { title: "12" });
  socket.update(13, { title: "13" });
  assert.equal(socket.all("join_project").length, 2);
  assert.equal(socket.last("join_project").payload.since, 10);
  socket.admit({ seq: 13, recovered: true });
  [11, 12, 13].forEach((seq) => socket.update(seq, { title: String(seq) }));
  assert.deepEqual(seqs, [11, 12, 13]);
});

test("access_revoked ends the room, and its updates", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const told = [];
  room.on("access_revoked", (payload) => told.push(payload));
  const update = room.update({ title: "x" });
  socket.receive({ type: "access_revoked", payload: { project_id: 1 } });
  await assert.rejects(update, { code: "ACCESS_REVOKED" });
  await assert.rejects(room.update({ title: "x" }), { code: "ACCESS_REVOKED" });
  assert.deepEqual(told, [{ project_id: 1 }]);
  assert.equal(room.joined, false);
});

test("access that was taken away while offline ends it the same way", async () => {
  const client = makeClient();
  const { room } = await client.join();
  const told = [];
  room.on("access_revoked", (payload) => told.push(payload));
  const next = await client.reconnect();
  next.fail(next.last("join_project"), "PROJECT_NOT_FOUND");
  assert.deepEqual(told, [{ project_id: 1 }]);
  assert.equal(room.ended.code, "PROJECT_NOT_FOUND");
});

// --- updates

test("an update shows at once, and stays when it is confirmed, ack or event first", async () => {
  for (const isAckFirst of [true, false]) {
    const { room, socket } = await makeClient().join();
    const update = room.update({ title: "Mine" });
    assert.equal(room.state.title, "Mine");
    assert.equal(room.pending, 1);
    const steps = [
      () => socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "Mine" }, duplicate: false }),
      () => socket.update(11, { title: "Mine" }, "1"),
    ];
    for (const step of isAckFirst ? steps : steps.reverse()) {
      step();
      assert.equal(room.state.title, "Mine");
    }
    assert.deepEqual(await update, { seq: 11, changes: { title: "Mine" }, duplicate: false });
    socket.update(12, { title: "Theirs" });
    assert.equal(room.state.title, "Theirs");
    assert.equal(room.pending, 0);
  }
});

test("pending updates lie over what others do, and go when they are refused", async () => {
  const { room, socket } = await makeClient().join();
  const update = room.update({ title: "", content: { mine: 1 } });
  socket.update(11, { title: "Theirs", content: { theirs: 2 } });
  assert.deepEqual([room.state.title, room.state.content], ["", { mine: 1, theirs: 2 }]);
  socket.fail(socket.last("update_project"), "VALIDATION_ERROR", { details: { title: ["Blank."] } });
  await assert.rejects(update, { code: "VALIDATION_ERROR", details: { title: ["Blank."] } });
  assert.deepEqual([room.state.title, room.state.content], ["Theirs", { theirs: 2 }]);
});

test("optimistic: false waits for the event", async () => {
  const { room, socket } = await makeClient().join();
  void room.update({ title: "Mine" }, { optimistic: false });
  assert.equal(room.state.title, "Old");
  socket.update(11, { title: "Mine" }, "1");
  assert.equal(room.state.title, "Mine");
});

test("the state is the same object until something changes", async () => {
  const { room, socket } = await makeClient().join();
  void room.update({ content: { a: 1 } });
  const { state, members } = room;
  socket.receive({ type: "signal", payload: { project_id: 1, user_id: 2, data: {} } });
  assert.equal(room.state, state);
  assert.equal(room.members, members);
  socket.update(11, { title: "x" });
  assert.notEqual(room.state, state);
});

test("what it shows is frozen, down to the leaves", async () => {
  const { room, socket } = await makeClient().join({ tasks: [{ task_id: "t", task_type: "x", progress: 1, message: "" }] });
  const frozen = () => {
    assert.throws(() => (room.state.title = "x"), TypeError);
    assert.throws(() => (room.state.content.list = []), TypeError);
    assert.throws(() => room.members.push({}), TypeError);
    assert.throws(() => (room.members[0].username = "x"), TypeError);
    assert.throws(() => (room.tasks[0].progress = 2), TypeError);
  };
  frozen();
  void room.update({ content: { list: [{ a: 1 }] } });
  frozen();
  assert.throws(() => (room.state.content.list[0].a = 2), TypeError);
  socket.update(11, { content: { other: [{ b: 1 }] } });
  frozen();
  assert.throws(() => room.state.content.other.push(1), TypeError);
});

test("a signal leaves the room, and only for the one whom it is for", async () => {
  const client = makeClient({ leaveDelay: 0 });
  const { room, socket } = await client.join();
  const leave = new AbortController();
  const other = client.realtime.join("project", 1, { signal: leave.signal });
  leave.abort();
  await client.timers.advance(0);
  assert.equal(other.ended.code, "LEFT");
  assert.ok(room.joined);
  assert.equal(socket.all("leave_project").length, 0);
  assert.throws(() => client.realtime.join("project", 2, { signal: leave.signal }), { name: "AbortError" });
});

test("what the caller does to the data afterwards changes nothing", async () => {
  const { room, socket } = await makeClient().join();
  const data = { content: { list: [1] } };
  void room.update(data);
  data.content.list.push(2);
  assert.deepEqual(room.state.content, { list: [1] });
  assert.deepEqual(socket.last("update_project").payload.data, { content: { list: [1] } });
});

test("an update without an answer is sent again with its key, in order, after a reconnection", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const updates = [room.update({ title: "a" }), room.update({ status: "active" })];
  const keys = socket.all("update_project").map((message) => message.idempotency_key);
  assert.equal(new Set(keys).size, 2);
  const next = await client.reconnect();
  assert.equal(next.all("update_project").length, 0, "not before the join");
  next.admit({ recovered: true });
  const again = next.all("update_project");
  assert.deepEqual(again.map((message) => message.idempotency_key), keys);
  next.ack(again[0], { seq: 11, changes: { title: "a" }, duplicate: true });
  next.ack(again[1], { seq: 12, changes: { status: "active" }, duplicate: false });
  assert.deepEqual((await Promise.all(updates)).map(({ duplicate }) => duplicate), [true, false]);
});

test("no answer in time is no failure: the connection is given up, and the update sent again", async () => {
  const client = makeClient({ pingInterval: 60_000 });
  const { room, socket } = await client.join();
  void room.update({ title: "a" });
  await client.timers.advance(20_000);
  assert.equal(client.states.at(-1).reason, "REPLY_TIMEOUT");
  assert.ok(socket.isClosed);
  assert.equal(room.state.title, "a");
  await client.timers.advance(750);
  const next = await client.socket();
  next.accept();
  next.admit({ recovered: true });
  assert.equal(next.last("update_project").idempotency_key, socket.last("update_project").idempotency_key);
});

test("one that changes what an earlier one changes waits for it; others do not", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  void room.update({ title: "a" });
  void room.update({ title: "b" });
  void room.update({ content: { x: 1 } });
  void room.update({ content: { y: 1 } });
  const sent = () => socket.all("update_project").map(({ payload }) => payload.data);
  assert.deepEqual(sent(), [{ title: "a" }, { content: { x: 1 } }, { content: { y: 1 } }]);
  assert.equal(room.state.title, "b");
  const [first] = socket.all("update_project");
  socket.fail(first, "RATE_LIMITED", { retry_after: 2 });
  assert.equal(sent().length, 3);
  await client.timers.advance(2000);
  assert.deepEqual(sent().at(-1), { title: "a" });
  socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "a" }, duplicate: false });
  assert.deepEqual(sent().at(-1), { title: "b" });
});

test("a full queue refuses, offline too", async () => {
  const client = makeClient({ queueLimit: 2 });
  const { room, socket } = await client.join();
  socket.drop();
  const waiting = [room.update({ title: "a" }), room.update({ title: "b" })];
  await assert.rejects(room.update({ title: "c" }), { code: "QUEUE_FULL" });
  assert.equal(room.state.title, "b");
  client.realtime.close();
  const outcomes = await Promise.allSettled(waiting);
  assert.deepEqual(outcomes.map(({ reason }) => reason.code), ["CLOSED", "CLOSED"]);
});

test("no more than 32 commands are under way at once", async () => {
  const { room, socket } = await makeClient().join();
  for (let key = 0; key < 50; key += 1) {
    void room.update({ content: { [key]: 1 } });
  }
  assert.equal(socket.all("update_project").length, 32);
  socket.ack(socket.all("update_project")[0], { seq: 11, changes: { content: { 0: 1 } }, duplicate: false });
  assert.equal(socket.all("update_project").length, 33);
});

test("data that JSON cannot carry is refused before it shows", async () => {
  const { room } = await makeClient().join();
  await assert.rejects(room.update({ title: NaN }), { code: "INVALID_DATA" });
  await assert.rejects(room.update({ content: { a: "x".repeat(70_000) } }), { code: "MESSAGE_TOO_LARGE" });
  assert.throws(() => room.signal([1]), { code: "INVALID_DATA" });
  assert.equal(room.state.title, "Old");
});

test("where the server takes less, the largest update is the one that was too large", async () => {
  const { room, socket } = await makeClient().join();
  void room.update({ title: "small" });
  const large = room.update({ content: { a: "x".repeat(5000) } });
  socket.receive({ type: "error", payload: { code: "MESSAGE_TOO_LARGE", message: "4 KiB at most" } });
  await assert.rejects(large, { code: "MESSAGE_TOO_LARGE" });
  assert.deepEqual([room.pending, room.state.title, room.state.content], [1, "small", {}]);
});

test("the whole message counts, not the data alone", async () => {
  const { room, socket } = await makeClient().join();
  const sizes = [];
  for (let size = 65_000; size < 65_600; size += 1) {
    room.update({ content: { a: "x".repeat(size) } }, { optimistic: false }).catch(() => sizes.push(size));
    if (sizes.length === 0) {
      await settle();
    }
    const update = socket.sent.pop();
    if (update) {
      assert.ok(JSON.stringify(update).length <= 65_536, "what is sent, the server takes");
      socket.ack(update, { seq: size - 64_989, changes: {}, duplicate: false });
      socket.update(size - 64_989, {});
    }
  }
  assert.notEqual(sizes.length, 0);
});

test("a refusal without a ref is that of the only update, whatever else is under way", async () => {
  const { room, socket } = await makeClient().join();
  for (const code of ["INVALID_JSON", "INVALID_MESSAGE", "MESSAGE_TOO_LARGE"]) {
    const update = room.update({ title: code });
    room.signal({ cursor: 1 });
    socket.receive({ type: "error", payload: { code, message: code } });
    await assert.rejects(update, { code });
  }
});

test("of several updates the one that the server cannot read is found, and only that is refused", async () => {
  const client = makeClient();
  const { room } = await client.join();
  const good = room.update({ title: "good" });
  const bad = room.update({ status: "bad" });
  const unreadable = { type: "error", payload: { code: "INVALID_JSON", message: "" } };
  client.sockets.at(-1).receive(unreadable);
  assert.ok(client.sockets[0].isClosed);
  await client.timers.advance(1000);
  const next = await client.socket();
  next.accept();
  next.admit({ recovered: true });
  assert.equal(next.all("update_project").length, 1, "one at a time");
  next.ack(next.last("update_project"), { seq: 11, changes: { title: "good" }, duplicate: false });
  assert.equal(next.all("update_project").length, 2);
  next.receive(unreadable);
  await assert.rejects(bad, { code: "INVALID_JSON" });
  assert.equal((await good).seq, 11);
});

test("a server that closes for the size of a message refuses the largest update", async () => {
  const client = makeClient();
  const { room } = await client.join();
  const small = room.update({ title: "small" });
  const refused = assert.rejects(room.update({ content: { a: "x".repeat(5000) } }), {
    code: "MESSAGE_TOO_LARGE",
  });
  const next = await client.reconnect(1009);
  await refused;
  next.admit({ recovered: true });
  const [again] = next.all("update_project");
  next.ack(again, { seq: 11, changes: { title: "small" }, duplicate: false });
  assert.equal((await small).seq, 11);
});

test("a message that is none ends the connection, and settles nothing", async () => {
  const messages = [
    { type: "ack", ref: 2, payload: {} },
    { type: "ack", ref: 2, payload: { seq: 11, changes: [] } },
    { type: "error", ref: 2, payload: {} },
    { type: "project_updated", seq: 11, payload: { project_id: 1 } },
    { type: "error", payload: { code: 5 } },
    { payload: {} },
    [],
    null,
  ];
  for (const message of messages) {
    const client = makeClient();
    const { room, socket } = await client.join();
    const update = room.update({ title: "x" });
    socket.receive(message);
    assert.equal(client.states.at(-1).reason, "BAD_MESSAGE", JSON.stringify(message));
    await client.timers.advance(1000);
    const next = await client.socket();
    next.accept();
    assert.equal(next.last("join_project").payload.since, 10);
    next.admit({ recovered: true });
    next.ack(next.last("update_project"), { seq: 11, changes: { title: "x" }, duplicate: true, more: 1 });
    assert.equal((await update).seq, 11);
  }
});

test("baseSeq: the own update just before is no conflict, and somebody else's is", async () => {
  const { room, socket } = await makeClient().join();
  void room.update({ title: "a" }, { baseSeq: 10 });
  void room.update({ title: "b" }, { baseSeq: 10 });
  assert.equal(socket.last("update_project").payload.base_seq, 10);
  socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "a" }, duplicate: false });
  assert.equal(socket.all("update_project").length, 1, "the event tells what lies between");
  socket.update(11, { title: "a" }, "1");
  assert.equal(socket.last("update_project").payload.base_seq, 11);
  socket.update(12, { title: "Theirs" });
  const third = room.update({ content: { c: 1 }, title: "c" }, { baseSeq: 11 });
  const second = socket.last("update_project");
  socket.ack(second, { seq: 13, changes: { title: "b" }, duplicate: false });
  socket.update(13, { title: "b" }, "1");
  const conflicting = socket.last("update_project");
  assert.equal(conflicting.payload.base_seq, 11);
  socket.fail(conflicting, "CONFLICT", { details: { seq: 13, current: { title: "b" } } });
  await assert.rejects(third, { code: "CONFLICT", details: { seq: 13, current: { title: "b" } } });
});

test("a server that lost its memory is believed", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const update = room.update({ title: "lost" });
  socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "lost" }, duplicate: false });
  await update;
  const next = await client.reconnect();
  next.admit({ seq: 3, recovered: false });
  assert.deepEqual([room.state.title, room.seq], ["Old", 3]);
});

// --- another user

test("nothing of one user is sent as another's: neither what waits nor what has no answer", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const other = client.realtime.join("project", 2);
  socket.ack(socket.last("join_project"), { ...joinAck, project: { id: 2 } });
  const updates = [room.update({ title: "a" }), room.update({ title: "b" }), other.update({ title: "c" })];
  room.signal({ cursor: 1 });
  room.signal({ cursor: 2 });
  socket.drop();
  updates.push(room.update({ content: { made: "offline" } }));
  const third = client.realtime.join("project", 3);
  updates.push(third.update({ title: "before its first join" }));
  const leaving = other.leave();
  await client.timers.advance(20_000);
  const next = await client.socket();
  next.accept();
  const joins = next.all("join_project");
  assert.equal(joins.length, 3);
  next.ack(joins[0], { ...joinAck, user_id: 2, recovered: true });
  joins.slice(1).forEach((command) => next.ack(command, { ...joinAck, user_id: 2 }));
  for (const update of updates) {
    await assert.rejects(update, { code: "USER_CHANGED" });
  }
  await leaving;
  assert.deepEqual([room, third].map(({ ended }) => ended.code), ["USER_CHANGED", "USER_CHANGED"]);
  assert.deepEqual(next.all("leave_project").map(({ payload }) => payload.project_id), [1, 2, 3]);
  await client.timers.advance(1000);
  assert.deepEqual([...next.all("update_project"), ...next.all("send_signal")], []);

  const again = client.realtime.join("project", 1);
  next.ack(next.last("join_project"), { ...joinAck, user_id: 2 });
  assert.equal(again.me, 2);
  void again.update({ title: "bob's own" });
  assert.deepEqual(next.last("update_project").payload.data, { title: "bob's own" });
});

test("after close another user may begin", async () => {
  const client = makeClient();
  await client.join();
  client.realtime.close();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  socket.admit({ user_id: 2 });
  assert.deepEqual([room.me, room.ended], [2, null]);
});

// --- signals and leaving

test("a signal goes out now, or as soon as the server takes it, or never", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  room.signal({ cursor: 1 });
  assert.deepEqual(socket.last("send_signal").payload, { project_id: 1, data: { cursor: 1 } });
  socket.receive({ type: "error", payload: { code: "RATE_LIMITED", message: "", retry_after: 1 } });
  room.signal({ cursor: 2 });
  room.signal({ cursor: 3 });
  await client.timers.advance(999);
  assert.equal(socket.all("send_signal").length, 1);
  await client.timers.advance(1);
  assert.deepEqual(socket.last("send_signal").payload.data, { cursor: 3 });
  assert.deepEqual(client.errors, []);
  room.signal({ cursor: 4 });
  socket.drop();
  room.signal({ cursor: 5 });
  const next = await client.reconnect();
  next.admit({ recovered: true });
  assert.equal(next.all("send_signal").length, 0);
});

test("a signal that the server refuses for good is told", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  room.signal({ cursor: "x".repeat(3000) });
  socket.fail(socket.last("send_signal"), "VALIDATION_ERROR");
  assert.deepEqual(client.errors.map(({ code }) => code), ["VALIDATION_ERROR"]);
  assert.throws(() => room.signal({ cursor: "x".repeat(70_000) }), { code: "MESSAGE_TOO_LARGE" });
});

test("the last of 180 signals arrives, whatever the server's limit", async () => {
  for (const perSecond of [20, 3]) {
    const client = makeClient();
    const { room, socket } = await client.join();
    const arrived = [];
    let level = 0;
    const serve = (elapsed) => {
      level = Math.max(0, level - elapsed * perSecond / 1000);
      for (const command of socket.sent.splice(0).filter(({ type }) => type === "send_signal")) {
        if (level + 1 > 2) {
          socket.fail(command, "RATE_LIMITED", { retry_after: (level - 1) / perSecond });
        } else {
          level += 1;
          arrived.push(command.payload.data.n);
          socket.ack(command);
        }
      }
    };
    for (let n = 0; n < 180; n += 1) {
      room.signal({ n });
      await client.timers.advance(5);
      serve(5);
    }
    for (let step = 0; step < 100; step += 1) {
      await client.timers.advance(20);
      serve(20);
    }
    assert.equal(arrived.at(-1), 179);
    assert.deepEqual(arrived, [...arrived].sort((one, other) => one - other), "and none after a newer one");
  }
});

test("leaving: updates made before are sent first, and nothing more is heard", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  let changes = 0;
  room.on("change", () => (changes += 1));
  const update = room.update({ title: "x" });
  const heard = changes;
  const left = room.leave();
  await assert.rejects(room.update({ title: "y" }), { code: "LEFT" });
  await client.timers.advance(600);
  assert.equal(socket.all("leave_project").length, 0);
  socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "x" }, duplicate: false });
  await update;
  await left;
  assert.equal(socket.all("leave_project").length, 1);
  assert.equal(changes, heard);
  assert.equal(room.ended.code, "LEFT");
});

test("two have a room: each leaves for themselves, and hears what they listen to", async () => {
  const client = makeClient();
  const { room: one, socket } = await client.join();
  const other = client.realtime.join("project", 1);
  await other.ready;
  assert.equal(socket.all("join_project").length, 1);
  const heard = [];
  one.on("project_updated", () => heard.push("one"));
  other.on("project_updated", () => heard.push("other"));
  await one.leave();
  await one.leave();
  await client.timers.advance(1000);
  assert.equal(socket.all("leave_project").length, 0, "leaving twice counts once");
  assert.deepEqual([one.ended.code, other.ended, one.joined, other.joined], ["LEFT", null, false, true]);
  socket.update(11, { title: "New" });
  assert.deepEqual(heard, ["other"]);
  assert.equal(other.state, client.realtime.join("project", 1).state, "what is in the room is shared");
});

test("a room that is left and joined at once goes on; the others see nothing", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const left = room.leave();
  const again = client.realtime.join("project", 1);
  await left;
  await client.timers.advance(1000);
  assert.equal(socket.all("leave_project").length, 0);
  assert.equal(socket.all("join_project").length, 1);
  assert.ok(again.joined);
  void again.leave();
  await client.timers.advance(500);
  assert.equal(socket.all("leave_project").length, 1);
});

test("a room that is wanted again while its updates wait goes on", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  const update = room.update({ title: "x" });
  void room.leave();
  await client.timers.advance(1000);
  const again = client.realtime.join("project", 1);
  socket.ack(socket.last("update_project"), { seq: 11, changes: { title: "x" }, duplicate: false });
  await update;
  await client.timers.advance(1000);
  assert.equal(socket.all("leave_project").length, 0);
  assert.ok(again.joined);
});

test("leaving before the join is answered leaves nobody behind", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1);
  const socket = await client.socket();
  socket.accept();
  const left = room.leave();
  await client.timers.advance(500);
  await left;
  socket.admit();
  await settle();
  assert.equal(socket.all("leave_project").length, 1);
  assert.equal(room.joined, false);
  await assert.rejects(room.ready, { code: "LEFT" });
});

// --- presence

const showing = (room) => room.members.map(({ user_id, presence }) => [user_id, presence]);
const show = (socket, user_id, data) => socket.receive({ type: "presence", payload: { project_id: 1, user_id, data } });

test("presence is merged, shown among the members, and told again after a reconnection", async () => {
  const client = makeClient();
  const room = client.realtime.join("project", 1, { presence: { color: "red" } });
  const socket = await client.socket();
  socket.accept();
  assert.deepEqual(socket.last("join_project").payload.presence, {}, "what the server may refuse ends no join");
  const members = [{ user_id: 1, username: "alice" }, { user_id: 2, username: "bob", presence: { x: 1 } }];
  socket.admit({ members });
  assert.deepEqual(socket.last("set_presence").payload, { project_id: 1, data: { color: "red" } });
  assert.deepEqual(showing(room), [[1, { color: "red" }], [2, { x: 1 }]]);
  let changes = 0;
  room.on("change", () => changes++);
  room.setPresence({ cursor: { x: 2 } });
  assert.equal(changes, 1);
  assert.deepEqual(room.presence, { color: "red", cursor: { x: 2 } });
  assert.deepEqual(showing(room)[0], [1, room.presence]);
  show(socket, 2, { x: 3 });
  assert.deepEqual(showing(room)[1], [2, { x: 3 }]);
  show(socket, 2, {});
  assert.deepEqual(room.members[1], { user_id: 2, username: "bob" });
  show(socket, 9, { x: 1 });
  assert.equal(room.members.length, 2);
  room.setPresence({ color: null });
  const next = await client.reconnect();
  next.admit({ recovered: true, seq: 10, members });
  assert.deepEqual(next.last("set_presence").payload.data, { cursor: { x: 2 } });
  assert.deepEqual(showing(room)[0], [1, { cursor: { x: 2 } }]);
  assert.deepEqual(client.errors, []);
});

test("of much presence the last one arrives, also where the server takes none for a while", async () => {
  const client = makeClient();
  const { room, socket } = await client.join();
  assert.equal(socket.last("join_project").payload.presence, undefined, "nobody has asked");
  assert.equal(room.presence, null);
  room.setPresence({});
  assert.deepEqual(socket.last("join_project").payload, { project_id: 1, since: 10, presence: {} });
  socket.admit({ recovered: true });
  assert.equal(socket.all("set_presence").length, 0, "there is nothing to show");
  for (let x = 0; x < 100; x += 1) {
    room.setPresence({ x });
  }
  socket.fail(socket.last("set_presence"), "RATE_LIMITED", { retry_after: 2 });
  await client.timers.advance(2000);
  assert.deepEqual(socket.all("set_presence").map(({ payload }) => payload.data.x), [0, 99]);
  assert.throws(() => room.setPresence({ x: Infinity }), { code: "INVALID_DATA" });
  assert.deepEqual(room.presence, { x: 99 });
  void room.leave();
  room.setPresence({ x: 100 });
  assert.deepEqual(room.presence, { x: 99 });
});

test("presence is asked for by the first join, and anew where a join is under way", async () => {
  const client = makeClient();
  const { socket } = await client.join();
  client.realtime.join("project", 2, { presence: { x: 1 } });
  client.realtime.join("project", 3);
  client.realtime.join("project", 3, { presence: {} });
  const joins = socket.all("join_project").map(({ payload }) => [payload.project_id, payload.presence]);
  assert.deepEqual(joins.slice(1), [[2, {}], [3, undefined], [3, {}]]);
  assert.throws(() => client.realtime.join("project", 4, { presence: { x: () => {} } }), { code: "INVALID_DATA" });
  assert.equal(socket.all("join_project").length, joins.length);
});
