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


class _Sight(NamedTuple):
    """A queue that was empty."""

    silent_since: datetime
    """What had not been heard of since then, was to be with a worker. By the database's clock."""
    at: float


_seen: dict[str, _Sight] = {}
_asking: threading.Thread | None = None


def lost() -> Iterator[tuple[TaskState, str]]:
    """Find tasks that were lost before a worker took them; with the reason to tell."""
    lease = timedelta(seconds=conf.get().TASK_LEASE)
    now = ExpressionWrapper(Now(), output_field=DateTimeField())
    waiting = TaskState.objects.filter(state=TaskState.State.QUEUED).exclude(queue="")
    silent = list(waiting.filter(updated_at__lt=Now() - lease).annotate(now=now)[:_AT_ONCE])
    if not silent:
        return
    unseen: dict[str, datetime] = {}
    for task in silent:
        sight = _seen.get(task.queue)
        if sight is None:
            unseen[task.queue] = task.now - lease
        elif time.monotonic() - sight.at > lease.total_seconds():
            if task.updated_at < sight.silent_since:
                yield task, "The task was lost before it was started"
            else:
                unseen[task.queue] = task.now - lease
    for queue in unseen:
        _seen.pop(queue, None)
    _ask(unseen)


def _ask(queues: dict[str, datetime]) -> None:
    """Ask the broker, in a thread: it may be away, and answer never."""
    global _asking  # noqa: PLW0603
    if queues and (_asking is None or not _asking.is_alive()):
        _asking = threading.Thread(target=_look, args=[queues], name="task-queues", daemon=True)
        _asking.start()


def _look(queues: dict[str, datetime]) -> None:
    try:
        with current_app.connection_for_read() as connection:
            for queue, silent_since in queues.items():
                if _is_empty(connection, queue):
                    _seen[queue] = _Sight(silent_since, time.monotonic())
    except Exception as error:  # noqa: BLE001  (every broker has errors of its own)
        logger.warning("The broker was not asked: %r", error, extra={"action": "task_queues"})


def _is_empty(connection: Any, queue: str) -> bool:
    try:
        with connection.channel() as channel:
            return bool(channel.queue_declare(queue, passive=True).message_count == 0)
    except ChannelError:  # there is no such queue: in Redis, an empty one is none
        return True
    except connection.channel_errors:
        return True
