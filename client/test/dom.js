/** A page for the tests of bindings: the globals of a browser, from happy-dom. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Window } from "happy-dom";

import { joinAck, makeClient, settle } from "./fakes.js";

const NAMES = [
  ...["document", "navigator", "Node", "Text", "Comment", "Element", "HTMLElement", "HTMLIFrameElement", "SVGElement"],
  ...["Event", "CustomEvent", "customElements", "MutationObserver", "HTMLMediaElement"],
];

/** Make the globals that frameworks look for; import a framework after that. */
export function openPage() {
  const window = new Window({ url: "http://localhost/" });
  for (const name of NAMES) {
    // Newer versions of Node have a `navigator` that cannot be assigned to.
    Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
  }
  globalThis.window = window;
  return window.document;
}

/** Build what a site would write, with its framework, and return the module. */
export async function load(name, contents, plugins = []) {
  const root = new URL("..", import.meta.url);
  const { outputFiles: [file] } = await build({
    stdin: { contents, resolveDir: fileURLToPath(root) },
    bundle: true,
    format: "esm",
    jsx: "automatic",
    conditions: ["browser", "development"],
    define: {
      "process.env.NODE_ENV": '"development"',
      __VUE_OPTIONS_API__: "false",
      __VUE_PROD_DEVTOOLS__: "false",
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    write: false,
    plugins,
  });
  const target = new URL(`node_modules/.examples/${name}.mjs`, root);
  await mkdir(new URL(".", target), { recursive: true });
  await writeFile(target, file.text);
  return import(target.href);
}

/** Return an esbuild plugin that compiles files of a framework. */
export function compiled(extension, compile) {
  return {
    name: extension,
    setup({ onLoad }) {
      onLoad({ filter: new RegExp(`\\.${extension}$`) }, async ({ path }) => {
        return { contents: compile(await readFile(path, "utf8"), path), loader: "js" };
      });
    },
  };
}

/** A client, and the server's side of board 1. */
export function makeBoard(key = 1) {
  const client = makeClient();
  const named = { board_id: key };
  let socket;
  return {
    ...client,
    /** Take the socket that was asked for, and answer the join. */
    async admit(board = { title: "Plan", cards: { 7: { text: "Milk" } } }) {
      await until(() => client.sockets.length > 0, () => "nothing was joined");
      socket = await client.socket();
      socket.accept();
      socket.ack(socket.last("join_board"), { ...joinAck, board });
      await settle();
      return socket;
    },
    async update(seq, changes) {
      socket.receive({ type: "board_updated", seq, payload: { ...named, changes, updated_by: "2" } });
      await settle();
    },
    async receive(type, payload) {
      socket.receive({ type, payload: { ...named, ...payload } });
      await settle();
    },
  };
}

/** Wait for what a framework renders later; its own scheduling needs no time, only turns. */
export async function until(condition, what) {
  for (let turn = 0; turn < 200; turn += 1) {
    if (condition()) {
      return;
    }
    await settle();
  }
  assert.fail(what());
}

/** Follow the example of a board, which is mounted, through the life of its room. */
export async function follow(board, document) {
  const text = () => document.body.textContent.replaceAll(/\s/g, "");
  const shows = (wanted) => until(() => text() === wanted, () => `${text()}, not ${wanted}`);
  await shows("Loading:connecting");
  const socket = await board.admit();
  await shows("PlanaliceMilkDeleteAdd");
  await board.update(11, { title: "Plans", cards: { 8: { text: "Bread" } } });
  await shows("PlansaliceMilkDeleteBreadDeleteAdd");
  await board.receive("user_joined", { user_id: 2, username: "bob" });
  await shows("Plansalice,bobMilkDeleteBreadDeleteAdd");
  await board.receive("task_progress", { task_id: "t", progress: 40, message: "" });
  await until(() => document.querySelector("progress")?.getAttribute("value") === "40", () => document.body.innerHTML);
  document.querySelector("li button").dispatchEvent(new window.Event("click", { bubbles: true }));
  await shows("Plansalice,bobBreadDeleteAdd");
  assert.deepEqual(socket.last("update_board").payload.data, { cards: { 7: null } });
  socket.ack(socket.last("update_board"), { seq: 12, changes: { cards: { 7: null } }, duplicate: false });
  await board.receive("access_revoked", {});
  await shows("Youmaynolongerseethisboard");
}
