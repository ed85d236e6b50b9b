"""Celery tasks of a real worker, as the room sees them."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Connect
from tests.harness.client import Client, Message
from tests.harness.stack import Stack


async def watch_task(client: Client, task_id: str) -> tuple[list[Message], Message]:
    """Return the progress of a task and its end."""
    progress: list[Message] = []
    while True:
        message = await client.receive(30)
        if message["payload"].get("task_id") != task_id:
            continue
        if message["type"] != "task_progress":
            return progress, message
        progress.append(message)


async def test_the_analysis_of_a_photograph(connect: Connect, stack: Stack) -> None:
    alice, carol = await connect("alice"), await connect("carol")
    await alice.join(1)
    await carol.join(1)
    task_id = stack.api("POST", f"canvases/{stack.demo_canvas()}/analyze/")["task_id"]

    progress, end = await watch_task(alice, task_id)
    percents = [message["payload"]["progress"] for message in progress]
    assert percents
    assert percents == sorted(percents)
    assert percents[-1] == 100 or len(percents) > 1
    assert all(0 <= percent <= 100 for percent in percents)
    assert end["type"] == "task_completed"
    result = end["payload"]["result"]
    assert result["status"] == "completed"
    assert {"pleasure", "arousal", "dominance"} <= result.keys()
    assert (await watch_task(carol, task_id))[1] == end


async def test_a_stranger_cannot_start_one(stack: Stack) -> None:
    from tests.harness.rest import Refused

    with pytest.raises(Refused) as refused:
        stack.api("POST", f"canvases/{stack.demo_canvas()}/analyze/", user="dave")
    assert refused.value.status == 404
