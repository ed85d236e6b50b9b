"""`python -m bench.task_progress COUNT`: what reports of progress cost a Celery task.

Prints a JSON object. The task runs here, without a broker: what it does to report is the same.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django

django.setup()

from celery import shared_task  # noqa: E402
from django.test import override_settings  # noqa: E402

from projects.models import Project  # noqa: E402
from realtime import conf  # noqa: E402
from realtime.tasks.task import RoomTask  # noqa: E402


@shared_task(base=RoomTask, bind=True)
def report(self: RoomTask, *, project_id: int, count: int) -> dict[str, float]:  # noqa: ARG001
    """Report so often, and return the wall and CPU seconds of it."""
    self.report_progress(0)
    begun, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        self.report_progress(100 * number / count, f"Step {number}")
    return {"wall": time.perf_counter() - begun, "cpu": time.process_time() - cpu}


def run(count: int, interval: float) -> dict[str, float]:
    """Run the task with a throttle of so many seconds; return seconds per report."""
    from django.conf import settings

    with override_settings(REALTIME={**settings.REALTIME, "PROGRESS_INTERVAL": interval}):
        project = Project.objects.create(title="A task's")
        used: dict[str, Any] = report.apply(kwargs={"project_id": project.pk, "count": count}).get()
    return {name: seconds / count for name, seconds in used.items()}


def main() -> None:
    count = int(sys.argv[1])
    run(10, 0.0)
    told, held = run(count, 0.0), run(100 * count, 1e9)
    figures = {
        "ms/told report": 1e3 * told["wall"],
        "CPU ms/told report": 1e3 * told["cpu"],
        "µs/held report": 1e6 * held["wall"],
        "% of a task": 100 * told["wall"] / conf.get().PROGRESS_INTERVAL,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
