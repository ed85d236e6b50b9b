"""Tasks that end in every way there is. `base=RoomTask` is all that ties them to a project."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from celery import chord, group, shared_task
from celery.exceptions import Ignore, Reject

from realtime import rooms
from realtime.rooms import actor
from realtime.tasks.task import RoomTask, TaskFailure


@shared_task(base=RoomTask)
def adopted(*, project_id: int) -> str:
    """A task as it was before, but for its base."""
    return "as before"


@shared_task(base=RoomTask)
def without_project(number: int) -> int:
    return number + 1


@shared_task(base=RoomTask, bind=True)
def reports(self: RoomTask, *, project_id: int) -> str:
    """Reports far faster than the throttle lets through, and back once."""
    for percent in (10, 60, 30, *range(61, 100)):
        self.update_state(state="PROGRESS", meta={"current": percent, "total": 100,
                                                  "status": f"At {percent}"})  # fmt: skip
    return "done"


@shared_task(base=RoomTask, bind=True)
def tells_who_acts(self: RoomTask, *, project_id: int | None = None, attempts: int = 1) -> Any:
    if self.request.retries + 1 < attempts:
        raise self.retry(countdown=0.1)
    return actor.actor_id()


@shared_task
def starts_for(user_id: int, task_id: str, how: str, **kwargs: Any) -> None:
    """Start the task above, as a view of this user would."""
    with rooms.acting(user_id):
        if how == "chain":
            first = adopted.si(project_id=kwargs["project_id"])
            (first | tells_who_acts.si(**kwargs).set(task_id=task_id)).delay()
        else:
            tells_who_acts.apply_async(kwargs=kwargs, task_id=task_id)


@shared_task(base=RoomTask)
def raises(*, project_id: int) -> None:
    raise ValueError("a secret of the server")


@shared_task(base=RoomTask)
def gives_up(*, project_id: int) -> None:
    raise TaskFailure("There is nothing to analyse")


@shared_task(base=RoomTask, bind=True)
def retries(self: RoomTask, *, project_id: int) -> str:
    """Fails twice, reporting less each time, and succeeds."""
    self.report_progress(50 - 10 * self.request.retries, f"Attempt {self.request.retries}")
    if self.request.retries < 2:
        raise self.retry(countdown=0.1, max_retries=5)
    return "at last"


@shared_task(base=RoomTask, bind=True)
def never_succeeds(self: RoomTask, *, project_id: int) -> None:
    raise self.retry(countdown=0.1, max_retries=1, exc=TaskFailure("Tried in vain"))


@shared_task(base=RoomTask)
def ignored(*, project_id: int) -> None:
    raise Ignore


@shared_task(base=RoomTask)
def rejected(*, project_id: int) -> None:
    raise Reject("no", requeue=False)


@shared_task(base=RoomTask, acks_late=True, bind=True)
def rejected_once(self: RoomTask, *, project_id: int) -> str:
    assert self.request.delivery_info is not None
    if not self.request.delivery_info["redelivered"]:
        raise Reject("later", requeue=True)
    return "the second time"


@shared_task(base=RoomTask, bind=True)
def waits(self: RoomTask, *, project_id: int) -> None:
    """Says that it runs, and goes on until somebody ends it."""
    self.report_progress(1, "Waiting")
    threading.Event().wait(60)


@shared_task(base=RoomTask, soft_time_limit=1)
def softly_limited(*, project_id: int) -> None:
    threading.Event().wait(60)


@shared_task(base=RoomTask, time_limit=1)
def hardly_limited(*, project_id: int) -> None:
    threading.Event().wait(60)


@shared_task(base=RoomTask)
def returns(value: Any, *, project_id: int) -> Any:
    return value


@shared_task(base=RoomTask)
def by_position(project_id: Any, other: int = 0) -> str:
    return "told"


@shared_task(base=RoomTask, key="board")
def of_another_name(board: int) -> str:
    return "told"


@shared_task
def half(number: int) -> int:
    """No task of a project; it may take the place of one."""
    return number // 2


@shared_task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@shared_task
def breaks(number: int) -> int:
    raise ValueError("a secret of the server")


@shared_task(base=RoomTask, bind=True)
def replaced(self: RoomTask, how: str, *, project_id: int) -> Any:
    self.report_progress(10, "Handing over")
    replacements: dict[str, Any] = {
        "task": half.s(84),
        "task of a project": adopted.s(project_id=project_id),
        "chain": half.s(168) | half.s(),
        "chord": chord([half.s(40), half.s(44)], total.s()),
        "group": group(half.s(2), half.s(4)),
        "broken task": breaks.s(1),
        "broken chord": chord([half.s(40), breaks.s(44)], total.s()),
    }
    return self.replace(replacements[how])


@shared_task(base=RoomTask)
def returns_values_of_django(*, project_id: int) -> Any:
    return {"price": Decimal("1.10"), "day": date(2026, 11, 27), "id": UUID(int=7)}
