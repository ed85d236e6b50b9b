"""Give the one server process of a test a channel layer that reaches nobody."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.layers import BaseChannelLayer


class SilentLayer(BaseChannelLayer):
    """Take every message and deliver none: a process shows its own events, and reads the log."""

    extensions = ["groups"]

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        pass

    async def receive(self, channel: str) -> dict[str, Any]:  # noqa: ARG002  (none ever comes)
        never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        return await never

    async def new_channel(self, prefix: str = "testing") -> str:
        return f"{prefix}!channel"

    async def group_add(self, group: str, channel: str) -> None:
        pass

    async def group_discard(self, group: str, channel: str) -> None:
        pass

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        pass
