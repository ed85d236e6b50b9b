import assert from "node:assert/strict";
import { test } from "node:test";

import { OwnEdits } from "../src/own-edits.js";

function makeOwnEdits(events) {
  const ownEdits = new OwnEdits();
  events.forEach(([seq, changes]) => ownEdits.add(seq, changes));
  return ownEdits;
}

const TITLE = { title: "x" };

test("the own update just before is no conflict", () => {
  const ownEdits = makeOwnEdits([[11, TITLE]]);
  ownEdits.addOwn(11);
  assert.equal(ownEdits.rebase(10, TITLE), 11);
});

test("somebody else's is", () => {
  const ownEdits = makeOwnEdits([[11, TITLE], [12, TITLE]]);
  ownEdits.addOwn(12);
  assert.equal(ownEdits.rebase(10, TITLE), 10);
});

test("what was changed elsewhere in the project does not matter", () => {
  const ownEdits = makeOwnEdits([[11, { status: "draft" }], [12, { content: { a: 1 } }]]);
  assert.equal(ownEdits.rebase(10, { title: "x", content: { b: 1 } }), 12);
  assert.equal(ownEdits.rebase(10, { content: { a: { c: 1 } } }), 10);
});

test("where it does not know all in between, the server shall decide", () => {
  assert.equal(makeOwnEdits([]).rebase(10, TITLE), 10);
  assert.equal(makeOwnEdits([[12, {}]]).rebase(10, TITLE), 10);
  assert.equal(makeOwnEdits([[11, {}]]).rebase(20, TITLE), 20);
});
