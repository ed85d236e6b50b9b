import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { settle } from "./fakes.js";
import { follow, load, makeBoard, openPage, until } from "./dom.js";

const document = openPage();
const { App, StrictMode, Suspense, createElement, createRoot, hooks, renderToString, use } = await load("react", `
  export { App } from "./examples/board.tsx";
  export { StrictMode, Suspense, createElement, use } from "react";
  export { createRoot } from "react-dom/client";
  export { renderToString } from "react-dom/server.edge";
  export * as hooks from "django-realtime-client/react";
`);

test("the example follows its room, in StrictMode", async () => {
  const board = makeBoard();
  const root = createRoot(document.body);
  root.render(createElement(StrictMode, null, createElement(App, { client: board.realtime })));
  await follow(board, document);
  assert.equal(board.sockets[0].all("join_board").length, 1);
  root.unmount();
});

test("what a component selects renders it, and nothing else does", async () => {
  const board = makeBoard();
  const rendered = [];
  const Title = () => {
    const room = hooks.useRoom("board", 1);
    rendered.push(hooks.useRoomState(room, (state) => state.title));
    return null;
  };
  const root = createRoot(document.createElement("div"));
  root.render(createElement(hooks.RealtimeProvider, { client: board.realtime }, createElement(Title)));
  await board.admit();
  await until(() => rendered.at(-1) === "Plan", () => `${rendered}`);
  const before = rendered.length;
  await board.update(11, { cards: { 7: { text: "Oats" } } });
  await settle();
  assert.equal(rendered.length, before);
  await board.update(12, { title: "New" });
  await until(() => rendered.at(-1) === "New", () => `${rendered}`);
  root.unmount();
});

test("another key is another room; the old one is left, and nothing of it is shown", async () => {
  const board = makeBoard();
  const seen = [];
  const Key = ({ id }) => {
    const room = hooks.useRoom("board", id);
    seen.push([id, room?.key ?? null]);
    return null;
  };
  const root = createRoot(document.createElement("div"));
  const show = (id) => {
    root.render(createElement(hooks.RealtimeProvider, { client: board.realtime }, createElement(Key, { id })));
    return until(() => seen.at(-1)?.join() === [id, id].join(), () => JSON.stringify(seen));
  };
  await show(1);
  const socket = await board.admit();
  await show(2);
  await board.timers.advance(500);
  assert.deepEqual(socket.last("leave_board").payload, { board_id: 1 });
  await show(null);
  await board.timers.advance(500);
  assert.deepEqual(socket.last("leave_board").payload, { board_id: 2 });
  assert.ok(seen.every(([id, key]) => key === null || key === id), JSON.stringify(seen));
  root.unmount();
});

test("a component may wait for its room in Suspense", { timeout: 30_000 }, async () => {
  const board = makeBoard();
  const Title = ({ room }) => use(room.ready).state.title;
  const Board = () => {
    const room = hooks.useRoom("board", 1);
    return room && createElement(Suspense, { fallback: "Loading" }, createElement(Title, { room }));
  };
  const element = document.createElement("div");
  const root = createRoot(element);
  root.render(createElement(hooks.RealtimeProvider, { client: board.realtime }, createElement(Board)));
  await until(() => element.textContent === "Loading", () => element.innerHTML);
  await board.admit();
  // React takes its time, so that a page does not flicker.
  while (element.textContent !== "Plan") {
    await sleep(20);
  }
  root.unmount();
});

test("usePresence asks, shows and renders", async () => {
  const board = makeBoard();
  let shown;
  let change;
  const Cursor = () => {
    const room = hooks.useRoom("board", 1);
    [shown, change] = hooks.usePresence(room);
    return null;
  };
  const root = createRoot(document.createElement("div"));
  root.render(createElement(hooks.RealtimeProvider, { client: board.realtime }, createElement(Cursor)));
  const socket = await board.admit();
  await until(() => shown, () => "no presence");
  assert.deepEqual(socket.all("join_board").at(-1).payload.presence, {});
  change({ x: 1 });
  await until(() => shown.x === 1, () => JSON.stringify(shown));
  root.unmount();
});

test("on a server nothing is joined; without a provider the error says what is missing", () => {
  const board = makeBoard();
  assert.equal(renderToString(createElement(App, { client: board.realtime })), "<p>Loading: <!-- -->offline</p>");
  assert.equal(board.sockets.length, 0);
  const bare = () => hooks.useConnection();
  assert.throws(() => renderToString(createElement(bare)), /RealtimeProvider/);
});
