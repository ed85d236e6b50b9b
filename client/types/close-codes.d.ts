/**
 * Return the instruction of a close code, which is in its range.
 *
 * @param {number | undefined} code undefined if there was no close frame
 * @returns {"stop" | "token" | "retry"} `token`: get a new one, then reconnect
 */
export declare function instruction(code?: number | undefined): "stop" | "token" | "retry";
