import assert from "node:assert/strict";
import { test } from "node:test";

import { checkSize, copy } from "../src/json.js";

const nested = (depth) => (depth === 0 ? {} : { a: nested(depth - 1) });

test("a copy is what JSON makes of it", () => {
  const data = { a: [1, "é", null, true, { b: undefined }], when: new Date(0), gone: undefined };
  const own = copy(data);
  assert.deepEqual(own, JSON.parse(JSON.stringify(data)));
  data.a[4].b = 1;
  assert.deepEqual(own.a[4], {});
});

test("numbers that the server can read pass", () => {
  for (const number of [0, -0.5, 2 ** 53, -(2 ** 63), 5e-324, 9e18]) {
    assert.deepEqual(copy({ number }), { number });
  }
});

test("what the server would refuse without a ref is refused here, by name", () => {
  const wrong = {
    "data must be an object": [1],
    "data.a is NaN, which is out of range": { a: NaN },
    "data.a[1] is Infinity, which is out of range": { a: [0, Infinity] },
    "data.a is 9223372036854776000, which is out of range": { a: 2 ** 63 },
    "data.a is 1e+300, which is out of range": { a: 1e300 },
    "data.a has a lone surrogate": { a: "\ud800" },
    "data.\udc00 has a lone surrogate": { "\udc00": 1 },
    "data.a is a bigint, which JSON does not have": { a: 1n },
    "data.a is a function, which JSON does not have": { a: () => {} },
  };
  for (const [message, data] of Object.entries(wrong)) {
    assert.throws(() => copy(data), { code: "INVALID_DATA", message });
  }
  assert.deepEqual(copy(nested(28)), nested(28));
  assert.throws(() => copy(nested(29)), { code: "INVALID_DATA", message: /nested too deeply/ });
});

test("a circle ends", () => {
  const circle = {};
  circle.self = circle;
  assert.throws(() => copy(circle), { code: "INVALID_DATA" });
});

test("a message has 64 KiB at most, counted in bytes", () => {
  checkSize({ text: "x".repeat(65_000) });
  assert.throws(() => checkSize({ text: "x".repeat(65_600) }), { code: "MESSAGE_TOO_LARGE" });
  assert.throws(() => checkSize({ text: "é".repeat(33_000) }), { code: "MESSAGE_TOO_LARGE" });
});
