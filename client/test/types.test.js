/** What `tsc` says of a page when the server's rooms change; of the rooms as they are, `npm run check`. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const CLIENT = fileURLToPath(new URL("..", import.meta.url));
const OPTIONS = ["--ignoreConfig", "--noEmit", "--skipLibCheck", "--strict", "--target", "es2022", "--module", "nodenext"];
const PAGE = `
import type { Realtime } from "django-realtime-client";
import type { PlanRoom, ShoppingListRoom } from "./rooms.js";

export function page(realtime: Realtime) {
  const plan = realtime.join<PlanRoom>("plan", "1");
  void plan.update({ text: plan.state!.title });
  const list = realtime.join<ShoppingListRoom>("shopping_list", "1");
  list.on("task_completed", (end) => end.task_type === "compare_prices" && end.result.total);
  list.setPresence({ color: "red" });
  void list.command("move_item", { item_id: 1, position: 2 });
}
`;
/** Names that are others on the server: of a field, a result, a payload, presence, a command, a task. */
const RENAMED = ["title", "total", "position", "color", "move_item", "compare_prices"];

test("a name that is another on the server fails `tsc`, and nothing else does", async () => {
  const rooms = await readFile(new URL("rooms.ts", import.meta.url), "utf8");
  // Inside of the package: only there it can be imported by its name.
  const directory = await mkdtemp(`${CLIENT}.types-`);
  try {
    await Promise.all([
      writeFile(`${directory}/rooms.ts`, rooms),
      writeFile(`${directory}/page.ts`, PAGE),
      ...RENAMED.flatMap((name) => [
        writeFile(`${directory}/rooms-${name}.ts`, rooms.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `${name}_2`)),
        writeFile(`${directory}/page-${name}.ts`, PAGE.replace("./rooms.js", `./rooms-${name}.js`)),
      ]),
    ]);
    const files = ["", ...RENAMED.map((name) => `-${name}`)].map((name) => `${directory}/page${name}.ts`);
    const said = await tsc([...OPTIONS, ...files]);
    assert.doesNotMatch(said, /page\.ts|rooms/);
    for (const name of RENAMED) {
      assert.match(said, new RegExp(`page-${name}\\.ts.*${name}`), said);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** @returns {Promise<string>} what it prints */
function tsc(options) {
  return new Promise((resolve) => {
    execFile(`${CLIENT}node_modules/.bin/tsc`, options, { cwd: CLIENT }, (_, output, errors) => resolve(output + errors));
  });
}
