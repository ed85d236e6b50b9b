"""One slow query or one hanging step delays nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from realtime.db import threads
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.rooms import ShoppingRoom

pytestmark = [pytest.mark.django_db(transaction=True)]


class SlowRoom(ShoppingRoom):
    """Reads of one list wait until they are let go."""

    slow_id = 0
    readers = 0
    reading = threading.Event()
    go_on = threading.Event()

    def snapshots(self, keys: Collection[int]) -> dict[int, dict[str, Any]]:
        if SlowRoom.slow_id in keys:
            SlowRoom.readers += 1
            SlowRoom.reading.set()
            assert SlowRoom.go_on.wait(20)
        return super().snapshots(keys)


@pytest.fixture(autouse=True)
def slow_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    serve(monkeypatch, SlowRoom)
    SlowRoom.reading.clear()
    SlowRoom.go_on.clear()
    SlowRoom.readers = 0
    yield
    SlowRoom.go_on.set()


async def test_a_slow_query_of_one_client_delays_no_other() -> None:
    slow_id, [dave_token] = await threads.run(make_list, "dave")
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    SlowRoom.slow_id = slow_id
    dave = await Socket.connect(dave_token)
    alice, bob = [await Socket.connect(token) for token in tokens]
    await alice.join(list_id)
    await bob.join(list_id)

    joining = asyncio.create_task(dave.join(slow_id))
    await asyncio.to_thread(SlowRoom.reading.wait, 10)
    reply = await alice.update(list_id, {"milk": 1})
    assert reply["type"] == "ack"
    assert (await bob.until("project_updated"))["payload"]["changes"] == {"milk": 1}
    assert not joining.done(), "all that happened while the query was running"

    SlowRoom.go_on.set()
    assert (await joining)["project"] == {"bread": 1}
    for client in (alice, bob, dave):
        await client.disconnect()


async def test_a_project_that_is_slow_to_read_takes_one_thread_and_delays_no_other_join() -> None:
    slow_id, [dave_token] = await threads.run(make_list, "dave")
    list_id, [alice_token] = await threads.run(make_list, "alice")
    SlowRoom.slow_id = slow_id
    daves = [await Socket.connect(dave_token) for _ in range(6)]
    alice = await Socket.connect(alice_token)

    joining = [asyncio.create_task(dave.join(slow_id)) for dave in daves]
    await asyncio.to_thread(SlowRoom.reading.wait, 10)
    for _ in range(2):  # the first may be in one batch with a slow one, the second is behind it
        assert (await alice.join(list_id))["project"] == {"bread": 1}
    assert SlowRoom.readers == 1
    assert not any(task.done() for task in joining)

    SlowRoom.go_on.set()
    assert [ack["project"] for ack in await asyncio.gather(*joining)] == [{"bread": 1}] * 6
    for client in (alice, *daves):
        await client.disconnect()
