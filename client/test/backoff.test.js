import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "../src/backoff.js";
import { instruction } from "../src/close-codes.js";

test("the wait grows from half a second to twenty, with full jitter", () => {
  assert.equal(backoff(0, () => 0), 500);
  assert.equal(backoff(0, () => 1), 1000);
  assert.equal(backoff(3, () => 0.5), 2500);
  assert.equal(backoff(10, () => 1), 20_000);
});

test("however often it fails, it is a wait", () => {
  for (const attempt of [100, 1100, 1e6]) {
    assert.equal(backoff(attempt, () => 0), 500);
    assert.equal(backoff(attempt, () => 1), 20_000);
  }
});

test("the range of a close code is the instruction", () => {
  const expected = {
    stop: [4000, 4003, 4008, 4099],
    token: [4100, 4101, 4102, 4199],
    retry: [undefined, 1000, 1006, 1012, 3999, 4200, 4203, 4999],
  };
  for (const [name, codes] of Object.entries(expected)) {
    for (const code of codes) {
      assert.equal(instruction(code), name, String(code));
    }
  }
});
