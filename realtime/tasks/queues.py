"""Find queued tasks that the broker lost, with its memory or its disk.

No broker reports a loss, and few can be asked for one task; each can be asked for the length of a
queue. Once a queue was seen empty, every task that had been sent to it is either with a worker,
which renews its lease within a third of one (`realtime.tasks.lease.ReceivedLeaseKeeper`), or lost.
So a task is lost if its last sign of life is more than a lease older than that moment, and none
comes within a lease after it. In a queue that is never empty, `TASK_QUEUE_LIMIT` ends the task.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from celery import current_app
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now
from kombu.exceptions import ChannelError

from realtime import conf
from realtime.models import TaskState

logger = logging.getLogger(__name__)

_AT_ONCE = 100


class Sighting(NamedTuple):
    """Note a moment at which a queue was empty."""

    silent_since: datetime
    """By the database's clock. A task silent since then is with a worker, or lost."""
    at: float
    """By this process's monotonic clock."""


class QueueProbe:
    """Remember when the queues of silent tasks were empty; ask the broker in a thread of its own.

    A server process has one, and calls `lost` from one thread at a time.
    """

    def __init__(self) -> None:
        self.sightings: dict[str, Sighting] = {}
        self._thread: threading.Thread | None = None

    def lost(self) -> Iterator[tuple[TaskState, str]]:
        """Find tasks that were lost before a worker took them, each with the error to show."""
        lease = timedelta(seconds=conf.get().TASK_LEASE)
        now = ExpressionWrapper(Now(), output_field=DateTimeField())
        waiting = TaskState.objects.filter(state=TaskState.State.QUEUED).exclude(queue="")
        silent = list(waiting.filter(updated_at__lt=Now() - lease).annotate(now=now)[:_AT_ONCE])
        if not silent:
            return
        unseen: dict[str, datetime] = {}
        for task in silent:
            sighting = self.sightings.get(task.queue)
            if sighting is None:
                unseen[task.queue] = task.now - lease
            elif time.monotonic() - sighting.at > lease.total_seconds():
                if task.updated_at < sighting.silent_since:
                    yield task, "The task was lost before it was started"
                else:
                    unseen[task.queue] = task.now - lease
        for queue in unseen:
            self.sightings.pop(queue, None)
        self._ask(unseen)

    def wait(self, timeout: float) -> None:
        """Wait for the broker's answer, if it was asked."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _ask(self, queues: dict[str, datetime]) -> None:
        # In a thread: a broker that cannot be reached may never answer.
        if queues and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._look, args=[queues], name="task-queues", daemon=True
            )
            self._thread.start()

    def _look(self, queues: dict[str, datetime]) -> None:
        try:
            with current_app.connection_for_read() as connection:
                for queue, silent_since in queues.items():
                    if _is_empty(connection, queue):
                        self.sightings[queue] = Sighting(silent_since, time.monotonic())
        except Exception as error:  # noqa: BLE001  (each broker has its own errors)
            logger.warning("The broker was not asked: %r", error, extra={"action": "task_queues"})


def _is_empty(connection: Any, queue: str) -> bool:
    try:
        with connection.channel() as channel:
            return bool(channel.queue_declare(queue, passive=True).message_count == 0)
    except ChannelError:  # no such queue: Redis has no empty queues
        return True
    except connection.channel_errors:
        return True
