"""Who is here, over two server processes, when one of them or Redis loses its memory."""

from __future__ import annotations

import asyncio

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client, Message
from tests.harness.measure import people, until

LEASE = 15.0
"""Seconds after which nobody sees a ghost."""
IDLE = 15.0
"""Seconds without a message: three times the default timeout of a Redis socket."""


async def join(client: Client, project_id: int) -> tuple[int, set[str]]:
    """Join and return the own id, and the names of those who are there."""
    await client.send("join_project", {"project_id": project_id}, ref="j")
    members: list[Message] = (await client.wait_for("ack"))["payload"]["members"]
    joined = await client.wait_for("user_joined")
    return joined["payload"]["user_id"], {member["username"] for member in members}


async def listed(duo: Duo, project_id: int, users: set[int]) -> None:
    """Wait until the servers can know of each other's people: Redis is told after the join."""
    with duo.stack.valkey.client() as redis:
        await until(lambda: people(redis, project_id) == users)


async def test_both_servers_show_the_same_people(
    duo: Duo, connect: Connect, project_id: int
) -> None:
    alice = await connect("alice")
    bob = await connect("bob", duo.second)
    alice_id, _ = await join(alice, project_id)
    await listed(duo, project_id, {alice_id})
    bob_id, members = await join(bob, project_id)
    assert members == {"alice", "bob"}
    assert (await alice.expect("user_joined"))["payload"]["username"] == "bob"

    second_tab = await connect("bob")
    await join(second_tab, project_id)
    assert await alice.drain() == [], "two tabs are one person"
    await bob.close()
    assert await alice.drain() == []
    await second_tab.close()
    left = await alice.expect("user_left")
    assert left["payload"] == {"project_id": project_id, "user_id": bob_id}


async def test_the_people_of_a_killed_server_leave_and_idle_sockets_stay(
    duo: Duo, connect: Connect, project_id: int
) -> None:
    alice, idle = await connect("alice"), await connect("alice")
    bob, carol = await connect("bob", duo.second), await connect("carol", duo.second)
    bob_here = await connect("bob")
    for client in (alice, bob, bob_here):
        await join(client, project_id)
    carol_id, _ = await join(carol, project_id)
    await alice.drain()
    quiet_project = duo.stack.new_project()
    await join(idle, quiet_project)

    duo.second.kill()
    silence = asyncio.create_task(idle.drain(quiet=IDLE))
    left = await alice.expect("user_left", timeout=LEASE)
    assert left["payload"]["user_id"] == carol_id
    assert await alice.drain() == [], "bob is still here"
    await asyncio.to_thread(duo.second.start)

    assert await silence == []
    duo.stack.api("PATCH", f"projects/{quiet_project}/", {"title": "Awake"})
    await idle.expect("project_updated")
    with duo.stack.valkey.client() as client:
        live = client.zcard("realtime:processes")
        assert len(client.keys("realtime:sockets:*")) <= live, "nothing of the dead is kept"


async def test_flushed_presence_comes_back(duo: Duo, connect: Connect, project_id: int) -> None:
    alice, bob = await connect("alice"), await connect("bob", duo.second)
    alice_id, _ = await join(alice, project_id)
    bob_id, _ = await join(bob, project_id)
    await alice.drain()
    with duo.stack.valkey.client() as client:
        client.flushall()
    await listed(duo, project_id, {alice_id, bob_id})
    carol = await connect("carol", duo.second)
    _, members = await join(carol, project_id)
    assert members == {"alice", "bob", "carol"}
    assert [m["type"] for m in await alice.drain(quiet=3)] == ["user_joined"], "nobody left"


async def test_a_signal_goes_from_one_server_to_the_other(
    duo: Duo, connect: Connect, project_id: int
) -> None:
    alice, bob = await connect("alice"), await connect("bob", duo.second)
    alice_id, _ = await join(alice, project_id)
    await listed(duo, project_id, {alice_id})
    await join(bob, project_id)
    await alice.drain()
    await alice.send("send_signal", {"project_id": project_id, "data": {"x": 1}}, ref=1)
    await alice.expect("ack")
    assert (await bob.expect("signal"))["payload"] == {
        "project_id": project_id,
        "user_id": alice_id,
        "data": {"x": 1},
    }
    assert await bob.drain() == []
