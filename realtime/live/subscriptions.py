"""Subscribe this process to the groups of the channel layer whose rooms are open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

from channels.layers import get_channel_layer

from realtime import metrics
from realtime.aio import Batcher
from realtime.events.outages import OutageLog
from realtime.layer import PubSubChannelLayer
from realtime.protocol.room_id import RoomId

logger = logging.getLogger(__name__)

_TIMEOUT = 2.0
"""Seconds for calls of the layer that are made together."""
_AT_ONCE = 32
"""Calls of the layer side by side, when many rooms open or close at once."""
_PAUSE = 1.0
"""Seconds without further attempts after one that failed."""


class Subscriptions:
    """Keep the groups of this process's one channel equal to the rooms that are open.

    A layer that is down delays a join by seconds at most, and is tried again at every tick.
    """

    def __init__(self, wanted: Collection[RoomId], receive: Callable[[Any], None]) -> None:
        """`wanted` holds the rooms to listen to; `receive` handles each message."""
        self._wanted = wanted
        self._receive = receive
        self._layer = get_channel_layer()
        self._channel: str | None = None
        self._listener: asyncio.Task[None] | None = None
        self._groups: set[RoomId] = set()
        self._uncertain: set[RoomId] = set()
        """Rooms for which a call of the layer is under way, or has failed."""
        self._changes: Batcher[None, RoomId, None] = Batcher(self._change, limit=_AT_ONCE)
        self._paused_until = 0.0
        self._subscribing = OutageLog(
            logger, "Could not subscribe to rooms", {"action": "subscribe_failed"}
        )
        self._receiving = OutageLog(
            logger, "Could not receive from the layer", {"action": "receive_failed"}
        )

    async def settle(self, room: RoomId) -> None:
        """Join or leave the room's group, whichever is due. Never raises."""
        if not self.is_settled(room):
            await self._changes.submit(None, room)

    async def settle_all(self) -> None:
        """Try again what failed."""
        due = self._uncertain | (self._groups ^ set(self._wanted))
        await asyncio.gather(*map(self.settle, due))

    def is_settled(self, room: RoomId) -> bool:
        is_wanted, is_joined = room in self._wanted, room in self._groups
        return is_wanted == is_joined and room not in self._uncertain

    async def _change(self, _: None, rooms: list[RoomId]) -> list[None]:
        # While this waited for its turn, the room may have closed or opened again.
        due = {room for room in rooms if not self.is_settled(room)}
        if due and asyncio.get_running_loop().time() >= self._paused_until:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._settle(due)
            except Exception as error:  # noqa: BLE001  (every layer has errors of its own)
                metrics.current.subscribe_failures += 1
                self._subscribing.failed(error)
                self._paused_until = asyncio.get_running_loop().time() + _PAUSE
            else:
                self._subscribing.succeeded()
        return [None] * len(rooms)

    async def _settle(self, rooms: set[RoomId]) -> None:
        if self._channel is None:
            self._channel = await self._open_channel()
        async with asyncio.TaskGroup() as calls:
            for room in rooms:
                calls.create_task(self._settle_one(room, self._channel))

    async def _settle_one(self, room: RoomId, channel: str) -> None:
        # Until the layer has answered, nobody knows what it did. If the call fails or is given up,
        # the room stays uncertain, and the next tick calls again; twice is harmless.
        self._uncertain.add(room)
        if room in self._wanted:
            await self._layer.group_add(room.group, channel)
            self._groups.add(room)
        else:
            await self._layer.group_discard(room.group, channel)
            self._groups.discard(room)
        self._uncertain.discard(room)

    async def _open_channel(self) -> str:
        if isinstance(self._layer, PubSubChannelLayer):
            return await self._layer.listen(self._take)
        channel: str = await self._layer.new_channel()
        self._listener = asyncio.create_task(self._listen(channel))
        return channel

    def _take(self, content: bytes) -> None:
        """Handle a message of our own layer, at the moment at which it is read from Redis."""
        try:
            message = self._layer.deserialize(content)
        except Exception as error:  # noqa: BLE001  (anybody may publish anything)
            self._receiving.failed(error)
        else:
            self._receiving.succeeded()
            self._receive(message)

    async def _listen(self, channel: str) -> None:
        while True:
            try:
                message = await self._layer.receive(channel)
            except Exception as error:  # noqa: BLE001  (the layer is down, or sent no message)
                self._receiving.failed(error)
                await asyncio.sleep(0.1)
            else:
                self._receiving.succeeded()
                self._receive(message)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        elif self._channel is not None:
            await self._layer.forget(self._channel)
