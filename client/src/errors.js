/**
 * Why a command, a room or the connection came to an end.
 *
 * `code` is one of the protocol's error codes (docs/protocol.md), or one of the client's own:
 *
 * - `QUEUE_FULL`: too many updates of the room wait already
 * - `INVALID_DATA`: the data cannot be sent as JSON
 * - `ACCESS_REVOKED`: the user may no longer see the project, or it was deleted
 * - `LEFT`: the room was left before
 * - `CLOSED`: `close` was called
 * - `TOKEN_UNAVAILABLE`: the token function failed; it is asked again
 * - `CONNECTION_FAILED`: the platform refused to make a WebSocket
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
   * @internal
   */
  static from({ code, message, details, retry_after: retryAfter }) {
    return new RealtimeError(code, message, { details, retryAfter });
  }
}
