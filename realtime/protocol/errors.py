"""Define error codes, close codes, and the exception that carries them."""

from __future__ import annotations

import enum
from typing import Any


class ErrorCode(enum.StrEnum):
    """Name what is wrong with a command or a connection."""

    INVALID_JSON = "INVALID_JSON"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    NOT_JOINED = "NOT_JOINED"
    FORBIDDEN = "FORBIDDEN"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_MANY_PROJECTS = "TOO_MANY_PROJECTS"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    TOKEN_MISSING = "TOKEN_MISSING"
    TOKEN_INVALID = "TOKEN_INVALID"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    USER_INACTIVE = "USER_INACTIVE"
    DISCONNECTED = "DISCONNECTED"
    ORIGIN_FORBIDDEN = "ORIGIN_FORBIDDEN"


def not_found_code(kind: str) -> str:
    """Return the code for a room that is missing, or hidden from the user: `PROJECT_NOT_FOUND`."""
    return f"{kind.upper()}_NOT_FOUND"


@enum.unique
class CloseCode(enum.IntEnum):
    """Tell a client how to go on: 40xx stop, 41xx get a new token, 42xx reconnect later."""

    USER_INACTIVE = 4003
    ORIGIN_FORBIDDEN = 4004
    DISCONNECTED = 4005
    PROTOCOL_ABUSE = 4008
    TOKEN_INVALID = 4101
    TOKEN_EXPIRED = 4102
    RATE_LIMITED = 4201
    TOO_SLOW = 4202
    DRAINING = 4203
    UNAVAILABLE = 4204


CLOSE_CODES: dict[ErrorCode | str, CloseCode] = {
    ErrorCode.USER_INACTIVE: CloseCode.USER_INACTIVE,
    ErrorCode.DISCONNECTED: CloseCode.DISCONNECTED,
    ErrorCode.ORIGIN_FORBIDDEN: CloseCode.ORIGIN_FORBIDDEN,
    ErrorCode.TOKEN_MISSING: CloseCode.TOKEN_INVALID,
    ErrorCode.TOKEN_INVALID: CloseCode.TOKEN_INVALID,
    ErrorCode.TOKEN_EXPIRED: CloseCode.TOKEN_EXPIRED,
    ErrorCode.RATE_LIMITED: CloseCode.RATE_LIMITED,
    ErrorCode.NOT_JOINED: CloseCode.PROTOCOL_ABUSE,
    ErrorCode.UNAVAILABLE: CloseCode.UNAVAILABLE,
    ErrorCode.INTERNAL_ERROR: CloseCode.UNAVAILABLE,
}
"""The close code for an error that ends a socket."""


class ProtocolError(Exception):
    """Refuse a command or a connection, in words for its client."""

    def __init__(
        self,
        code: ErrorCode | str,
        message: str,
        *,
        ref: str | int | None = None,
        details: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.ref = ref
        self.details = details
        self.retry_after = retry_after
