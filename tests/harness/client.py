"""A WebSocket client written from the protocol page alone: it knows nothing of the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Message = dict[str, Any]

TIMEOUT = 30.0
"""Seconds that a client waits before a test fails."""

QUIET = 0.4
"""Seconds without a message that count as silence."""


class Client:
    """An open connection; messages wait in order until they are received."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket

    @classmethod
    async def connect(cls, url: str, token: str | None = None, **options: Any) -> Self:
        """Connect as the page says, `ws://host:port?token=…`; `options` go to websockets."""
        if token is not None:
            url = f"{url}?token={token}"
        return cls(await connect(url, proxy=None, **options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.websocket.close()

    async def send(
        self, message_type: str, payload: Message | None = None, **envelope: Any
    ) -> None:
        """Send a message; `envelope` are fields beside `type` and `payload`."""
        message = {"type": message_type, "payload": payload or {}} | envelope
        await self.websocket.send(json.dumps(message))

    async def send_raw(self, frame: str | bytes) -> None:
        await self.websocket.send(frame)

    async def receive(self, timeout: float = TIMEOUT) -> Message:
        """Return the next message; TimeoutError or ConnectionClosed if there is none."""
        async with asyncio.timeout(timeout):
            frame = await self.websocket.recv()
        assert isinstance(frame, str), "messages are text"
        message = json.loads(frame)
        assert isinstance(message, dict)
        return message

    async def expect(self, message_type: str, timeout: float = TIMEOUT) -> Message:
        """Return the next message, which must be of this type."""
        message = await self.receive(timeout)
        assert message["type"] == message_type, message
        return message

    async def wait_for(self, message_type: str, timeout: float = TIMEOUT) -> Message:
        """Return the next message of this type, letting go of others before it."""
        async with asyncio.timeout(timeout):
            while (message := await self.receive(timeout))["type"] != message_type:
                pass
        return message

    async def drain(self, quiet: float = QUIET) -> list[Message]:
        """Return all messages until there is none for `quiet` seconds, or the end."""
        messages = []
        try:
            while True:
                messages.append(await self.receive(quiet))
        except (TimeoutError, ConnectionClosed):
            return messages

    async def expect_close(self, timeout: float = TIMEOUT) -> int:
        """Return the code of the close that must come next."""
        try:
            message = await self.receive(timeout)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "closed without a close frame"
            return closed.rcvd.code
        raise AssertionError(f"not closed but {message}")

    async def join(self, key: int, *, kind: str = "project") -> Message:
        """Join and return the own `user_joined`, which ends the joining."""
        await self.send(f"join_{kind}", {f"{kind}_id": key})
        return await self.expect("user_joined")

    async def close(self) -> None:
        await self.websocket.close()
