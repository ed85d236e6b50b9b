"""Workers that die: every task has one end, it is the true one, and it never goes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client, Message
from tests.harness.measure import until

ENDS = ("task_completed", "task_failed")


class Order:
    """A task that was sent, and what it is told to do; see `tests.host.tasks`."""

    def __init__(self, directory: Path) -> None:
        self.task_id = str(uuid4())
        self.directory = directory / self.task_id
        self.directory.mkdir()

    def allow(self, *orders: str) -> None:
        for order in orders:
            (self.directory / order).touch()

    def pids(self, report: str) -> list[int]:
        """Return the processes that came so far, one for each run."""
        path = self.directory / report
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    async def comes_to(self, report: str, *, times: int = 1, timeout: float = 40) -> int:
        """Return the process that has come so far."""
        await until(lambda: len(self.pids(report)) >= times, timeout)
        return self.pids(report)[-1]


Send = Callable[..., Order]


@pytest.fixture
def send(duo: Duo, project_id: int, tmp_path: Path) -> Iterator[Send]:
    """Returns a function that sends a task for the project to the worker."""
    app = Celery("sender", broker=duo.stack.valkey.url, set_as_current=False)

    def send_one(again: Order | None = None) -> Order:
        order = again or Order(tmp_path)
        app.send_task(
            "tests.host.tasks.obey",
            kwargs={"project_id": project_id, "orders": str(order.directory)},
            task_id=order.task_id,
            ignore_result=False,
        )
        return order

    yield send_one
    app.close()


@pytest.fixture
async def alice(connect: Connect, project_id: int) -> Client:
    client = await connect("alice")
    await client.join(project_id)
    return client


async def end_of(client: Client, order: Order, timeout: float = 20) -> Message:
    """Return the event that ends a task; its progress must not fall before."""
    progress = 0
    while True:
        message = await client.receive(timeout)
        if message["payload"].get("task_id") != order.task_id:
            continue
        if message["type"] in ENDS:
            return message
        assert message["payload"]["progress"] >= progress
        progress = message["payload"]["progress"]


def ends_in_log(duo: Duo, project_id: int, order: Order) -> list[str]:
    return [
        event["type"]
        for event in duo.log(project_id)
        if event["type"] in ENDS and event["payload"]["task_id"] == order.task_id
    ]


async def test_a_child_that_dies_at_work_has_failed(
    duo: Duo, alice: Client, send: Send, project_id: int
) -> None:
    order = send()
    os.kill(await order.comes_to("running"), signal.SIGKILL)
    end = await end_of(alice, order)
    assert end["type"] == "task_failed"
    assert end["payload"]["error"] == "The worker was lost"
    assert ends_in_log(duo, project_id, order) == ["task_failed"]


async def test_a_child_that_dies_behind_its_result_has_completed(
    duo: Duo, alice: Client, send: Send, project_id: int
) -> None:
    """Celery has stored the result and sends no signal: the lease runs out."""
    order = send()
    order.allow("finish")
    os.kill(await order.comes_to("stored"), signal.SIGKILL)
    end = await end_of(alice, order)
    assert end["type"] == "task_completed"
    assert end["payload"]["result"] == {"status": "completed", "runs": 1}
    assert ends_in_log(duo, project_id, order) == ["task_completed"]


async def test_a_worker_that_dies_whole_has_failed(
    duo: Duo, alice: Client, connect: Connect, send: Send, project_id: int
) -> None:
    order = send()
    await order.comes_to("running")
    carol = await connect("carol", duo.second)
    await carol.send("join_project", {"project_id": project_id}, ref="j")
    [running] = (await carol.wait_for("ack"))["payload"]["tasks"]
    assert running == {
        "task_id": order.task_id,
        "task_type": "obey",
        "progress": 50,
        "message": "Half",
    }
    duo.stack.worker.kill()
    end = await end_of(alice, order)
    assert end["payload"]["error"] == "The worker was lost"
    assert await end_of(carol, order) == end
    await asyncio.to_thread(duo.stack.worker.start)
    assert ends_in_log(duo, project_id, order) == ["task_failed"]


async def test_a_completion_waits_for_a_server_that_was_dead(
    duo: Duo, alice: Client, connect: Connect, send: Send, project_id: int
) -> None:
    order = send()
    await order.comes_to("running")
    since = len(duo.log(project_id))
    duo.first.kill()
    order.allow("finish", "signal")
    await order.comes_to("stored")
    await asyncio.to_thread(duo.first.start)
    again = await connect("alice")
    await again.send("join_project", {"project_id": project_id, "since": since}, ref="j")
    assert (await again.wait_for("ack"))["payload"]["recovered"]
    assert (await end_of(again, order))["type"] == "task_completed"
    assert ends_in_log(duo, project_id, order) == ["task_completed"]


async def test_a_task_that_is_run_again_ends_once(
    duo: Duo, alice: Client, send: Send, project_id: int
) -> None:
    """The child dies behind its result while Redis is away; then the task comes once more.

    So does Redis with a task that was not acknowledged in time.
    """
    order = send()
    order.allow("finish")
    child = await order.comes_to("stored")
    duo.stack.valkey.kill()
    os.kill(child, signal.SIGKILL)
    await asyncio.to_thread(duo.stack.valkey.start)
    order.allow("signal")
    end = await end_of(alice, order, 40)
    assert end["type"] == "task_completed"
    # Celery's worker may end by an error of its own after it lost both; another takes this task.
    duo.stack.worker.kill()
    await asyncio.to_thread(duo.stack.worker.start)
    send(again=order)
    await order.comes_to("stored", times=2)
    after = await alice.drain(quiet=1)
    assert [m for m in after if m["payload"].get("task_id") == order.task_id] == []
    assert ends_in_log(duo, project_id, order) == ["task_completed"]


async def test_a_task_under_way_while_redis_loses_everything_ends_once(
    duo: Duo, alice: Client, send: Send, project_id: int
) -> None:
    """Its result, its place in the queue and the presence of everybody are gone; its row is not."""
    order = send()
    await order.comes_to("running")
    with duo.stack.valkey.client() as redis:
        redis.flushall()
    order.allow("finish", "signal")
    assert (await end_of(alice, order, 40))["type"] == "task_completed"
    later = send()
    later.allow("finish", "signal")
    assert (await end_of(alice, later, 40))["type"] == "task_completed"
    assert ends_in_log(duo, project_id, order) == ["task_completed"]
