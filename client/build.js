/**
 * Build the SDK for sites without Node: realtime/static/realtime/, from client/src/.
 *
 *     node build.js            writes the files
 *     node build.js --check    exits with 1 if they are not what client/src/ makes now
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes of the core as a page loads it, minified and compressed; what only some pages use is a module of its own. */
const MOST = 10 * 1024;
const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "realtime", "static", "realtime");

/**
 * @param {string} name
 * @param {import("esbuild").BuildOptions} [options]
 * @returns {Promise<Map<string, string>>} the files by name
 */
async function bundle(name, options = {}) {
  const { outputFiles } = await build({
    absWorkingDir: HERE,
    entryPoints: ["src/index.js"],
    outfile: join(TARGET, name),
    bundle: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    write: false,
    ...options,
  });
  return new Map(outputFiles.map(({ path, text }) => [path.slice(TARGET.length + 1), text]));
}

/**
 * Remove what only the type checker reads. Django's hashed storage takes the import("./x.js") of a
 * comment for one of the program, and looks for that file.
 *
 * @param {string} text
 */
function withoutTypes(text) {
  return text.replace(/^[ \t]*\/\*\*[\s\S]*?\*\/\n|\/\*\* [^\n]*?\*\/ ?/gm, "");
}

const readable = await bundle("realtime.js");
const element = await bundle("live-field.js", { entryPoints: ["src/live-field.js"] });
const shared = await bundle("shared.js", { entryPoints: ["src/shared.js"] });
const minified = await bundle("realtime.min.js", { minify: true, sourcemap: "linked" });
const files = new Map([...[...readable, ...element, ...shared].map(([name, text]) => [name, withoutTypes(text)]), ...minified]);

const size = gzipSync(/** @type {string} */ (minified.get("realtime.min.js")), { level: 9 }).length;
if (size > MOST) {
  console.error(`realtime.min.js has ${size} bytes compressed, and ${MOST} are the limit`);
  process.exitCode = 1;
}
if (process.argv.includes("--check")) {
  for (const [name, text] of files) {
    if ((await readFile(join(TARGET, name), "utf8").catch(() => "")) !== text) {
      console.error(`realtime/static/realtime/${name} is out of date: npm --prefix client run build`);
      process.exitCode = 1;
    }
  }
} else {
  await mkdir(TARGET, { recursive: true });
  await Promise.all([...files].map(([name, text]) => writeFile(join(TARGET, name), text)));
}
