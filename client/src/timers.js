/**
 * The clock that everything here goes by; tests bring one of their own.
 *
 * @typedef {object} Timers
 * @property {() => number} now milliseconds since some fixed moment; no change of the computer's
 *   clock moves it
 * @property {(callback: () => void, delay: number) => unknown} set
 *   calls back once, after so many milliseconds
 * @property {(timer: any) => void} clear takes what `set` returned, or undefined
 */

/** @type {Timers} */
export const systemTimers = {
  now: () => performance.now(),
  set: (callback, delay) => setTimeout(callback, delay),
  clear: (timer) => clearTimeout(timer),
};
