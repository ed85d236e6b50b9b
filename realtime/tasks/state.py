"""Keep the state of each task, which conditional updates move forward only.

A task may run twice (after a redelivery) and its signals may come twice or late. Two rules make
that harmless: a row changes only in the allowed direction, and only the caller whose update
changed it informs the room. So progress never falls, and the room sees one end.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from django.db import connections, transaction
from django.db.models.functions import Now

from realtime import conf
from realtime.events import broadcast, log, values
from realtime.events.new_event import NewEvent, task_completed, task_failed
from realtime.models import TaskState, alias
from realtime.protocol import strict_json
from realtime.protocol.room_id import RoomId
from realtime.rooms import registry
from realtime.tasks.progress import Report

logger = logging.getLogger(__name__)

State = TaskState.State
MAX_ERROR = 500


class TooManyTasks(Exception):
    """Refuse a task, as the room or the user has as many as allowed; the message says which."""


def mark_queued(*, task_id: str, task_type: str, room: RoomId, user_id: Any = None) -> None:
    """Record a task that was sent to the broker without `admit`; an existing row is kept."""
    if not TaskState.objects.filter(task_id=task_id).exists():
        fields = {"room_id": log.row_of(room), "task_type": task_type, "user_id": user_id}
        TaskState.objects.get_or_create(task_id=task_id, defaults=fields)


class Request(NamedTuple):
    """Ask to start a task."""

    task_id: str
    task_type: str
    room: RoomId
    user_id: Any
    subject: str
    queue: str


def admit(request: Request) -> str:
    """Record a task that is about to be sent to the broker; return its id.

    If a task of its type and subject is open, record nothing and return that task's id. The limits
    hold for concurrent requests, too: each waits until the transaction of the one before ends.

    Raises:
        TooManyTasks
    """
    with transaction.atomic(using=alias()):
        _take_turns(request)
        rows = TaskState.objects.filter(state__in=TaskState.OPEN)
        row = log.row_of(request.room)
        in_room = rows.filter(room_id=row)
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
        fields = {name: value for name, value in request._asdict().items() if name != "room"}
        TaskState.objects.create(room_id=row, **fields)
        return request.task_id


def _take_turns(request: Request) -> None:
    """Wait until other transactions that start tasks for this user or room have ended.

    SQLite has one writer anyway. Locking a row of the host or of the room would block writers;
    these advisory locks are used only here, and always in this order, so they cannot deadlock.
    """
    if connections[alias()].vendor != "postgresql":
        return
    with connections[alias()].cursor() as cursor:
        for what in (f"user {request.user_id}", f"room {request.room}"):
            digest = sha256(f"realtime tasks of {what}".encode()).digest()
            key = int.from_bytes(digest[:8], signed=True)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def mark_started(task_id: str) -> None:
    """Record that a worker has started the task, perhaps not the first one."""
    rows = TaskState.objects.filter(task_id=task_id, state__in=TaskState.OPEN)
    rows.update(state=State.RUNNING, updated_at=Now())


def mark_postponed(task_id: str, *, queue: str = "") -> None:
    """Record that the task will be tried again later."""
    rows = TaskState.objects.filter(task_id=task_id, state=State.RUNNING)
    rows.update(state=State.QUEUED, queue=queue, updated_at=Now())


def mark_replaced(task_id: str) -> None:
    """Record that other tasks do the rest, the last of them under this id."""
    rows = TaskState.objects.filter(task_id=task_id, state=State.RUNNING)
    rows.update(state=State.REPLACED, updated_at=Now())


def prolong(task_ids: Collection[str]) -> None:
    """Renew the leases of running tasks."""
    rows = TaskState.objects.filter(task_id__in=task_ids, state=State.RUNNING)
    rows.update(updated_at=Now())


def keep_queued(task_ids: Collection[str]) -> None:
    """Renew the leases of tasks that a worker has received and not started."""
    rows = TaskState.objects.filter(task_id__in=task_ids, state=State.QUEUED)
    rows.update(updated_at=Now())


def record_progress(task_id: str, report: Report) -> bool:
    """Record and broadcast progress. Return False if it would fall, or the task has ended."""
    message = values.storable(report.message)
    rows = TaskState.objects.filter(
        task_id=task_id, state__in=TaskState.OPEN, progress__lte=report.progress
    )
    # A savepoint, if the task is in a transaction of its own: an error here must not break it.
    with transaction.atomic(using=alias()):
        changed = rows.update(
            progress=report.progress,
            message=message,
            state=State.RUNNING,
            updated_at=Now(),
        )
        if not changed:
            return False
        room = _room(TaskState.objects.select_related("room").get(task_id=task_id))
    if room is not None:
        broadcast.progress(room, task_id, report.progress, message)
    return True


def mark_completed(task_id: str, result: Any) -> bool:
    """End a task with its result, and append the event. Return False if it has ended already.

    A result that is too large for any client ends the task as failed: to show nothing, or a part,
    in its place would be wrong.
    """
    try:
        return _end(task_id, state=State.COMPLETED, result=as_json(result))
    except log.EventTooLarge as error:
        logger.warning(
            "The result of task %s is too large to be shown: %s",
            task_id,
            error,
            extra={"action": "task_result"},
        )
        return mark_failed(task_id, "The result is too large to be shown")


def mark_failed(task_id: str, error: str, *, as_of: datetime | None = None) -> bool:
    """End a task with an error, and append the event. Return False if it has ended already.

    With `as_of`, also return False if there was a later sign of life.
    """
    error = values.storable(error)[:MAX_ERROR]
    return _end(task_id, as_of=as_of, state=State.FAILED, error=error)


def _end(
    task_id: str,
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
        task = TaskState.objects.select_related("room").get(task_id=task_id)
        if (room := _room(task)) is not None:
            log.append(room, [_end_event(task)])
    return True


def _room(task: TaskState) -> RoomId | None:
    """Return the room of a task; None if its kind is not registered any more."""
    return registry.parse(task.room.kind, task.room.key)


def _end_event(task: TaskState) -> NewEvent:
    if task.state == State.COMPLETED:
        return task_completed(task.task_id, task.task_type, task.result, actor_id=task.user_id)
    return task_failed(task.task_id, task.task_type, task.error, actor_id=task.user_id)


def as_json(value: Any) -> Any:
    """Return a result as JSON that any database can store; text replaces what is not JSON."""
    result = values.nearest(value)
    return strict_json.with_plain_numbers(result, msgspec.json.encode(result))
