/**
 * Write the reference of the API, docs/client.md, from the types that `tsc` emits: their signatures,
 * and what stands above them in client/src/.
 *
 *     node reference.js            writes the page
 *     node reference.js --check    exits with 1 if it is not what types/ says now
 *
 * It fails if a signature names a type that the package does not export.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../docs/client.md", import.meta.url));
const HEAD = `# Reference of the JavaScript client

Made from the types by \`npm --prefix client run types\`; [its guide](../client/README.md) says how the parts
go together. Times are milliseconds, but for \`retryAfter\`.
`;
/** The modules of the package, and the title of each. */
const BINDINGS = {
  ...{ react: "React", vue: "Vue", svelte: "Svelte", "live-field": "Without a framework" },
  shared: "One connection for all tabs",
};
const CLASSES = { Realtime: "realtime.js", Room: "room.js", RealtimeError: "errors.js" };

/** @typedef {{ name: string, text: string, comment: string }} Declaration */

/**
 * Return the declarations of a text that begin at an indentation, each with the comment above it.
 *
 * @param {string} text
 * @param {string} [indent]
 * @returns {Declaration[]}
 */
function declarations(text, indent = "") {
  const found = [];
  let isComment = false;
  /** @type {string[]} */
  let comment = [];
  /** @type {string[]} */
  let lines = [];
  for (const line of text.split("\n")) {
    const rest = line.slice(indent.length);
    const isOwn = line.startsWith(indent) && /^\S/.test(rest);
    if (lines.length === 0 && (isComment || (isOwn && rest.startsWith("/**")))) {
      comment = isComment ? [...comment, rest] : [rest];
      isComment = !rest.endsWith("*/");
    } else if (lines.length > 0 || isOwn) {
      lines.push(rest);
      if (isOwn && /[;}]$/.test(rest)) {
        found.push(declaration(lines.join("\n"), comment));
        [comment, lines] = [[], []];
      }
    }
  }
  return found;
}

/**
 * @param {string} text
 * @param {string[]} comment
 * @returns {Declaration}
 */
function declaration(text, comment) {
  const [, name = ""] = /^(?:(?:export|declare|class|type|function|const|get|static) )*([\w$]+|\[[\w.]+\]|#\w+)/.exec(text) ?? [];
  const words = comment.map((line) => line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "").replace(/\s*\*\/$/, ""));
  return { name, text, comment: words.join("\n").trim() };
}

/** @param {string} file of types/ */
const read = (file) => readFileSync(new URL(`types/${file}`, import.meta.url), "utf8");

/** @param {string} text */
const plain = (text) => text.replaceAll(/import\("[^"]+"\)\./g, "");

/** Types that the package exports: where each is declared. */
const exported = new Map(
  declarations(read("index.d.ts")).flatMap(({ name, text }) => {
    const [, file] = /^export type .*import\("\.\/([\w-]+)\.js"\)/s.exec(text) ?? [];
    return file ? [[name, `${file}.d.ts`]] : [];
  }),
);
/** @type {Set<string>} */
const unknown = new Set();

/**
 * Note the types of ours that a text names and the package does not export.
 *
 * @param {string} text
 * @param {string} file in which it stands
 * @param {boolean} [isModule] true if that is a module of the package, and exports what it declares
 */
function check(text, file, isModule = false) {
  const beside = new Set(declarations(read(file)).map(({ name }) => name));
  const code = text.replaceAll(/\/\*\*[\s\S]*?\*\/|"[^"]*"(?!\))/g, "");
  for (const [, from, name = ""] of code.matchAll(/(?:import\("([^"]+)"\)\.)?(?<![.\w])([A-Z]\w+)/g)) {
    const isOurs = from ? from.startsWith("./") : beside.has(name);
    if (isOurs && !(isModule && beside.has(name)) && !exported.has(name) && !(name in CLASSES)) {
      unknown.add(`${name}, in ${file}`);
    }
  }
}

/**
 * Return a comment as Markdown: the text, then the parameters, the result and the errors.
 *
 * @param {string} comment
 */
function described(comment) {
  const [text = "", ...tags] = comment.split(/^@/m);
  const lines = tags.flatMap((tag) => {
    const [, kind = "", after = ""] = /^(\w+)\s*([\s\S]*)$/.exec(tag) ?? [];
    if (kind === "typedef" || kind === "template") {
      return [];
    }
    const { type, rest } = braced(after.trim());
    if (kind === "param") {
      const [, name = "", words = ""] = /^\[?([\w.]+)[^\s\]]*\]?\s*([\s\S]*)$/.exec(rest) ?? [];
      return words ? [`- \`${name}\`: ${inline(words)}`] : [];
    }
    const what = kind === "throws" ? `throws ${plain(type)}` : kind;
    return rest || kind === "throws" ? [`- ${what}: ${inline(rest)}`.replace(/: $/, "")] : [];
  });
  return [text.trim(), lines.join("\n")].filter(Boolean).join("\n\n");
}

/** @param {string} words */
const inline = (words) => words.trim().replaceAll(/\s*\n\s*/g, " ");

/**
 * Return the type in braces at the beginning of a text, and the rest.
 *
 * @param {string} text
 */
function braced(text) {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    depth += text[index] === "{" ? 1 : text[index] === "}" ? -1 : 0;
    if (depth === 0) {
      const isBraced = text[0] === "{";
      return isBraced ? { type: text.slice(1, index), rest: text.slice(index + 1).trim() } : { type: "", rest: text };
    }
  }
  return { type: "", rest: text };
}

