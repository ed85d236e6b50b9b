"""The state of each project's tasks: moved forward only, by conditional updates.

A task may run twice (after a redelivery) and its signals may come twice or late. What makes
that harmless is here: a row changes only in the allowed direction, and only whoever changed it
tells the room. So progress never falls, and one end is shown.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from django.db import connections, transaction
from django.db.models.functions import Now

from realtime import conf
from realtime.events import broadcast, log, values
from realtime.models import TaskState, alias
from realtime.protocol import strict_json
from realtime.tasks.progress import Report

State = TaskState.State
MAX_ERROR = 500


class TooManyTasks(Exception):
    """As many tasks as may be are open in the room, or of the user; the message says which."""


def queued(*, task_id: str, task_type: str, project_id: int, user_id: int | None) -> None:
    """Note a task that is about to be sent to the broker; once noted, it stays as it is."""
    TaskState.objects.get_or_create(
        task_id=task_id,
        defaults={"project_id": project_id, "task_type": task_type, "user_id": user_id},
    )


class Request(NamedTuple):
    """A task that somebody wants to start."""

    task_id: str
    task_type: str
    project_id: int
    user_id: int | None
    subject: str
    queue: str


def admit(request: Request) -> str:
    """Note a task that is about to be sent to the broker. Return its id, or that of another.

    Another of its type that is open and has the same subject is enough. The bounds hold also for
    requests that come at once: they wait for each other until the transaction ends.

    Raises:
        TooManyTasks
    """
    with transaction.atomic(using=alias()):
        _take_turns(request)
        rows = TaskState.objects.filter(state__in=TaskState.OPEN)
        in_room = rows.filter(project_id=request.project_id)
        if request.subject:
            same = in_room.filter(task_type=request.task_type, subject=request.subject)
            if found := same.values_list("task_id", flat=True).first():
                return found
        settings = conf.get()
        if in_room.count() >= settings.MAX_OPEN_TASKS:
            raise TooManyTasks(f"{settings.MAX_OPEN_TASKS} tasks wait or run here already")
        if request.user_id is not None:
            most = settings.MAX_OPEN_TASKS_PER_USER
            if rows.filter(user_id=request.user_id).count() >= most:
                raise TooManyTasks(f"{most} tasks that you started wait or run already")
        TaskState.objects.create(**request._asdict())
        return request.task_id


def _take_turns(request: Request) -> None:
    """Wait for whoever else starts a task for this user or room, until their transaction ends.

    SQLite has one writer anyway. A lock of a row of the host's, or of the room, would be in the way
    of others; this one is taken here alone, and always in this order.
    """
    if connections[alias()].vendor != "postgresql":
        return
    with connections[alias()].cursor() as cursor:
        for what in (f"user {request.user_id}", f"room {request.project_id}"):
            digest = sha256(f"realtime tasks of {what}".encode()).digest()
            key = int.from_bytes(digest[:8], signed=True)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def started(task_id: str) -> None:
    """Note that a worker has begun, perhaps not the first one."""
    rows = TaskState.objects.filter(task_id=task_id, state__in=TaskState.OPEN)
    rows.update(state=State.RUNNING, updated_at=Now())


def postponed(task_id: str, *, queue: str = "") -> None:
    """Note that the task will be tried again later."""
    rows = TaskState.objects.filter(task_id=task_id, state=State.RUNNING)
    rows.update(state=State.QUEUED, queue=queue, updated_at=Now())


def replaced(task_id: str) -> None:
    """Note that other tasks do the rest, and that the last of them has this id."""
    rows = TaskState.objects.filter(task_id=task_id, state=State.RUNNING)
    rows.update(state=State.REPLACED, updated_at=Now())


def prolong(task_ids: Collection[str]) -> None:
    """Note that these tasks are still running."""
    rows = TaskState.objects.filter(task_id__in=task_ids, state=State.RUNNING)
    rows.update(updated_at=Now())


def keep_queued(task_ids: Collection[str]) -> None:
    """Note that a worker has these tasks, and will start them."""
    rows = TaskState.objects.filter(task_id__in=task_ids, state=State.QUEUED)
    rows.update(updated_at=Now())


def progressed(task_id: str, report: Report) -> bool:
    """Note and tell progress, unless it would fall or the task has ended. Return whether."""
    message = values.storable(report.message)
    rows = TaskState.objects.filter(
        task_id=task_id, state__in=TaskState.OPEN, progress__lte=report.progress
    )
    # In a transaction of the task's own, what fails here must not spoil it: hence a savepoint.
    with transaction.atomic(using=alias()):
        changed = rows.update(
            progress=report.progress,
            message=message,
            state=State.RUNNING,
            updated_at=Now(),
        )
        if not changed:
            return False
        project_id = TaskState.objects.values_list("project_id", flat=True).get(task_id=task_id)
    broadcast.progress(project_id, task_id, report.progress, message)
    return True


def completed(task_id: str, result: Any) -> bool:
    """End a task well and log it, unless it has ended already. Return whether."""
    result = as_json(result)
    return _end(task_id, "task_completed", {"result": result}, state=State.COMPLETED, result=result)


def failed(task_id: str, error: str, *, as_of: datetime | None = None) -> bool:
    """End a task badly and log it, unless it has ended already. Return whether.

    With `as_of`, also not if there has been a sign of life since.
    """
    error = values.storable(error)[:MAX_ERROR]
    return _end(
        task_id, "task_failed", {"error": error}, as_of=as_of, state=State.FAILED, error=error
    )


def _end(
    task_id: str,
    event: str,
    outcome: dict[str, Any],
    *,
    as_of: datetime | None = None,
    **fields: Any,
) -> bool:
    if fields["state"] is State.COMPLETED:
        fields["progress"] = 100
    rows = TaskState.objects.filter(task_id=task_id, state__in=TaskState.OPEN)
    if as_of is not None:
        rows = rows.filter(updated_at__lte=as_of)
    with transaction.atomic(using=alias()):
        if not rows.update(**fields, updated_at=Now()):
            return False
        task = TaskState.objects.get(task_id=task_id)
        payload = {"task_id": task_id, "task_type": task.task_type, **outcome}
        log.append(task.project_id, [log.Entry(event, payload, task.user_id)])
    return True


def as_json(value: Any) -> Any:
    """Return a task's result as JSON that any database takes; where a part is none, its text."""
    result = values.nearest(value)
    return strict_json.with_plain_numbers(result, msgspec.json.encode(result))
