/** Check the server's replies; a wrong one ends the connection. */

import { isObject } from "./merge.js";

/**
 * @param {any} payload
 * @param {string} kind
 * @returns {import("./protocol.js").JoinAck} with the state under `state`, whatever the kind
 * @throws {TypeError}
 */
export function checkJoinAck(payload, kind) {
  const { seq, user_id, role, [kind]: state, members, member_count = 0, tasks } = payload;
  check(Number.isSafeInteger(member_count), "join");
  const isWhole = Number.isSafeInteger(seq) && user_id !== undefined && typeof role === "string";
  check(isWhole && isObject(state) && [members, tasks].every(isListOfObjects), "join");
  return { ...payload, state };
}

/**
 * @param {any} payload
 * @returns {import("./protocol.js").UpdateAck}
 * @throws {TypeError}
 */
export function checkUpdateAck(payload) {
  check(Number.isSafeInteger(payload.seq) && isObject(payload.changes), "update");
  return payload;
}

/** @param {unknown} value */
function isListOfObjects(value) {
  return Array.isArray(value) && value.every(isObject);
}

/**
 * @param {boolean} isGood
 * @param {string} what
 */
function check(isGood, what) {
  if (!isGood) {
    throw new TypeError(`The acknowledgement of the ${what} is not one`);
  }
}
