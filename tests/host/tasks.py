"""A task that does what a test wants, when it wants it: files in a directory are its orders."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import shared_task

from realtime.tasks import RoomTask


class ObedientTask(RoomTask):
    abstract = True

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: dict[str, Any]) -> None:
        """Celery calls this when the result is stored, and before its signal says so."""
        _report_and_wait(Path(kwargs["orders"]), "stored", "signal")


@shared_task(base=ObedientTask, bind=True)
def obey(self: RoomTask, *, project_id: int, orders: str) -> dict[str, Any]:
    """Report half, write "running", wait for "finish", and have a result."""
    self.report_progress(50, "Half")
    _report_and_wait(Path(orders), "running", "finish")
    return {"status": "completed", "runs": len((Path(orders) / "running").read_text().split())}


def _report_and_wait(orders: Path, report: str, order: str) -> None:
    with (orders / report).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not (orders / order).exists():
        time.sleep(0.02)


@shared_task(base=RoomTask, bind=True)
def dawdle(self: RoomTask, *, project_id: int, seconds: float) -> dict[str, Any]:
    """Take so long, and report on the way."""
    for step in range(10):
        time.sleep(seconds / 10)
        self.report_progress(step * 10, "Dawdling...")
    return {"status": "completed", "project_id": project_id}
