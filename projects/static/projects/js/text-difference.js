/**
 * Find the difference of two texts, word by word: to show it to a person, and to keep a caret in its
 * place while the text around it changes.
 *
 * A `Change` is `{at, deleted, inserted}`: a position, the text that goes there, and the text that
 * comes in its place. Positions count UTF-16 code units, as a textarea does.
 */

/** Words, runs of white space, and single characters: no pair of surrogates is ever parted. */
const TOKENS = /[\p{L}\p{N}][\p{L}\p{M}\p{N}'’]*|\s+|./gsu;

/** Insertions and deletions that are looked for; texts that differ more are replaced as a whole. */
const MOST = 400;

/**
 * Return the parts of which both texts consist, in order.
 *
 * @param {string} before
 * @param {string} after
 * @returns {{kind: "same" | "deleted" | "inserted", text: string}[]}
 */
export function parts(before, after) {
  const [old, fresh] = [before.match(TOKENS) ?? [], after.match(TOKENS) ?? []];
  const start = common(old, fresh);
  const end = common(old.slice(start).reverse(), fresh.slice(start).reverse());
  const found = [];
  add(found, "same", old.slice(0, start));
  between(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end), found);
  add(found, "same", old.slice(old.length - end));
  return found;
}

/**
 * Return the changes that make one text of another: each applies to what those before it made.
 *
 * @returns {{at: number, deleted: string, inserted: string}[]}
 */
export function changes(before, after) {
  const found = [];
  let at = 0;
  for (const { kind, text } of parts(before, after)) {
    const last = found.at(-1);
    if (kind === "deleted") found.push({ at, deleted: text, inserted: "" });
    else if (kind === "inserted" && last?.at === at) last.inserted = text;
    else if (kind === "inserted") found.push({ at, deleted: "", inserted: text });
    if (kind !== "deleted") at += text.length;
  }
  return found;
}

/** Return the one change that makes one text of another, as a key or a paste does. */
export function change(before, after) {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start += 1;
  if (isHigh(before[start - 1])) start -= 1;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (end && isLow(before.at(-end))) end -= 1;
  return {
    at: start,
    deleted: before.slice(start, before.length - end),
    inserted: after.slice(start, after.length - end),
  };
}

/** Return where a position of the text before a change is after it. */
export function moved(position, { at, deleted, inserted }) {
  if (position <= at) return position;
  if (position >= at + deleted.length) return position + inserted.length - deleted.length;
  return at + Math.min(position - at, inserted.length);
}

function isHigh(unit) {
  return unit >= "\ud800" && unit < "\udc00";
}

function isLow(unit) {
  return unit >= "\udc00" && unit < "\ue000";
}

function common(one, other) {
  let count = 0;
  while (count < one.length && count < other.length && one[count] === other[count]) count += 1;
  return count;
}

/** Find the shortest way from one list to the other: Myers, An O(ND) Difference Algorithm, 1986. */
function between(old, fresh, found) {
  const rounds = [];
  let reach = new Map([[1, 0]]);
  for (let depth = 0; depth <= Math.min(MOST, old.length + fresh.length); depth += 1) {
    rounds.push(reach);
    reach = new Map(reach);
    for (let k = -depth; k <= depth; k += 2) {
      let x = isDown(reach, k, depth) ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < old.length && x - k < fresh.length && old[x] === fresh[x - k]) x += 1;
      reach.set(k, x);
      if (x >= old.length && x - k >= fresh.length) {
        trace(rounds, old, fresh, found);
        return;
      }
    }
  }
  add(found, "deleted", old);
  add(found, "inserted", fresh);
}

function isDown(reach, k, depth) {
  return k === -depth || (k !== depth && reach.get(k - 1) < reach.get(k + 1));
}

/** Walk back from the end through the rounds, and note each step in the order of the text. */
function trace(rounds, old, fresh, found) {
  const steps = [];
  let [x, y] = [old.length, fresh.length];
  for (let depth = rounds.length - 1; depth >= 0; depth -= 1) {
    const reach = rounds[depth];
    const k = x - y;
    const before = isDown(reach, k, depth) ? k + 1 : k - 1;
    const [startX, startY] = [reach.get(before), reach.get(before) - before];
    while (x > startX && y > startY) {
      steps.push(["same", old[--x]]);
      y -= 1;
    }
    if (depth === 0) break;
    if (x === startX) steps.push(["inserted", fresh[--y]]);
    else steps.push(["deleted", old[--x]]);
  }
  for (const [kind, token] of steps.reverse()) add(found, kind, [token]);
}

function add(found, kind, tokens) {
  if (!tokens.length) return;
  const text = tokens.join("");
  const last = found.at(-1);
  if (last?.kind === kind) last.text += text;
  else if (kind === "deleted" && last?.kind === "inserted") {
    // A deleted part comes before the part in its place.
    const before = found.at(-2);
    if (before?.kind === "deleted") before.text += text;
    else found.splice(-1, 0, { kind, text });
  } else found.push({ kind, text });
}
