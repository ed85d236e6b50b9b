/** After these errors the same command may succeed in a while. */
export const PASSING = new Set(["RATE_LIMITED", "UNAVAILABLE"]);

/**
 * Why a command, a room or the connection came to an end.
 *
 * `code` is one of the protocol's error codes (docs/protocol.md), or one of the client's own:
 *
 * - `QUEUE_FULL`: too many updates of the room wait already
 * - `INVALID_DATA`: the data cannot be sent as JSON
 * - `USER_CHANGED`: after a reconnection another user is signed in; `join` again. An update that had
 *   no answer may have happened, or not
 * - `ACCESS_REVOKED`: the user may no longer see the project, or it was deleted
 * - `LEFT`: the room was left before
 * - `CLOSED`: `close` was called
 * - `TOKEN_UNAVAILABLE`: the token function failed; it is asked again
 * - `CONNECTION_FAILED`: the platform refused to make a WebSocket
 *
 * `MESSAGE_TOO_LARGE` may be the client's own, too: for an update that the server would not take, or
 * for a message of the server's that the WebSocket does not take, as with `maxPayload` of `ws`.
 */
export class RealtimeError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ details?: unknown, retryAfter?: number, cause?: unknown }} [more]
   */
  constructor(code, message, { details, retryAfter, cause } = {}) {
    super(message, { cause });
    this.name = "RealtimeError";
    this.code = code;
    /** What more the server says: messages by field, the current values of a conflict. */
    this.details = details;
    /** Seconds to wait before the next try, where the server names them. */
    this.retryAfter = retryAfter;
  }

  /**
   * @param {import("./protocol.js").ErrorPayload} payload of an `error` message
   * @returns {RealtimeError}
   * @throws {TypeError} if it is none
   * @internal
   */
  static from({ code, message, details, retry_after: wait }) {
    if (typeof code !== "string") {
      throw new TypeError("An error without a code");
    }
    const retryAfter = typeof wait === "number" && wait >= 0 ? wait : undefined;
    return new RealtimeError(code, message, { details, retryAfter });
  }
}
