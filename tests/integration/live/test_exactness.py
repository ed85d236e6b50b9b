"""The heart of it: a stale snapshot plus the events equals a fresh snapshot.

Several clients do random things while the channel layer loses, repeats and reorders what it is
given. After Zulip's `verify_action`, though from the client's side of the socket.
"""

from __future__ import annotations

import asyncio
import operator
import random

import pytest
from pytest_django import Settings

from realtime.db import threads
from realtime.events import log
from realtime.models import Event
from tests.harness.hostile import Replica, write_elsewhere
from tests.harness.rooms import project as project_room
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.models import ShoppingList

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]

THINGS = ["bread", "milk", "eggs", "salt"]


@pytest.mark.parametrize("seed", range(4))
async def test_replicas_converge_over_a_hostile_layer(settings: Settings, seed: int) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "tests.harness.hostile.HostileLayer"},
    }
    settings.REALTIME = settings.REALTIME | {"REPAIR_INTERVAL": 0.1}
    random.seed(seed)
    project_id, tokens = await threads.run(make_list, "alice", "bob", "carol")
    replicas = [Replica(await Socket.connect(token), operator.or_) for token in tokens]
    write_elsewhere()
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

    room = project_room(project_id)
    head = (await threads.run(log.heads, [room]))[room].seq
    fresh = await threads.run(lambda: ShoppingList.objects.get(pk=project_id).items)
    assert head == acknowledged == await threads.run(Event.objects.count)
    for replica in replicas:
        await replica.catch_up(head)
        assert replica.state == fresh
        await replica.socket.disconnect()
