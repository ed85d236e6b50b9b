import assert from "node:assert/strict";
import { test } from "node:test";

import { compileScript, parse } from "vue/compiler-sfc";

import { compiled, follow, load, makeBoard, openPage, until } from "./dom.js";

const document = openPage();
const single = compiled("vue", (source, path) =>
  compileScript(parse(source, { filename: path }).descriptor, { id: "board", inlineTemplate: true }).content,
);
const { Board, binding, vue } = await load("vue", `
  export { default as Board } from "./examples/Board.vue";
  export * as binding from "django-realtime-client/vue";
  export * as vue from "vue";
`, [single]);

test("the example follows its room", async () => {
  const board = makeBoard();
  const app = vue.createApp(Board, { id: 1 }).use(binding.realtimePlugin, board.realtime);
  app.mount(document.body);
  await follow(board, document);
  app.unmount();
});

test("another key is another room; what a component selects renders it alone", async () => {
  const board = makeBoard();
  const key = vue.shallowRef(1);
  const rendered = [];
  const Title = {
    setup() {
      const room = binding.useRoom("board", key);
      const title = binding.useRoomState(room, (state) => state.title);
      return () => void rendered.push(`${key.value} ${title.value}`);
    },
  };
  const app = vue.createApp(Title).use(binding.realtimePlugin, board.realtime);
  app.mount(document.createElement("div"));
  const socket = await board.admit();
  await until(() => rendered.at(-1) === "1 Plan", () => `${rendered}`);
  const before = rendered.length;
  await board.update(11, { cards: { 7: { text: "Oats" } } });
  await vue.nextTick();
  assert.equal(rendered.length, before);
  key.value = 2;
  await until(() => rendered.at(-1) === "2 undefined", () => `${rendered}`);
  await board.timers.advance(500);
  assert.deepEqual(socket.last("leave_board").payload, { board_id: 1 });
  app.unmount();
  await board.timers.advance(500);
  assert.deepEqual(socket.last("leave_board").payload, { board_id: 2 });
});

test("without the plugin the error says what is missing", () => {
  const app = vue.createApp({ setup: () => binding.useConnection() });
  app.config.warnHandler = () => {};
  assert.throws(() => app.mount(document.createElement("div")), /realtimePlugin/);
});
