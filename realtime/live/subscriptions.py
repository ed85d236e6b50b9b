"""Subscribe this process to the groups of the channel layer whose rooms are open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

from channels.layers import get_channel_layer

from realtime import metrics
from realtime.aio import Batcher
from realtime.events.broadcast import group_name
from realtime.events.outages import OutageLog

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

    def __init__(self, wanted: Collection[int], receive: Callable[[Any], None]) -> None:
        """`wanted` holds the projects to listen to; `receive` handles each message."""
        self._wanted = wanted
        self._receive = receive
        self._layer = get_channel_layer()
        self._channel: str | None = None
        self._listener: asyncio.Task[None] | None = None
        self._groups: set[int] = set()
        self._uncertain: set[int] = set()
        """Projects for which a call of the layer is under way, or has failed."""
        self._changes: Batcher[None, int, None] = Batcher(self._change, limit=_AT_ONCE)
        self._paused_until = 0.0
        self._subscribing = OutageLog(
            logger, "Could not subscribe to rooms", {"action": "subscribe_failed"}
        )
        self._receiving = OutageLog(
            logger, "Could not receive from the layer", {"action": "receive_failed"}
        )

    async def settle(self, project_id: int) -> None:
        """Join or leave the project's group, whichever is due. Never raises."""
        if not self._is_settled(project_id):
            await self._changes.submit(None, project_id)

    async def settle_all(self) -> None:
        """Try again what failed."""
        due = self._uncertain | (self._groups ^ set(self._wanted))
        await asyncio.gather(*map(self.settle, due))

    def _is_settled(self, project_id: int) -> bool:
        is_wanted, is_joined = project_id in self._wanted, project_id in self._groups
        return is_wanted == is_joined and project_id not in self._uncertain

    async def _change(self, _: None, project_ids: list[int]) -> list[None]:
        # While this waited for its turn, the room may have closed or opened again.
        due = {project_id for project_id in project_ids if not self._is_settled(project_id)}
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
        return [None] * len(project_ids)

    async def _settle(self, project_ids: set[int]) -> None:
        if self._channel is None:
            self._channel = await self._layer.new_channel()
            self._listener = asyncio.create_task(self._listen(self._channel))
        async with asyncio.TaskGroup() as calls:
            for project_id in project_ids:
                calls.create_task(self._settle_one(project_id, self._channel))

    async def _settle_one(self, project_id: int, channel: str) -> None:
        # Until the layer has answered, nobody knows what it did. If the call fails or is given up,
        # the project stays uncertain, and the next tick calls again; twice is harmless.
        self._uncertain.add(project_id)
        if project_id in self._wanted:
            await self._layer.group_add(group_name(project_id), channel)
            self._groups.add(project_id)
        else:
            await self._layer.group_discard(group_name(project_id), channel)
            self._groups.discard(project_id)
        self._uncertain.discard(project_id)

    async def _listen(self, channel: str) -> None:
        while True:
            try:
                message = await self._layer.receive(channel)
            except Exception as error:  # noqa: BLE001  (the layer is down, or a message no message)
                self._receiving.failed(error)
                await asyncio.sleep(0.1)
            else:
                self._receiving.succeeded()
                self._receive(message)

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
