import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../src/history.js";

function makeHistory(events) {
  const history = new History();
  events.forEach(([seq, changes]) => history.add(seq, changes));
  return history;
}

const TITLE = { title: "x" };

test("the own update just before is no conflict", () => {
  const history = makeHistory([[11, TITLE]]);
  history.addOwn(11);
  assert.equal(history.rebase(10, TITLE), 11);
});

test("somebody else's is", () => {
  const history = makeHistory([[11, TITLE], [12, TITLE]]);
  history.addOwn(12);
  assert.equal(history.rebase(10, TITLE), 10);
});

test("what was changed elsewhere in the project does not matter", () => {
  const history = makeHistory([[11, { status: "draft" }], [12, { content: { a: 1 } }]]);
  assert.equal(history.rebase(10, { title: "x", content: { b: 1 } }), 12);
  assert.equal(history.rebase(10, { content: { a: { c: 1 } } }), 10);
});

test("where it does not know all in between, the server shall decide", () => {
  assert.equal(makeHistory([]).rebase(10, TITLE), 10);
  assert.equal(makeHistory([[12, {}]]).rebase(10, TITLE), 10);
  assert.equal(makeHistory([[11, {}]]).rebase(20, TITLE), 20);
});
