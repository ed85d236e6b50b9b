/**
 * Return the wait before a reconnection: exponential backoff with full jitter.
 *
 * @param {number} attempt 0 for the first; it has jitter, too: all clients of a server that restarts
 *   lose it at the same moment
 * @param {() => number} random as Math.random
 * @returns {number} milliseconds
 */
export declare function backoff(attempt: number, random: () => number): number;
