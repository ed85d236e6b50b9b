import assert from "node:assert/strict";
import { test } from "node:test";

import { merge, overlap } from "../src/merge.js";

/** Those test cases of RFC 7396, appendix A, in which target and patch are objects. */
const RFC_7396 = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', "{}"],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ["{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
];

test("patches are merged as RFC 7396 says", () => {
  for (const [target, patch, result] of RFC_7396) {
    assert.deepEqual(merge(JSON.parse(target), JSON.parse(patch)), JSON.parse(result));
  }
});

test("neither target nor patch is changed, and untouched parts stay the same objects", () => {
  const target = { a: { b: 1 }, c: { d: 2 } };
  const patch = { a: { b: null, e: 3 } };
  const merged = merge(target, patch);
  assert.deepEqual(target, { a: { b: 1 }, c: { d: 2 } });
  assert.deepEqual(patch, { a: { b: null, e: 3 } });
  assert.equal(merged.c, target.c);
});

test("a key named __proto__ is a key like any other", () => {
  const merged = merge({}, JSON.parse('{"content": {"__proto__": {"polluted": true}}}'));
  assert.equal(JSON.stringify(merged), '{"content":{"__proto__":{"polluted":true}}}');
  assert.equal({}.polluted, undefined);
  assert.equal(merged.content.polluted, undefined);
});

test("patches overlap where they change the same thing", () => {
  assert.ok(overlap({ title: "a" }, { title: "b", status: "c" }));
  assert.ok(!overlap({ title: "a" }, { status: "c" }));
  assert.ok(overlap({ content: { a: 1 } }, { content: { a: null } }));
  assert.ok(!overlap({ content: { a: 1 } }, { content: { b: 1 } }));
  assert.ok(overlap({ content: { a: { b: 1 } } }, { content: { a: 2 } }));
  assert.ok(!overlap({}, { toString: 1 }));
});
