/** Milliseconds; docs/protocol.md has the formula. */
const BASE = 500;
const LIMIT = 20_000;
/** Attempts after which it grows no more; keeps the power a finite number. */
const STEPS = 16;

/**
 * Return how long to wait before a reconnection: exponential backoff with full jitter.
 *
 * @param {number} attempt 0 for the first; it is jittered too, as all clients of a server that
 *   restarts lose it at the same moment
 * @param {() => number} random as Math.random
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  return Math.min(LIMIT, BASE + random() * BASE * 2 ** Math.min(attempt, STEPS));
}
