"""Which pools of Celery serve, and what a worker's processes may share: prefork, threads and solo.

Under gevent and eventlet, what is sent to the channel layer would need the event loop of a thread
that their patches take away (celery#7465). Such a worker ends before it takes a task.
"""

from __future__ import annotations

from typing import Any

from celery import concurrency
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.signals import worker_init
from django.db import connections

_REFUSED = {"celery.concurrency.eventlet", "celery.concurrency.gevent"}
"""By name: to import them takes packages that only their users have."""


@worker_init.connect(dispatch_uid="realtime.tasks.pools")
def prepare(*, sender: Any, **_: Any) -> None:
    """Raises SystemExit, as Celery swallows any exception of a signal's receiver."""
    pool = concurrency.get_implementation(sender.pool_cls)
    if _REFUSED & {base.__module__ for base in pool.__mro__}:
        raise SystemExit(
            "realtime does not work in gevent and eventlet pools: "
            "use --pool=prefork, --pool=threads or --pool=solo"
        )
    if issubclass(pool, PreforkPool):
        _do_not_pool_connections()


def _do_not_pool_connections() -> None:
    """Take Django's psycopg pool out of a worker that forks.

    The parent tells of tasks that were revoked or lost. A child that is forked after that closes
    the pool that it inherits, and with it the parent's connections. Children gain nothing from a
    pool: Celery closes it around every task.
    """
    for alias in connections:
        connections[alias].settings_dict["OPTIONS"].pop("pool", None)
