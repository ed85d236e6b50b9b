/**
 * Return what a close code asks the client to do: its range is the instruction.
 *
 * @param {number | undefined} code undefined where there was no close frame
 * @returns {"stop" | "token" | "retry"} `token`: get a new one, then reconnect
 */
export declare function instruction(code?: number | undefined): "stop" | "token" | "retry";
