"""One open WebSocket: sends commands, and finds the reply to each."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from realtime.client.errors import Disconnected, Refused
from realtime.client.messages import Message, parse


class _Call(NamedTuple):
    reply: asyncio.Future[dict[str, Any]]
    on_ack: Callable[[dict[str, Any]], None] | None


class Connection:
    def __init__(self, websocket: ClientConnection, on_message: Callable[[Message], None]) -> None:
        """`on_message` is given every message that is not a reply."""
        self._websocket = websocket
        self._on_message = on_message
        self._refs = itertools.count(1)
        self._calls: dict[int | str, _Call] = {}

    async def serve(self) -> None:
        """Receive until the connection ends, however it ends."""
        try:
            async for frame in self._websocket:
                if isinstance(frame, str):
                    self._receive(parse(frame))
        except ConnectionClosed:
            pass
        finally:
            for call in self._calls.values():
                if not call.reply.done():
                    call.reply.set_exception(Disconnected())
            self._calls.clear()

    def _receive(self, message: Message) -> None:
        call = None if message.ref is None else self._calls.pop(message.ref, None)
        if call is None:
            self._on_message(message)
        elif message.type == "error":
            if not call.reply.done():
                call.reply.set_exception(Refused(message.payload))
        else:
            # Here and now: the next message may already build on it.
            if call.on_ack is not None:
                call.on_ack(message.payload)
            if not call.reply.done():
                call.reply.set_result(message.payload)

    async def call(
        self,
        type_: str,
        payload: dict[str, Any],
        *,
        on_ack: Callable[[dict[str, Any]], None] | None = None,
        **envelope: Any,
    ) -> dict[str, Any]:
        """Send a command and return the payload of its reply.

        `on_ack` is called with that payload before anything that came after it is handled.

        Raises:
            Refused, Disconnected
        """
        ref = next(self._refs)
        call = _Call(asyncio.get_running_loop().create_future(), on_ack)
        call.reply.add_done_callback(retrieve)
        self._calls[ref] = call
        try:
            await self.send(type_, payload, ref=ref, **envelope)
            return await call.reply
        finally:
            self._calls.pop(ref, None)

    async def send(self, type_: str, payload: dict[str, Any], **envelope: Any) -> None:
        """Send a command.

        Raises:
            Disconnected
        """
        try:
            await self._websocket.send(json.dumps({"type": type_, "payload": payload} | envelope))
        except ConnectionClosed:
            raise Disconnected from None


def retrieve(future: asyncio.Future[Any]) -> None:
    """Take note of a failure that perhaps nobody waits for."""
    if not future.cancelled():
        future.exception()
