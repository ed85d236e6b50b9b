import assert from "node:assert/strict";
import { test } from "node:test";

import { compile } from "svelte/compiler";

import { compiled, follow, load, makeBoard, openPage } from "./dom.js";

const document = openPage();
const warnings = [];
const plugin = compiled("svelte", (source, filename) => {
  const { js, warnings: found } = compile(source, { filename, generate: "client", dev: true });
  warnings.push(...found.map(({ message }) => message));
  return js.code;
});
const { Board, mount, unmount } = await load("svelte", `
  export { default as Board } from "./examples/Board.svelte";
  export { mount, unmount } from "svelte";
`, [plugin]);

test("the example follows its room, and leaves it", async () => {
  assert.deepEqual(warnings, []);
  const board = makeBoard();
  const component = mount(Board, { target: document.body, props: { realtime: board.realtime, id: 1 } });
  await follow(board, document);
  await unmount(component);
});

test("a component that is unmounted leaves its room", async () => {
  const board = makeBoard();
  const component = mount(Board, { target: document.body, props: { realtime: board.realtime, id: 1 } });
  const socket = await board.admit();
  await unmount(component);
  await board.timers.advance(500);
  assert.deepEqual(socket.last("leave_board").payload, { board_id: 1 });
});
