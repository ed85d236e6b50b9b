"""Tasks whose worker vanished: noticed, and brought to an end.

A worker that is killed sends no signal, and neither does a child that dies after its result is
stored. So as long as a task runs, its process prolongs a lease in the database. Where a lease
has run out, any server process ends the task: with its result if there is one, else as failed.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Any

from celery import states
from celery.result import AsyncResult
from django.db import close_old_connections, connections
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import SerializationError, SerializerNotInstalled

from realtime import conf, task_state
from realtime.models import TaskState
from realtime.tasks import failure_text

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
            # Not for each that ends: woken again and again, the thread would never prolong.
            if not self._running:
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
    try:
        close_old_connections()
        task_state.prolong(task_ids)
    except Exception as error:  # noqa: BLE001  (the thread goes on: all its tasks need the next one)
        logger.warning("Leases were not prolonged: %r", error, extra={"action": "task_lease"})
    finally:
        connections.close_all()


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
        extra = {"action": "task_lost", "task_id": task.task_id}
        logger.warning("No worker has %s any more", task, extra=extra)
        is_running = task.state == TaskState.State.RUNNING
        reason = "The worker was lost" if is_running else "The task was never started"
        settle(task.task_id, otherwise=reason, as_of=task.updated_at)


def settle(task_id: str, *, otherwise: str, as_of: datetime | None = None) -> None:
    """End a task that no worker has any more: with its stored result, or for another reason.

    Args:
        otherwise: why it failed, if no result is stored.
        as_of: its last sign of life; with a later one it is left alone.

    Raises:
        Exception: of the result backend, where it cannot be reached.
    """
    result: AsyncResult[Any] = AsyncResult(task_id)
    state = _state(result)
    if state == states.SUCCESS:
        task_state.completed(task_id, result.result)
    elif state == states.FAILURE:
        task_state.failed(task_id, failure_text(result.result))
    else:
        task_state.failed(task_id, otherwise, as_of=as_of)


def _state(result: AsyncResult[Any]) -> str:
    try:
        return str(result.state)
    except NotImplementedError:  # there is no result backend
        return states.PENDING
    except _UNREADABLE as error:  # it would be so at every sweep, and hold up those behind it
        extra = {"action": "task_lost", "task_id": result.id}
        logger.warning("The result of %s cannot be read: %r", result.id, error, extra=extra)
        return states.PENDING


_UNREADABLE = (SerializationError, SerializerNotInstalled, LookupError, TypeError, ValueError)
"""What a result backend raises for a result that is none, or was stored for other readers."""
