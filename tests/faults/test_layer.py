"""A channel layer that carries what nobody sent, or more than it can."""

from __future__ import annotations

import asyncio
from typing import Any

import msgpack

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client

POISON: list[Any] = [
    b"",
    b"\xc1 no msgpack",
    b"\xff" * 1000,
    msgpack.packb({1: 2}),
    msgpack.packb([1, 2]),
    msgpack.packb(None),
    msgpack.packb({"type": "nobody.handles.this"}),
    msgpack.packb({"type": "websocket.close", "code": 4000}),
    msgpack.packb({"type": "websocket.send", "text": "hello"}),
]


def poison(project_id: int) -> list[Any]:
    """Return messages that look like ours and are not."""
    parts: list[dict[str, Any]] = [
        {"events": 5},
        {"events": [[]]},
        {"events": [[1]]},
        {"events": [["1", "text", None]]},
        {"events": [[1, {"no": "text"}, None]]},
        {"events": [[10**15, "{}", None]]},
        {"events": [[-1, "{}", None]]},
        {"ephemeral": {"no": "text"}},
        {"ephemeral": "{}", "progress": ["task"]},
        {"arrived": 1},
        {"arrived": [1, "one"]},
        {"arrived": [["one", 1]]},
        {"departed": 1},
        {"departed": ["somebody"]},
        {"departed": [10**15]},
        {"joined": [5, "eve"], "left": 1},
    ]
    ours = {"type": "realtime.message", "project_id": project_id}
    return [
        *POISON,
        *(msgpack.packb(ours | part) for part in parts),
        msgpack.packb({"type": "realtime.message", "project_id": {"no": "id"}}),
        msgpack.packb({"type": "realtime.message", "project_id": "1", "ephemeral": "{}"}),
    ]


async def test_poison_kills_no_socket(duo: Duo, connect: Connect, project_id: int) -> None:
    clients = [await connect("alice"), await connect("bob"), await connect("carol", duo.second)]
    for client in clients:
        await client.join(project_id)
    for client in clients:
        await client.drain()
    with duo.stack.valkey.client() as redis:
        for message in poison(project_id):
            assert redis.publish(f"asgi__group__project_{project_id}", message) == 2
    for number in range(3):
        duo.stack.api("PATCH", f"projects/{project_id}/", {"title": f"No. {number}"})
    for client in clients:
        for number in range(3):
            updated = await client.expect("project_updated")
            assert updated["payload"]["changes"] == {"title": f"No. {number}"}


BURST_SIZE = 400
BURST = """
from django.contrib.auth.models import User
from projects import services
alice = User.objects.get(username="alice")
for number in range({count}):
    data = {{"title": f"burst-{{number}}"}}
    services.update_project(user=alice, project_id={project_id}, data=data)
"""


async def churn(duo: Duo, project_id: int) -> None:
    """Connect, join and vanish about 20 times a second."""

    async def come_and_go() -> None:
        client: Client = await duo.stack.connect("bob", duo.second)
        await client.send("join_project", {"project_id": project_id})
        client.websocket.transport.abort()

    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(come_and_go())
            await asyncio.sleep(0.05)


async def test_a_burst_from_another_process_under_churn(duo: Duo, project_id: int) -> None:
    crowd = duo.crowd(project_id)
    async with crowd.present():
        start = len(duo.log(project_id))
        await asyncio.gather(*(person.joined(10) for person in crowd.people))
        coming_and_going = asyncio.create_task(churn(duo, project_id))
        code = BURST.format(count=BURST_SIZE, project_id=project_id)
        await asyncio.to_thread(duo.stack.manage, "shell", "-c", code)
        await asyncio.gather(*(person.reaches(start + BURST_SIZE, 5) for person in crowd.people))
        coming_and_going.cancel()
        await asyncio.gather(coming_and_going, return_exceptions=True)
    for person in crowd.people:
        assert person.seen == [f"burst-{number}" for number in range(BURST_SIZE)]
        assert person.connections == 1
