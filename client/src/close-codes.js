/**
 * Return the instruction of a close code, which is in its range.
 *
 * @param {number | undefined} code undefined if there was no close frame
 * @returns {"stop" | "token" | "retry"} `token`: get a new one, then reconnect
 */
export function instruction(code = 0) {
  if (code >= 4000 && code < 4100) {
    return "stop";
  }
  return code >= 4100 && code < 4200 ? "token" : "retry";
}
