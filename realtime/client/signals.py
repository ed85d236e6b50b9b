"""Send the signals of a room, or its presence, as fast as the server takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from realtime.client.connection import Connection
from realtime.client.data import check_size, copy
from realtime.client.errors import PASSING, Disconnected, Refused
from realtime.client.messages import Json
from realtime.client.room_id import RoomId

INTERVAL = 0.06
"""Seconds between two signals; a server takes 20 a second of one socket (`SIGNAL_RATE`)."""


class SignalSender:
    """Keep the newest signal until it can be sent; send it again if it came too fast."""

    def __init__(
        self,
        type_: str,
        room_id: RoomId,
        *,
        sleep: Callable[[float], Awaitable[None]],
        pause: Callable[[int, float | None], Awaitable[None]],
        on_error: Callable[[Refused], None],
    ) -> None:
        """`on_error` gets the refusal of a signal that is not sent again."""
        self._type = type_
        self._room_id = room_id
        self._sleep = sleep
        self._pause = pause
        self._on_error = on_error
        self._connection: Connection | None = None
        self._newest: Json | None = None
        self._sender: asyncio.Task[None] | None = None

    def send(self, data: Json) -> None:
        """Send data in place of a signal that waits; without a connection, do nothing.

        Raises:
            InvalidData
        """
        payload = self._room_id.payload(data=copy(data))
        check_size({"type": self._type, "payload": payload})
        if self._connection is None:
            return
        self._newest = payload
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    def open(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Drop the signal that waits: it was for that moment."""
        self._connection = self._newest = None
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None

    async def _send(self) -> None:
        failures = 0
        while self._connection is not None and self._newest is not None:
            payload, self._newest = self._newest, None
            try:
                await self._connection.call(self._type, payload)
            except Disconnected:
                return
            except Refused as refused:
                if refused.code in PASSING:
                    if self._newest is None:  # no newer one came meanwhile
                        self._newest = payload
                    await self._pause(failures, refused.retry_after)
                    failures += 1
                    continue
                if refused.code != "NOT_JOINED":
                    self._on_error(refused)
            failures = 0
            await self._sleep(INTERVAL)
