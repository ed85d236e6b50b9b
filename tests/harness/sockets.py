"""Clients that talk to the consumer in this process, through Channels' own communicator."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from channels.testing import WebsocketCommunicator

from realtime.asgi import websocket_application

Message = dict[str, Any]

application = websocket_application()
TIMEOUT = 20.0


class Socket:
    """An open socket; its messages are collected as they come."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator
        self._refs = itertools.count(1)
        self.messages: list[Message] = []
        """Everything that was received and not waited for yet."""

    @classmethod
    async def connect(
        cls, token: str | None, path: str = "/", headers: Mapping[str, str] | None = None
    ) -> Self:
        query = "" if token is None else f"?token={token}"
        given = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        communicator = WebsocketCommunicator(application, path + query, headers=given)
        connected, _ = await communicator.connect(timeout=TIMEOUT)
        assert connected
        return cls(communicator)

    async def send(self, type_: str, payload: Message | None = None, **envelope: Any) -> None:
        await self._communicator.send_json_to({"type": type_, "payload": payload or {}} | envelope)

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        await self._communicator.send_to(text_data=text, bytes_data=data)

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        return dict(await self._communicator.receive_json_from(timeout=TIMEOUT))

    async def receive_text(self) -> str:
        """Return the next frame as it came; for what must hold of its bytes."""
        assert not self.messages
        return str(await self._communicator.receive_from(timeout=TIMEOUT))

    async def expect(self, type_: str) -> Message:
        message = await self.receive()
        assert message["type"] == type_, message
        return message

    async def call(self, type_: str, payload: Message | None = None, **envelope: Any) -> Message:
        """Send a command and return its one reply; what comes before it is kept."""
        ref = next(self._refs)
        await self.send(type_, payload, ref=ref, **envelope)
        kept = []
        while (message := await self.receive()).get("ref") != ref:
            kept.append(message)
        self.messages = kept + self.messages
        return message

    async def join(self, key: Any, kind: str = "project", **payload: Any) -> Message:
        """Join and return the acknowledgement's payload."""
        reply = await self.call(f"join_{kind}", {f"{kind}_id": key, **payload})
        assert reply["type"] == "ack", reply
        return dict(reply["payload"])

    async def update(
        self, key: Any, data: Message, kind: str = "project", **envelope: Any
    ) -> Message:
        return await self.call(f"update_{kind}", {f"{kind}_id": key, "data": data}, **envelope)

    async def until(self, type_: str) -> Message:
        """Return the next message of that type, letting go of others before it."""
        while (message := await self.receive())["type"] != type_:
            pass
        return message

    async def closed(self) -> int:
        """Return the code of the close, which must be next."""
        assert not self.messages
        event = await self._communicator.receive_output(timeout=TIMEOUT)
        assert event["type"] == "websocket.close", event
        return int(event["code"])

    async def is_silent(self) -> bool:
        return not self.messages and await self._communicator.receive_nothing(timeout=0.3)

    async def collect(self, until: Any) -> None:
        """Keep what comes until `until()` is true of it."""
        async with asyncio.timeout(TIMEOUT):
            while not until():
                if not await self._communicator.receive_nothing(timeout=0.02, interval=0.005):
                    self.messages.append(await self._communicator.receive_json_from())

    async def abandon(self) -> None:
        """Leave without waiting until the server has noticed."""
        with suppress(TimeoutError):
            await self._communicator.disconnect(timeout=0.01)

    async def disconnect(self) -> None:
        await self._communicator.disconnect(timeout=TIMEOUT)
