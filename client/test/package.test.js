import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import * as source from "../src/index.js";

const run = promisify(execFile);
const cwd = fileURLToPath(new URL("..", import.meta.url));

test("the package has its licence, its changes, its types and every module", async () => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json"], { cwd });
  const [{ files }] = Object.values(JSON.parse(stdout));
  const names = new Set(files.map((/** @type {{ path: string }} */ { path }) => path));
  const modules = [...names].filter((name) => name.startsWith("src/"));
  for (const name of ["LICENSE", "CHANGELOG.md", "README.md", "types/index.d.ts"]) {
    assert.ok(names.has(name), name);
  }
  assert.ok(modules.includes("src/index.js"));
  assert.deepEqual([...names].filter((name) => /^(test|node_modules)\//.test(name)), []);
});

test("the bindings are part of the package, and can be imported on a server", async () => {
  for (const name of ["react", "vue", "svelte", "live-field", "shared"]) {
    const binding = await import(`django-realtime-client/${name}`);
    assert.ok(Object.values(binding).every((value) => value), name);
  }
});

for (const name of ["realtime.js", "realtime.min.js"]) {
  test(`the static file ${name} exports what the package does`, async () => {
    const built = await import(`../../realtime/static/realtime/${name}`);
    assert.deepEqual(Object.keys(built).sort(), Object.keys(source).sort());
    assert.equal(typeof new built.Realtime("ws://localhost", { token: "t" }).join, "function");
  });
}
