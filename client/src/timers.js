/**
 * Describe the clock of the client; tests pass one of their own.
 *
 * @typedef {object} Timers
 * @property {() => number} now milliseconds since a fixed moment, whatever happens to the
 *   computer's clock
 * @property {(callback: () => void, delay: number) => unknown} set
 *   calls back once, after so many milliseconds
 * @property {(timer: any) => void} clear takes a result of `set`, or undefined
 */

/** @type {Timers} */
export const systemTimers = {
  now: () => performance.now(),
  set: (callback, delay) => setTimeout(callback, delay),
  clear: (timer) => clearTimeout(timer),
};
