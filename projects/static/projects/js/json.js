/** JSON values: whether two are the same, what lies at a path, and merge patches (RFC 7396). */

/** Characters of JSON that stand on one line. */
const LINE = 56;

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Say whether two values are the same JSON, whatever the order of their keys. */
export function same(one, other) {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]))
  );
}

/** Return the value at a path such as ["content", "mood"], or undefined. */
export function at(state, path) {
  return path.reduce(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    state,
  );
}

/** Return an object that holds only this value, at this path. */
export function holding(path, value) {
  return path.reduceRight((inner, key) => ({ [key]: inner }), value);
}

/** Return the text of a value, for people: what is short stands on one line. */
export function format(value, indent = "") {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const parts = (inner) =>
    Object.entries(value).map(
      ([key, item]) => (isList ? "" : `${JSON.stringify(key)}: `) + format(item, inner),
    );
  const [open, close] = isList ? "[]" : "{}";
  const line = open + parts("").join(", ") + close;
  if (line.length <= LINE && !line.includes("\n")) return line;
  const inner = `${indent}  `;
  return `${open}\n${inner}${parts(inner).join(`,\n${inner}`)}\n${indent}${close}`;
}

/** Return what a merge patch makes of a value; undefined stands for "not there". */
export function patched(value, patch) {
  if (patch === null) return undefined;
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(value) ? Object.entries(value) : []);
  for (const [key, inner] of Object.entries(patch)) {
    const made = patched(merged.get(key), inner);
    if (made === undefined) merged.delete(key);
    else merged.set(key, made);
  }
  // Unlike an assignment, this takes "__proto__" for a key like any other.
  return Object.fromEntries(merged);
}

/** Return the merge patch that makes `after` of `before`; undefined stands for "not there". */
export function diff(before, after) {
  if (after === undefined) return null;
  if (!isObject(before) || !isObject(after)) return after;
  const patch = {};
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) patch[key] = null;
  }
  for (const [key, value] of Object.entries(after)) {
    if (!same(before[key], value)) patch[key] = diff(before[key], value);
  }
  return patch;
}
