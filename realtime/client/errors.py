"""Define the errors that end a command, a room or the client.

The docstring of each is its default message, and the codes are those of the JavaScript client.
"""

from __future__ import annotations

from typing import Any

PASSING = frozenset({"UNAVAILABLE", "RATE_LIMITED"})
"""Refusals after which the same command may succeed in a while."""


class RealtimeError(Exception):
    """The client failed."""

    code = "CLIENT_FAILED"
    """One of the protocol's error codes (docs/protocol.md), or one of the client's own."""

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)
        self.code = code or self.code


class InvalidData(RealtimeError, ValueError):
    """The data cannot be sent: `INVALID_DATA`, or `MESSAGE_TOO_LARGE`."""

    code = "INVALID_DATA"


class Refused(RealtimeError):
    """The server refused a command."""

    def __init__(self, payload: dict[str, Any]) -> None:
        """`payload` is the payload of the protocol's `error` message."""
        self.payload = payload
        wait = payload.get("retry_after")
        self.details: Any = payload.get("details")
        self.retry_after = max(0.0, wait) if isinstance(wait, int | float) else None
        """Seconds."""
        super().__init__(f"{payload['code']}: {payload['message']}", code=payload["code"])


class Stopped(RealtimeError):
    """The client has stopped, and does not connect again."""

    code = "CLOSED"


class RoomClosed(RealtimeError):
    """The room was left, or may no longer be seen."""

    code = "LEFT"


class UserChanged(RoomClosed):
    """Another user is signed in now: join again. An update without an answer may have happened."""

    code = "USER_CHANGED"


class QueueFull(RealtimeError):
    """Too many updates wait for a connection."""

    code = "QUEUE_FULL"


class Overrun(RealtimeError):
    """Too many messages of the room were not read."""

    code = "OVERRUN"


class ConnectionFailed(RealtimeError):
    """A connection did not come about, or was given up; the next attempt follows."""

    code = "CONNECTION_FAILED"


class Disconnected(RealtimeError):
    """The connection ended before the reply. Only the client itself meets this one."""

    code = "CONNECTION_LOST"
