"""The pools of Celery: three that serve, and those that are refused before they do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.client import Message
from tests.harness.servers import Worker
from tests.harness.stack import Stack
from tests.tasks.conftest import Viewer, running_worker

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize("pool", ["threads", "solo"])
async def test_a_pool_that_serves(stack: Stack, viewer: Viewer, tmp_path: Path, pool: str) -> None:
    for tasks in running_worker(stack, tmp_path, f"--pool={pool}"):
        names = ["reports", "raises", "retries", "adopted"]
        started = {tasks.start(name, project_id=viewer.project_id): name for name in names}
        ends: dict[str, Message] = {}
        while started.keys() - ends.keys():
            message = await viewer.client.receive(30)
            if message["type"] in {"task_completed", "task_failed"}:
                assert message["payload"]["task_id"] not in ends, "once"
                ends[message["payload"]["task_id"]] = message
        told = {started[task_id]: message["type"] for task_id, message in ends.items()}
        assert told == {
            "reports": "task_completed",
            "raises": "task_failed",
            "retries": "task_completed",
            "adopted": "task_completed",
        }


def test_a_pool_that_is_refused(stack: Stack, tmp_path: Path) -> None:
    # By its class, since gevent is not installed here.
    pool = {"CELERY_CUSTOM_WORKER_POOL": "celery.concurrency.gevent:TaskPool"}
    worker = Worker(
        environment=stack.environment | pool, directory=tmp_path, options=("--pool=custom",)
    )
    with pytest.raises(RuntimeError, match="use --pool=prefork, --pool=threads or --pool=solo"):
        worker.start()
    assert "Traceback" not in worker.log
