import assert from "node:assert/strict";
import { test } from "node:test";

import { join, reduce as reduceAny, role } from "../src/reducers.js";
import { RoomId } from "../src/room-id.js";
import { example, joinAck as onTheWire } from "./fakes.js";

const reduce = (view, message) => reduceAny(view, message, new RoomId("project", 123));
const joinAck = { ...onTheWire, state: onTheWire.project };
const view = join(null, joinAck);

test("project_updated of the original page changes the state", () => {
  const after = reduce(view, { ...example("project_updated"), seq: 11 });
  assert.equal(after.state.title, "New Title");
  assert.equal(after.seq, 11);
  assert.equal(view.state.title, "Old");
});

test("user_joined and user_left of the original page change the members", () => {
  const joined = reduce(view, example("user_joined"));
  assert.deepEqual(joined.members.at(-1), { user_id: 456, username: "john_doe" });
  assert.equal(reduce(joined, example("user_joined")).members.length, 2);
  assert.deepEqual(reduce(joined, example("user_left")).members, joinAck.members);
});

test("of very many members some are named, and all are counted", () => {
  const many = join(null, { ...joinAck, member_count: 5000 });
  const joined = reduce(many, example("user_joined"));
  const again = reduce(joined, example("user_joined"));
  const left = reduce(again, example("user_left"));
  const unknown = { type: "user_left", payload: { project_id: 123, user_id: 7 } };
  const counts = [view, many, joined, again, left, reduce(left, unknown), reduce(view, unknown)];
  assert.deepEqual(
    counts.map(({ memberCount, members }) => [memberCount, members.length]),
    [
      [1, 1],
      [5000, 1],
      [5001, 2],
      [5001, 2],
      [5000, 1],
      [4999, 1],
      [1, 1],
    ],
  );
});

test("task_progress and task_completed of the original page change the tasks", () => {
  const running = reduce(view, { ...example("task_progress"), project_id: 123 });
  assert.deepEqual(running.tasks, [
    { task_id: "celery_task_id", task_type: null, progress: 75, message: "Processing audio..." },
  ]);
  assert.deepEqual(reduce(running, { ...example("task_completed"), seq: 11 }).tasks, []);
});

test("progress does not fall, and late progress does not revive a task", () => {
  const progress = (percent) => ({
    type: "task_progress",
    project_id: 1,
    payload: { task_id: "t", progress: percent, message: String(percent) },
  });
  const failed = { type: "task_failed", seq: 11, payload: { task_id: "t", task_type: "x", error: "" } };
  const running = [50, 20].map(progress).reduce(reduce, view);
  assert.equal(running.tasks[0].progress, 50);
  const ended = [failed, progress(99)].reduce(reduce, running);
  assert.deepEqual(ended.tasks, []);
  const again = { task_id: "t", task_type: "x", progress: 0, message: "" };
  const rejoined = join(ended, { ...joinAck, seq: 11, tasks: [again] });
  assert.equal(reduce(rejoined, progress(10)).tasks[0].progress, 10);
});

test("the own role follows member_changed; a replayed one is part of the join", () => {
  const changed = (seq, user_id, role) => ({
    type: "member_changed",
    seq,
    payload: { project_id: 1, user_id, role },
  });
  const roleAfter = (...messages) => role(messages.reduce(reduce, view));
  assert.equal(roleAfter(changed(11, 1, "viewer")), "viewer");
  assert.equal(roleAfter(changed(11, 2, "viewer")), "editor");
  const before = { ...view, seq: 5 };
  const rejoined = join(before, { ...joinAck, recovered: true });
  assert.equal(role([changed(6, 1, "viewer")].reduce(reduce, rejoined)), "editor");
});

test("a recovered join keeps the state for the events that follow", () => {
  const rejoined = join({ ...view, seq: 5, state: { title: "Older" } }, { ...joinAck, recovered: true });
  assert.equal(rejoined.seq, 5);
  assert.equal(rejoined.state.title, "Older");
});
