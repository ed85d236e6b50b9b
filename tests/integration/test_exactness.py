"""The heart of it: a stale snapshot plus the events equals a fresh snapshot.

Several clients do random things while the channel layer loses, repeats and reorders what it is
given. After Zulip's `verify_action`, though from the client's side of the socket.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from pytest_django import Settings

from realtime import database, log
from realtime.models import Event
from tests.harness.shopping import make_list
from tests.harness.sockets import Message, Socket
from tests.host.models import ShoppingList

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]

THINGS = ["bread", "milk", "eggs", "salt"]


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


class Replica:
    """A client that knows the list only by its join and the events since."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.seq = 0
        self.state: Message = {}
        self.seen: list[int] = []

    async def join(self, project_id: int, *, anew: bool = False) -> None:
        self.digest()
        since = {} if anew else {"since": self.seq}
        ack = await self.socket.join(project_id, **since)
        self.socket.messages.clear()  # what came before the acknowledgement is of the old stay
        if not ack["recovered"]:
            self.state, self.seq = dict(ack["project"]), ack["seq"]

    def digest(self) -> None:
        messages, self.socket.messages = self.socket.messages, []
        for message in messages:
            if message["type"] == "project_updated":
                assert message["seq"] == self.seq + 1, "each once, in order, without a hole"
                self.seq = message["seq"]
                self.state.update(message["payload"]["changes"])

    async def catch_up(self, head: int) -> None:
        def is_there() -> bool:
            self.digest()
            return self.seq >= head

        await self.socket.collect(is_there)


@pytest.mark.parametrize("seed", range(8))
async def test_replicas_converge_over_a_hostile_layer(settings: Settings, seed: int) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": f"{__name__}.{HostileLayer.__name__}"},
    }
    settings.REALTIME = settings.REALTIME | {"REPAIR_INTERVAL": 0.1}
    random.seed(seed)
    project_id, tokens = await database.run(make_list, "alice", "bob", "carol")
    replicas = [Replica(await Socket.connect(token)) for token in tokens]
    for replica in replicas:
        await replica.join(project_id, anew=True)

    acknowledged = 0
    for step in range(40):
        replica = random.choice(replicas)
        match random.choice(["update", "update", "update", "together", "leave", "rejoin"]):
            case "update":
                data = {random.choice(THINGS): random.randrange(3)}
                reply = await replica.socket.update(project_id, data, idempotency_key=f"k{step}")
                acknowledged += bool(reply["payload"]["changes"])
            case "together":
                replies = await asyncio.gather(
                    *(
                        other.socket.update(project_id, {thing: random.randrange(9)})
                        for other, thing in zip(replicas, THINGS, strict=False)
                    )
                )
                acknowledged += sum(bool(reply["payload"]["changes"]) for reply in replies)
            case "leave":
                await replica.socket.call("leave_project", {"project_id": project_id})
                replica.digest()
                await replica.join(project_id, anew=random.random() < 0.3)
            case "rejoin":
                await replica.join(project_id, anew=random.random() < 0.3)

    head = (await database.run(log.heads, [project_id]))[project_id]
    fresh = await database.run(lambda: ShoppingList.objects.get(pk=project_id).items)
    assert head == acknowledged == await database.run(Event.objects.count)
    for replica in replicas:
        await replica.catch_up(head)
        assert replica.state == fresh
        await replica.socket.disconnect()
