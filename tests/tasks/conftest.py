from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.harness.client import Client, Message
from tests.harness.servers import Worker
from tests.harness.stack import Stack

TIMEOUT = 30.0


class Tasks:
    """Starts tasks of `tests.tasks.cases` on a worker, and sees what a room sees of them."""

    def __init__(self, stack: Stack, worker: Worker, queue: str) -> None:
        self.stack = stack
        self.worker = worker
        self.queue = queue
        self.app = Celery(broker=stack.valkey.url, backend=stack.valkey.url, set_as_current=False)

    def start(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Send a task, as a program that knows only its name does; return its id."""
        options = kwargs.pop("options", {})
        task_id = str(uuid.uuid4())
        self.app.send_task(
            f"tests.tasks.cases.{name}", args, kwargs, task_id=task_id, queue=self.queue, **options
        )
        return task_id


class Viewer:
    """A client in a room, which keeps what it is told of tasks."""

    def __init__(self, client: Client, project_id: int) -> None:
        self.client = client
        self.project_id = project_id
        self.progress: list[tuple[int, str]] = []

    async def end_of(self, task_id: str) -> Message:
        """Return the event that ends a task; its progress until then is kept."""
        async with asyncio.timeout(TIMEOUT):
            while (message := await self.of(task_id))["type"] == "task_progress":
                payload = message["payload"]
                self.progress.append((payload["progress"], payload["message"]))
        assert message["project_id"] == self.project_id
        return message

    async def of(self, task_id: str) -> Message:
        while (message := await self.client.receive(TIMEOUT))["payload"].get("task_id") != task_id:
            pass
        return message


def running_worker(stack: Stack, directory: Path, *options: str) -> Iterator[Tasks]:
    queue = f"cases-{uuid.uuid4().hex[:8]}"
    environment = stack.environment | {
        "DJANGO_SETTINGS_MODULE": "tests.tasks.settings",
        "CASES_QUEUE": queue,
    }
    worker = Worker(
        environment=environment, directory=directory, options=(f"--queues={queue}", *options)
    )
    worker.start()
    yield Tasks(stack, worker, queue)
    worker.stop()


@pytest.fixture(scope="session")
def tasks(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    """A worker with the usual pool, prefork."""
    yield from running_worker(stack, tmp_path_factory.mktemp("cases"))


@pytest.fixture
async def viewer(stack: Stack) -> AsyncIterator[Viewer]:
    project_id = stack.new_project()
    async with await stack.connect("carol") as client:
        await client.join(project_id)
        yield Viewer(client, project_id)