/** @param {string} text */
const code = (text) => `\`\`\`ts\n${plain(text)}\n\`\`\``;

/** @param {string[]} parts */
const paragraphs = (...parts) => parts.filter(Boolean).join("\n\n");

/** @param {keyof typeof CLASSES} name */
function classSection(name) {
  const file = CLASSES[name].replace(".js", ".d.ts");
  const declared = declarations(read(file)).find((each) => each.name === name);
  if (!declared) {
    throw new Error(`types/${file} does not declare ${name}`);
  }
  const members = declarations(declared.text.split("\n").slice(1, -1).join("\n"), "    ")
    .filter((member) => !member.name.startsWith("#") && !member.text.startsWith("#"));
  return paragraphs(
    `## ${name}`,
    described(declared.comment),
    ...members.map((member) => {
      check(member.text, file);
      return paragraphs(`### ${name}: ${member.name.replace(/^\[(.*)\]$/, "`$1`")}`, code(member.text), described(member.comment));
    }),
  );
}

/** @param {keyof typeof BINDINGS} module */
function bindingSection(module) {
  const file = `${module}.d.ts`;
  const functions = declarations(read(file)).filter(({ text }) => !text.startsWith("export type"));
  return paragraphs(
    `## ${BINDINGS[module]}: \`django-realtime-client/${module}\``,
    ...functions.map(({ text, comment }) => {
      check(text, file, true);
      return paragraphs(code(text.replace(/^export declare /, "")), described(comment));
    }),
  );
}

function typeSection() {
  const names = [...exported.keys()].sort();
  return paragraphs(
    "## Types",
    ...names.map((name) => {
      const file = /** @type {string} */ (exported.get(name));
      const declared = declarations(read(file)).find((each) => each.name === name);
      if (!declared) {
        throw new Error(`types/${file} does not declare ${name}`);
      }
      check(declared.text, file);
      const text = declared.text
        .replace(/^export /, "")
        // A comment of one sentence takes one line.
        .replaceAll(/\/\*\*\s+\*([\s\S]*?)\s+\*\//g, (_, words) => `/** ${inline(words.replaceAll(/\n\s*\*/g, "\n"))} */`);
      const comment = declared.comment.includes("@typedef") ? "" : described(declared.comment);
      return paragraphs(`### ${name}`, comment, code(text));
    }),
  );
}

const page = `${paragraphs(
  HEAD.trim(),
  ...Object.keys(CLASSES).map((name) => classSection(/** @type {keyof typeof CLASSES} */ (name))),
  ...Object.keys(BINDINGS).map((name) => bindingSection(/** @type {keyof typeof BINDINGS} */ (name))),
  typeSection(),
)}\n`;

if (unknown.size > 0) {
  console.error(`Signatures name what src/index.js does not export: ${[...unknown].join("; ")}`);
  process.exitCode = 1;
} else if (!process.argv.includes("--check")) {
  writeFileSync(PAGE, page);
} else if (readFileSync(PAGE, "utf8") !== page) {
  console.error("docs/client.md is out of date: npm --prefix client run types");
  process.exitCode = 1;
}
