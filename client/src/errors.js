/** Errors after which the same command may succeed in a while. */
export const PASSING = new Set(["RATE_LIMITED", "UNAVAILABLE"]);

/**
 * Error codes of the protocol (docs/protocol.md).
 *
 * @typedef {"INVALID_JSON" | "INVALID_MESSAGE" | "UNKNOWN_TYPE" | "MESSAGE_TOO_LARGE"
 *   | `${Uppercase<string>}_NOT_FOUND` | "NOT_JOINED" | "FORBIDDEN" | "VALIDATION_ERROR" | "CONFLICT"
 *   | "RATE_LIMITED" | "TOO_MANY_PROJECTS" | "UNAVAILABLE" | "INTERNAL_ERROR" | "TOKEN_MISSING"
 *   | "TOKEN_INVALID" | "TOKEN_EXPIRED" | "USER_INACTIVE" | "DISCONNECTED" | "ORIGIN_FORBIDDEN"
 * } ServerErrorCode
 *
 * Error codes of the client's own.
 *
 * @typedef {"QUEUE_FULL" | "OVERRUN" | "INVALID_DATA" | "USER_CHANGED" | "ACCESS_REVOKED" | "LEFT" | "CLOSED"
 *   | "TOKEN_UNAVAILABLE" | "CONNECTION_FAILED"} ClientErrorCode
 *
 * Any code; a later server may have more.
 *
 * @typedef {ServerErrorCode | ClientErrorCode | (string & {})} ErrorCode
 *
 * Reasons of a `StateChange`.
 *
 * @typedef {ErrorCode | "IDLE" | "CONNECTION_LOST" | "CONNECT_TIMEOUT" | "NO_PONG"
 *   | "REPLY_TIMEOUT" | "BAD_MESSAGE" | "SERVER_DRAINING"} Reason
 */

/**
 * Tell why a command, a room or the connection came to an end.
 *
 * `code` is one of the protocol's error codes (docs/protocol.md), or one of the client's own:
 *
 * - `QUEUE_FULL`: too many updates of the room wait already
 * - `OVERRUN`: a `for await` did not take the messages of a room in time
 * - `INVALID_DATA`: the data cannot be sent as JSON
 * - `USER_CHANGED`: after a reconnection another user is signed in; `join` again. An update without
 *   an answer may have happened, or not
 * - `ACCESS_REVOKED`: the user may no longer see the room's object, or it was deleted
 * - `LEFT`: the room was left before
 * - `CLOSED`: `close` was called
 * - `TOKEN_UNAVAILABLE`: the token function failed; it is asked again
 * - `CONNECTION_FAILED`: the platform refused to make a WebSocket
 *
 * `MESSAGE_TOO_LARGE` may be the client's own, too: for an update that is too large for the server,
 * or for a message that is too large for the WebSocket, as by `maxPayload` of `ws`.
 */
export class RealtimeError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {{ details?: unknown, retryAfter?: number, cause?: unknown }} [more]
   */
  constructor(code, message, { details, retryAfter, cause } = {}) {
    super(message, { cause });
    this.name = "RealtimeError";
    this.code = code;
    /** Details from the server: messages by field, or the current values of a conflict. */
    this.details = details;
    /** Seconds to wait before the next try, if the server names them. */
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
