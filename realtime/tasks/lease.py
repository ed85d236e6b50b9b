"""End the tasks of lost workers.

A killed worker sends no signal, and neither does a child that dies after its result was stored. So
while a task runs, its process renews a lease in the database; a worker also renews the leases of
tasks that it has received and not started. Once a lease has expired, any server process ends the
task: with its stored result if there is one, otherwise as failed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakSet

from celery import states
from celery.backends.base import DisabledBackend
from celery.result import AsyncResult
from django.db import close_old_connections, connections
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from kombu.exceptions import SerializationError, SerializerNotInstalled

from realtime import conf
from realtime.models import TaskState
from realtime.tasks import state as task_state
from realtime.tasks.queues import QueueProbe
from realtime.tasks.task import failure_text

logger = logging.getLogger(__name__)

_AT_ONCE = 100
"""Tasks of each kind that one sweep ends, at most."""
_MAX_ERRORS = 3
"""Errors after which a sweep stops: the result backend cannot be reached."""


class LeaseKeeper:
    """Renew the leases of tasks that run in this process, in a thread of its own."""

    def __init__(self, prolong: Callable[[Collection[str]], None]) -> None:
        self._prolong = prolong
        self._held: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def hold(self, task_id: str) -> None:
        with self._changed:
            self._held.add(task_id)
            self._start()

    def release(self, task_id: str) -> None:
        with self._changed:
            self._held.discard(task_id)
            # Only the last release wakes the thread: woken by each one, it would never renew.
            if not self._held:
                self._changed.notify()

    def _ids(self) -> set[str]:
        return set(self._held)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="task-leases", daemon=True)
            self._thread.start()

    def _keep(self) -> None:
        with self._changed:
            while held := self._ids():
                if self._changed.wait(conf.get().TASK_LEASE / 3):
                    continue
                self._changed.release()
                try:
                    self._tell(held)
                finally:
                    self._changed.acquire()
            self._thread = None

    def _tell(self, task_ids: Collection[str]) -> None:
        try:
            close_old_connections()
            self._prolong(task_ids)
        except Exception as error:  # noqa: BLE001  (the thread must live: its tasks need the next renewal)
            logger.warning("Leases were not prolonged: %r", error, extra={"action": "task_lease"})
        finally:
            connections.close_all()


class ReceivedLeaseKeeper(LeaseKeeper):
    """Renew the leases of tasks that a worker has received and not started.

    A worker has a task as long as its request object lives: not every way to drop one sends a
    signal.
    """

    def __init__(self) -> None:
        super().__init__(task_state.keep_queued)
        self._requests: WeakSet[Any] = WeakSet()

    def add(self, request: Any) -> None:
        with self._changed:
            self._requests.add(request)
            self._start()

    def _ids(self) -> set[str]:
        return {request.id for request in self._requests}


def sweep(probe: QueueProbe) -> None:
    """End the tasks with an expired lease, and those that the broker lost or that never started.

    The order is random, so that tasks that cannot be settled now do not block the others.

    Raises:
        Exception: of the result backend, if it cannot be reached.
    """
    errors = []
    for task, reason in [*_overdue(), *probe.lost()]:
        try:
            _end(task, reason)
        except Exception as error:  # noqa: BLE001  (each result backend has its own errors)
            errors.append(error)
        if len(errors) == _MAX_ERRORS:
            break
    for task in _some(TaskState.objects.filter(state=TaskState.State.REPLACED)):
        settle(task.task_id)
    if errors:
        raise errors[0]


def _overdue() -> Iterator[tuple[TaskState, str]]:
    settings = conf.get()
    lease, limit = (
        Now() - timedelta(seconds=seconds)
        for seconds in (settings.TASK_LEASE, settings.TASK_QUEUE_LIMIT)
    )
    running = Q(state=TaskState.State.RUNNING)
    overdue = Q(running, updated_at__lt=lease) | Q(
        ~running, state__in=TaskState.OPEN, updated_at__lt=limit
    )
    for task in _some(TaskState.objects.filter(overdue)):
        is_running = task.state == TaskState.State.RUNNING
        yield task, "The worker was lost" if is_running else "The task was never started"


def _some(tasks: QuerySet[TaskState]) -> QuerySet[TaskState]:
    return tasks.order_by("?")[:_AT_ONCE]


def _end(task: TaskState, reason: str) -> None:
    extra = {"action": "task_lost", "task_id": task.task_id}
    logger.warning("The worker of %s was lost", task, extra=extra)
    settle(task.task_id, otherwise=reason, as_of=task.updated_at)


def settle(task_id: str, *, otherwise: str = "", as_of: datetime | None = None) -> None:
    """End a task that no worker has any more, with its stored result or as failed.

    Args:
        otherwise: the error if no result is stored; if empty, the task stays open then.
        as_of: the last sign of life; after a later one the task stays open.

    Raises:
        Exception: of the result backend, if it cannot be reached.
    """
    result: AsyncResult[Any] = AsyncResult(task_id)
    state = _state(result)
    if state == states.SUCCESS:
        task_state.mark_completed(task_id, result.result)
    elif state == states.FAILURE:
        task_state.mark_failed(task_id, failure_text(result.result))
    elif otherwise:
        task_state.mark_failed(task_id, otherwise, as_of=as_of)


def _state(result: AsyncResult[Any]) -> str:
    if isinstance(result.backend, DisabledBackend):
        return states.PENDING
    try:
        return str(result.state)
    except _UNREADABLE as error:  # raised at every sweep, it would block others
        extra = {"action": "task_lost", "task_id": result.id}
        logger.warning("The result of %s cannot be read: %r", result.id, error, extra=extra)
        return states.PENDING


_UNREADABLE = (SerializationError, SerializerNotInstalled, LookupError, TypeError, ValueError)
"""Errors of a result backend for a result that is corrupt, or in an unknown format."""
