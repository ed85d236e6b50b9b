/** Milliseconds of the formula in docs/protocol.md. */
const BASE = 500;
const LIMIT = 20_000;
/** Attempts after which the wait grows no more; keeps the power a finite number. */
const STEPS = 16;

/**
 * Return the wait before a reconnection: exponential backoff with full jitter.
 *
 * @param {number} attempt 0 for the first; it has jitter, too: all clients of a server that restarts
 *   lose it at the same moment
 * @param {() => number} random as Math.random
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  return Math.min(LIMIT, BASE + random() * BASE * 2 ** Math.min(attempt, STEPS));
}
