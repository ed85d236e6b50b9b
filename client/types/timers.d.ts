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
export type Timers = {
    /**
     * milliseconds since a fixed moment, whatever happens to the
     * computer's clock
     */
    now: () => number;
    /**
     *   calls back once, after so many milliseconds
     */
    set: (callback: () => void, delay: number) => unknown;
    /**
     * takes a result of `set`, or undefined
     */
    clear: (timer: any) => void;
};
/** @type {Timers} */
export declare const systemTimers: Timers;
