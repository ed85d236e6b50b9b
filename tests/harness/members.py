"""Sockets of a room in this process, without a connection."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.live.room import Subscriber
from realtime.transport.outbox import Outbox


class Client(Subscriber):
    """A socket that notes what reaches it."""

    __slots__ = ("received",)

    def __init__(self, user_id: int = 1) -> None:
        self.received: list[str] = []
        super().__init__(
            user_id,
            [("project", f"user{user_id}")],
            Outbox(self.send, limit=10**6, timeout=60, abort=pytest.fail),
        )

    async def send(self, message: dict[str, Any]) -> None:
        self.received.append(message["text"] if "text" in message else str(message["code"]))
