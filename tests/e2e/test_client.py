"""The Python client against the real server, through a proxy that cuts, stalls and refuses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.client import Message, Realtime, Refused, Room, State, Stopped, UserChanged
from tests.harness.proxy import Proxy
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database

TIMEOUT = 30.0
CONNECTIONS = 12
"""Two clients have come back several times each."""


@pytest.fixture
async def proxy(stack: Stack) -> AsyncIterator[Proxy]:
    async with Proxy(stack.web.port) as running:
        yield running


def client(stack: Stack, username: str, url: str, **options: Any) -> Realtime:
    async def token() -> str:
        return await asyncio.to_thread(stack.token, username)

    async def soon(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    return Realtime(url, token=token, sleep=soon, proxy=None, **options)


async def read_until(room: Room, seq: int, seen: list[Message]) -> None:
    """Collect durable events up to a position."""
    async for message in room:
        if message.seq is not None:
            seen.append(message)
        if message.seq == seq:
            return


async def test_nothing_is_lost_and_nothing_comes_twice(
    stack: Stack, proxy: Proxy, project_id: int
) -> None:
    async with (
        client(stack, "alice", proxy.url) as alice,
        client(stack, "bob", proxy.url) as bob,
        client(stack, "carol", stack.web.websocket_url) as carol,
        asyncio.timeout(TIMEOUT),
    ):
        rooms = [await one.join("project", project_id) for one in (alice, bob, carol)]
        before = rooms[0].seq
        seen: list[list[Message]] = [[], [], []]
        acknowledged: list[int] = []

        async def write(room: Room, name: str) -> int:
            n = 0
            while n < 25 or proxy.accepted < CONNECTIONS:
                ack = await room.update({"content": {name: n, f"{name}{n}": True}})
                assert ack.changes == {"content": {name: n, f"{name}{n}": True}}
                acknowledged.append(ack.seq)
                n += 1
            return n

        async def cut() -> None:
            # Not for ever: on a busy machine no connection would last until its first update.
            while proxy.accepted < CONNECTIONS:
                await asyncio.sleep(random.uniform(0.02, 0.2))
                proxy.cut()

        cutting = asyncio.create_task(cut())
        counts = await asyncio.gather(write(rooms[0], "a"), write(rooms[1], "b"))
        cutting.cancel()
        head = before + sum(counts)
        for room, messages in zip(rooms, seen, strict=True):
            await read_until(room, head, messages)

    expected = list(range(before + 1, head + 1))
    assert sorted(acknowledged) == expected
    for messages in seen:
        assert [message.seq for message in messages] == expected
    fresh = stack.api("GET", f"projects/{project_id}/")
    assert [fresh["content"][name] + 1 for name in "ab"] == list(counts)
    for room in rooms:
        assert room.state["content"] == fresh["content"]


async def test_a_dead_connection_is_noticed_by_its_ping(
    stack: Stack, proxy: Proxy, project_id: int
) -> None:
    async with (
        client(stack, "alice", proxy.url, ping_interval=0.2, ping_timeout=0.2) as alice,
        asyncio.timeout(TIMEOUT),
    ):
        room = await alice.join("project", project_id)
        proxy.stall()
        updating = asyncio.create_task(room.update({"title": "Made while it was stalled"}))
        while alice.state is State.ONLINE:
            await asyncio.sleep(0.01)
        proxy.cut()
        proxy.flow()
        assert (await updating).changes == {"title": "Made while it was stalled"}


async def test_a_server_that_is_away_is_waited_for(
    stack: Stack, proxy: Proxy, project_id: int
) -> None:
    async with client(stack, "alice", proxy.url) as alice, asyncio.timeout(TIMEOUT):
        room = await alice.join("project", project_id)
        await proxy.shut()
        updates = [asyncio.create_task(room.update({"content": {"n": n}})) for n in range(5)]
        while alice.state is not State.OFFLINE:
            await asyncio.sleep(0.01)
        stack.api("PATCH", f"projects/{project_id}/", {"title": "Meanwhile"})
        await proxy.open()
        acks = [await update for update in updates]
        assert [ack.changes["content"]["n"] for ack in acks] == list(range(5))
        seen: list[Message] = []
        await read_until(room, acks[-1].seq, seen)
        assert [m.payload["changes"] for m in seen] == [
            {"title": "Meanwhile"},
            *({"content": {"n": n}} for n in range(5)),
        ]


async def test_the_server_decides_who_may_do_what(stack: Stack, project_id: int) -> None:
    url = stack.web.websocket_url
    async with (
        client(stack, "carol", url) as carol,
        client(stack, "dave", url) as dave,
        asyncio.timeout(TIMEOUT),
    ):
        room = await carol.join("project", project_id)
        assert room.role == "viewer"
        with pytest.raises(Refused, match="FORBIDDEN"):
            await room.update({"title": "Mine"})
        with pytest.raises(Refused, match="PROJECT_NOT_FOUND"):
            await dave.join("project", project_id)


async def test_what_one_user_made_offline_is_never_saved_as_anothers(
    stack: Stack, proxy: Proxy, project_id: int
) -> None:
    users = ["alice"]

    async def token() -> str:
        return await asyncio.to_thread(stack.token, users[-1])

    async def soon(seconds: float) -> None:
        await asyncio.sleep(seconds / 20)

    async with (
        Realtime(proxy.url, token=token, sleep=soon, proxy=None) as shared,
        asyncio.timeout(TIMEOUT),
    ):
        room = await shared.join("project", project_id)
        before = (await room.update({"content": {"by": "alice"}})).seq
        proxy.stall()
        updates = [asyncio.create_task(room.update({"content": {"n": n}})) for n in range(3)]
        await asyncio.sleep(0)  # the first one is on its way, and its ack will be lost
        users.append("bob")
        proxy.cut()
        proxy.flow()
        for updating in updates:
            with pytest.raises(UserChanged):
                await updating
        again = await shared.join("project", project_id)
        assert again.me != room.me
        await again.update({"content": {"by": "bob"}})
    events = stack.api("GET", f"projects/{project_id}/events/?since={before}")["events"]
    told = [(event["user"]["username"], event["payload"]["changes"]) for event in events]
    assert ("bob", {"content": {"by": "bob"}}) in told
    assert [changes for who, changes in told if who == "bob"] == [{"content": {"by": "bob"}}]


async def test_a_room_that_is_larger_than_the_client_takes_is_told(
    stack: Stack, project_id: int
) -> None:
    url = stack.web.websocket_url
    stack.api("PATCH", f"projects/{project_id}/", {"description": "x" * 9000})
    async with client(stack, "alice", url, max_size=4096) as alice, asyncio.timeout(TIMEOUT):
        with pytest.raises(Stopped, match="larger than `max_size`"):
            await alice.join("project", project_id)
