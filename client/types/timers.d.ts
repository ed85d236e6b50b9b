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
export type Timers = {
    /**
     * milliseconds since some fixed moment; no change of the computer's
     * clock moves it
     */
    now: () => number;
    /**
     *   calls back once, after so many milliseconds
     */
    set: (callback: () => void, delay: number) => unknown;
    /**
     * takes what `set` returned, or undefined
     */
    clear: (timer: any) => void;
};
/** @type {Timers} */
export declare const systemTimers: Timers;
