"""What the client raises. The docstring is the message, unless another is given."""

from __future__ import annotations

from typing import Any


class RealtimeError(Exception):
    """The client failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class Refused(RealtimeError):
    """The server refused a command."""

    def __init__(self, payload: dict[str, Any]) -> None:
        """`payload` is that of the protocol's `error` message."""
        self.code: str = payload["code"]
        self.details: Any = payload.get("details")
        self.retry_after: float | None = payload.get("retry_after")
        """Seconds."""
        super().__init__(f"{self.code}: {payload['message']}")


class Stopped(RealtimeError):
    """The client has stopped, and does not connect again."""


class RoomClosed(RealtimeError):
    """The room was left, or may no longer be seen."""


class QueueFull(RealtimeError):
    """Too many updates wait for a connection."""


class Overrun(RealtimeError):
    """Too many messages of the room were not read."""


class Disconnected(RealtimeError):
    """The connection ended before the reply. Only the client itself meets this one."""
