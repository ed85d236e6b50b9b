/**
 * Return what a close code asks the client to do: its range is the instruction.
 *
 * @param {number | undefined} code undefined where there was no close frame
 * @returns {"stop" | "token" | "retry"} `token`: get a new one, then reconnect
 */
export function instruction(code = 0) {
  if (code >= 4000 && code < 4100) {
    return "stop";
  }
  return code >= 4100 && code < 4200 ? "token" : "retry";
}
