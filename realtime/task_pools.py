"""Which pools of Celery serve: prefork, threads and solo.

Under gevent and eventlet, what is sent to the channel layer would need the event loop of a thread
that their patches take away (celery#7465). Such a worker ends before it takes a task.
"""

from __future__ import annotations

from typing import Any

from celery import concurrency
from celery.concurrency.eventlet import TaskPool as EventletPool
from celery.concurrency.gevent import TaskPool as GeventPool
from celery.signals import worker_init


@worker_init.connect(dispatch_uid="realtime.task_pools")
def refuse_green_threads(*, sender: Any, **_: Any) -> None:
    """Raises SystemExit, as Celery swallows any exception of a signal's receiver."""
    pool = concurrency.get_implementation(sender.pool_cls)
    if issubclass(pool, EventletPool | GeventPool):
        raise SystemExit(
            "realtime does not work in gevent and eventlet pools: "
            "use --pool=prefork, --pool=threads or --pool=solo"
        )
