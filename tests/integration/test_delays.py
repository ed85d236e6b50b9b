"""One slow query or one hanging step delays nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from realtime import database
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.backend import ShoppingBackend

pytestmark = [pytest.mark.django_db(transaction=True)]


class SlowBackend(ShoppingBackend):
    """Reads of one list and writes to it wait until they are let go."""

    slow_id = 0
    reading = threading.Event()
    go_on = threading.Event()

    def snapshot(self, project_id: int) -> dict[str, int]:
        if project_id == SlowBackend.slow_id:
            SlowBackend.reading.set()
            assert SlowBackend.go_on.wait(20)
        return super().snapshot(project_id)


@pytest.fixture(autouse=True)
def slow_host(settings: Settings) -> Iterator[None]:
    settings.REALTIME = settings.REALTIME | {"BACKEND": f"{__name__}.SlowBackend"}
    SlowBackend.reading.clear()
    SlowBackend.go_on.clear()
    yield
    SlowBackend.go_on.set()


async def test_a_slow_query_of_one_client_delays_no_other() -> None:
    slow_id, [dave_token] = await database.run(make_list, "dave")
    list_id, tokens = await database.run(make_list, "alice", "bob")
    SlowBackend.slow_id = slow_id
    dave = await Socket.connect(dave_token)
    alice, bob = [await Socket.connect(token) for token in tokens]
    await alice.join(list_id)
    await bob.join(list_id)

    joining = asyncio.create_task(dave.join(slow_id))
    await asyncio.to_thread(SlowBackend.reading.wait, 10)
    reply = await alice.update(list_id, {"milk": 1})
    assert reply["type"] == "ack"
    assert (await bob.until("project_updated"))["payload"]["changes"] == {"milk": 1}
    assert not joining.done(), "all that happened while the query was running"

    SlowBackend.go_on.set()
    assert (await joining)["project"] == {"bread": 1}
    for client in (alice, bob, dave):
        await client.disconnect()
