/**
 * The clock that everything here goes by; tests bring one of their own.
 *
 * @typedef {object} Timers
 * @property {() => number} now milliseconds since 1970
 * @property {(callback: () => void, delay: number) => unknown} set
 *   calls back once, after so many milliseconds
 * @property {(timer: any) => void} clear takes what `set` returned, or undefined
 */

/** @type {Timers} */
export const systemTimers = {
  // Goes on while a computer sleeps, which performance.now() does not everywhere.
  now: () => Date.now(),
  set: (callback, delay) => setTimeout(callback, delay),
  clear: (timer) => clearTimeout(timer),
};
