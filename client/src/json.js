import { RealtimeError } from "./errors.js";
import { isObject } from "./merge.js";

/** Levels that the server takes in a message, without those of the envelope. */
const MAX_DEPTH = 29;
/** Bytes of a message that the server takes, without those that `ref` may need. */
const MAX_SIZE = 64 * 1024 - 64;

/**
 * Return a copy of an object as JSON carries it; the caller may change theirs meanwhile.
 *
 * Refuse data that the server would refuse without naming the command.
 *
 * @param {unknown} data
 * @returns {import("./merge.js").Json}
 * @throws {RealtimeError} INVALID_DATA
 */
export function copy(data) {
  if (!isObject(data)) {
    throw invalid("data", "must be an object");
  }
  return copyValue(data, "data", MAX_DEPTH);
}

/**
 * Refuse a message that is larger than the server takes.
 *
 * @param {object} message all of it but `ref`
 * @throws {RealtimeError} MESSAGE_TOO_LARGE
 */
export function checkSize(message) {
  const text = JSON.stringify(message);
  if (text.length > MAX_SIZE || new TextEncoder().encode(text).length > MAX_SIZE) {
    throw new RealtimeError("MESSAGE_TOO_LARGE", "A message may have 64 KiB at most");
  }
}

/**
 * @param {any} value
 * @param {string} path
 * @param {number} depth
 * @returns {any}
 */
function copyValue(value, path, depth) {
  if (typeof value?.toJSON === "function") {
    return copyValue(value.toJSON(), path, depth);
  }
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return checkString(value, path);
    case "number":
      return checkNumber(value, path);
    case "object":
      if (value === null) {
        return null;
      }
      if (depth === 0) {
        throw invalid(path, "is nested too deeply");
      }
      return Array.isArray(value)
        ? value.map((item, index) => copyValue(item, `${path}[${index}]`, depth - 1))
        : copyObject(value, path, depth - 1);
    default:
      throw invalid(path, `is a ${typeof value}, which JSON does not have`);
  }
}

/**
 * @param {import("./merge.js").Json} value
 * @param {string} path
 * @param {number} depth
 */
function copyObject(value, path, depth) {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([key, member]) => {
      const where = `${path}.${key}`;
      return [checkString(key, where), copyValue(member, where, depth)];
    }),
  );
}

/**
 * @param {string} value
 * @param {string} path
 */
function checkString(value, path) {
  // With the flag `u` a surrogate matches only if it stands alone.
  if (/\p{Surrogate}/u.test(value)) {
    throw invalid(path, "has a lone surrogate");
  }
  return value;
}

/**
 * @param {number} value
 * @param {string} path
 */
function checkNumber(value, path) {
  // 64 bits, for fractions too; false for NaN.
  const isInRange = value >= -(2 ** 63) && value < 2 ** 63;
  if (!isInRange) {
    throw invalid(path, `is ${value}, which is out of range`);
  }
  return value;
}

/**
 * @param {string} path
 * @param {string} problem
 */
function invalid(path, problem) {
  return new RealtimeError("INVALID_DATA", `${path} ${problem}`);
}
