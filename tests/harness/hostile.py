"""A channel layer that does all that a layer may do, and clients that trust only the protocol."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from channels.layers import InMemoryChannelLayer

from realtime.events import broadcast
from tests.harness.sockets import Message, Socket

Merge = Callable[[Message, Message], Message]


class HostileLayer(InMemoryChannelLayer):
    """Drops a third, repeats some, delays others, and fails now and then."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.delayed: set[asyncio.Task[None]] = set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        fate = random.random()
        if fate < 0.05:
            raise ConnectionError("the layer is down")
        if fate < 0.35:
            return
        for _ in range(2 if fate < 0.55 else 1):
            delay = random.random() * 0.05 if fate > 0.75 else 0
            task = asyncio.create_task(self._later(delay, group, message))
            self.delayed.add(task)
            task.add_done_callback(self.delayed.discard)

    async def _later(self, delay: float, group: str, message: dict[str, Any]) -> None:
        await asyncio.sleep(delay)
        await super().group_send(group, message)


def write_elsewhere() -> None:
    """Leave what is written here to the layer alone, as if another process had written it."""
    loop = asyncio.get_running_loop()
    broadcast.use(broadcast.LocalServer(loop, "elsewhere", lambda *_: None))


class Replica:
    """A client that knows a project only by its join and the events since."""

    def __init__(self, socket: Socket, merge: Merge) -> None:
        """`merge` returns what a state becomes by an event's changes."""
        self.socket = socket
        self._merge = merge
        self.seq = 0
        self.state: Message = {}
        self.seen: list[int] = []

    async def join(self, project_id: int, *, anew: bool = False) -> None:
        self.digest()
        since = None if anew else self.seq
        ack = await self.socket.join(project_id, since=since)
        self.socket.messages.clear()  # what came before the acknowledgement is of the old stay
        if not ack["recovered"]:
            self.state, self.seq = dict(ack["project"]), ack["seq"]

    def digest(self) -> None:
        messages, self.socket.messages = self.socket.messages, []
        for message in messages:
            if message["type"] == "project_updated":
                assert message["seq"] == self.seq + 1, "each once, in order, without a gap"
                self.seq = message["seq"]
                self.state = self._merge(self.state, message["payload"]["changes"])

    async def catch_up(self, head: int) -> None:
        def is_there() -> bool:
            self.digest()
            return self.seq >= head

        await self.socket.collect(is_there)
