"""Tasks that end in every way there is. `base=ProjectTask` is all that ties them to a project."""

from __future__ import annotations

import threading
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject

from realtime.tasks import ProjectTask, TaskFailure


@shared_task(base=ProjectTask)
def adopted(*, project_id: int) -> str:
    """A task as it was before, but for its base."""
    return "as before"


@shared_task(base=ProjectTask)
def without_project(number: int) -> int:
    return number + 1


@shared_task(base=ProjectTask, bind=True)
def reports(self: ProjectTask, *, project_id: int) -> str:
    """Reports far faster than the throttle lets through, and back once."""
    for percent in (10, 60, 30, *range(61, 100)):
        self.update_state(state="PROGRESS", meta={"current": percent, "total": 100,
                                                  "status": f"At {percent}"})  # fmt: skip
    return "done"


@shared_task(base=ProjectTask)
def raises(*, project_id: int) -> None:
    raise ValueError("a secret of the server")


@shared_task(base=ProjectTask)
def gives_up(*, project_id: int) -> None:
    raise TaskFailure("There is nothing to analyse")


@shared_task(base=ProjectTask, bind=True)
def retries(self: ProjectTask, *, project_id: int) -> str:
    """Fails twice, reporting less each time, and succeeds."""
    self.report_progress(50 - 10 * self.request.retries, f"Attempt {self.request.retries}")
    if self.request.retries < 2:
        raise self.retry(countdown=0.1, max_retries=5)
    return "at last"


@shared_task(base=ProjectTask, bind=True)
def never_succeeds(self: ProjectTask, *, project_id: int) -> None:
    raise self.retry(countdown=0.1, max_retries=1, exc=TaskFailure("Tried in vain"))


@shared_task(base=ProjectTask)
def ignored(*, project_id: int) -> None:
    raise Ignore


@shared_task(base=ProjectTask)
def rejected(*, project_id: int) -> None:
    raise Reject("no", requeue=False)


@shared_task(base=ProjectTask, acks_late=True, bind=True)
def rejected_once(self: ProjectTask, *, project_id: int) -> str:
    assert self.request.delivery_info is not None
    if not self.request.delivery_info["redelivered"]:
        raise Reject("later", requeue=True)
    return "the second time"


@shared_task(base=ProjectTask, bind=True)
def waits(self: ProjectTask, *, project_id: int) -> None:
    """Says that it runs, and goes on until somebody ends it."""
    self.report_progress(1, "Waiting")
    threading.Event().wait(60)


@shared_task(base=ProjectTask, soft_time_limit=1)
def softly_limited(*, project_id: int) -> None:
    threading.Event().wait(60)


@shared_task(base=ProjectTask, time_limit=1)
def hardly_limited(*, project_id: int) -> None:
    threading.Event().wait(60)


@shared_task(base=ProjectTask)
def returns(value: Any, *, project_id: int) -> Any:
    return value
