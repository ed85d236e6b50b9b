"""Tasks whose worker vanished: noticed, and brought to an end.

A worker that is killed sends no signal, and neither does a child that dies after its result is
stored. So as long as a task runs, its process prolongs a lease in the database. Where a lease
has run out, any server process ends the task: with its result if there is one, else as failed.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

from celery import states
from celery.result import AsyncResult
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.db.models import Q
from django.db.models.functions import Now

from realtime import conf, task_state
from realtime.models import TaskState

logger = logging.getLogger(__name__)

_AT_ONCE = 100
"""Tasks that one sweep ends at most."""


class Keeper:
    """Prolongs the leases of the tasks that run in this process, in a thread of its own."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def hold(self, task_id: str) -> None:
        with self._changed:
            self._running.add(task_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="task-leases", daemon=True)
                self._thread.start()

    def release(self, task_id: str) -> None:
        with self._changed:
            self._running.discard(task_id)
            self._changed.notify()

    def _keep(self) -> None:
        with self._changed:
            while self._running:
                if self._changed.wait(conf.get().TASK_LEASE / 3):
                    continue
                held = set(self._running)
                self._changed.release()
                try:
                    _prolong(held)
                finally:
                    self._changed.acquire()
            self._thread = None


def _prolong(task_ids: set[str]) -> None:
    close_old_connections()
    try:
        task_state.prolong(task_ids)
    except DatabaseError as error:
        logger.warning("Leases were not prolonged: %s", error, extra={"action": "task_lease"})
    finally:
        connection.close()


def sweep() -> None:
    """End the tasks whose lease has run out, and those that never started.

    Raises:
        Exception: of the result backend, where it cannot be reached: nothing can be said then.
    """
    settings = conf.get()
    overdue = Q(
        state=TaskState.State.RUNNING, updated_at__lt=Now() - timedelta(seconds=settings.TASK_LEASE)
    ) | Q(
        state=TaskState.State.QUEUED,
        updated_at__lt=Now() - timedelta(seconds=settings.TASK_QUEUE_LIMIT),
    )
    for task in TaskState.objects.filter(overdue)[:_AT_ONCE]:
        _end(task)


def _end(task: TaskState) -> None:
    result: AsyncResult[Any] = AsyncResult(task.task_id)
    state = _state(result)
    logger.warning(
        "No worker has %s any more; its result is %s",
        task,
        state,
        extra={"action": "task_lost", "task_id": task.task_id},
    )
    if state == states.SUCCESS:
        task_state.completed(task.task_id, result.result)
    elif state == states.FAILURE:
        error = result.result
        task_state.failed(task.task_id, f"{type(error).__name__}: {error}")
    elif task.state == TaskState.State.QUEUED:
        task_state.failed(task.task_id, "The task was never started", as_of=task.updated_at)
    else:
        task_state.failed(task.task_id, "The worker was lost", as_of=task.updated_at)


def _state(result: AsyncResult[Any]) -> str:
    try:
        return str(result.state)
    except NotImplementedError:  # there is no result backend
        return states.PENDING
