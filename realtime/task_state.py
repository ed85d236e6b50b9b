"""The state of each project's tasks: moved forward only, by conditional updates.

A task may run twice (after a redelivery) and its signals may come twice or late. What makes
that harmless is here: a row changes only in the allowed direction, and only whoever changed it
tells the room. So progress never falls, and one end is shown.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models.functions import Now

from realtime import log, publish, strict_json
from realtime.models import TaskState, alias
from realtime.progress import Report

State = TaskState.State
MAX_ERROR = 500


def queued(*, task_id: str, task_type: str, project_id: int, user_id: int | None) -> None:
    """Note a task that is about to be sent to the broker; once noted, it stays as it is."""
    TaskState.objects.get_or_create(
        task_id=task_id,
        defaults={"project_id": project_id, "task_type": task_type, "user_id": user_id},
    )


def started(task_id: str) -> None:
    """Note that a worker has begun, perhaps not the first one."""
    rows = TaskState.objects.filter(task_id=task_id, state__in=TaskState.OPEN)
    rows.update(state=State.RUNNING, updated_at=Now())


def postponed(task_id: str) -> None:
    """Note that the task will be tried again later."""
    rows = TaskState.objects.filter(task_id=task_id, state=State.RUNNING)
    rows.update(state=State.QUEUED, updated_at=Now())


def prolong(task_ids: Collection[str]) -> None:
    """Note that these tasks are still running."""
    rows = TaskState.objects.filter(task_id__in=task_ids, state=State.RUNNING)
    rows.update(updated_at=Now())


def progressed(task_id: str, report: Report) -> bool:
    """Note and tell progress, unless it would fall or the task has ended. Return whether."""
    message = storable(report.message)
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
    publish.progress(project_id, task_id, report.progress, message)
    return True


def completed(task_id: str, result: Any) -> bool:
    """End a task well and log it, unless it has ended already. Return whether."""
    result = as_json(result)
    return _end(task_id, "task_completed", {"result": result}, state=State.COMPLETED, result=result)


def failed(task_id: str, error: str, *, as_of: datetime | None = None) -> bool:
    """End a task badly and log it, unless it has ended already. Return whether.

    With `as_of`, also not if there has been a sign of life since.
    """
    error = storable(error)[:MAX_ERROR]
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
    """Return a task's result as it is, if it is JSON that any database takes; else its text."""
    try:
        text = json.dumps(value, allow_nan=False)
        if "\\u0000" not in text:
            result = json.loads(text)
            encoded = msgspec.json.encode(result)  # refuses lone surrogates
            return strict_json.with_plain_numbers(result, encoded)
    except (TypeError, ValueError, RecursionError):
        pass
    return storable(str(value))[:MAX_ERROR]


def storable(text: str) -> str:
    """Return a text without what PostgreSQL or UTF-8 do not take: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
