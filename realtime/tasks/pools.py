"""Refuse pools of Celery that cannot work, and prepare the others: prefork, threads and solo.

A send to the channel layer needs the event loop of a thread, which the patches of gevent and
eventlet take away (celery#7465). Such a worker exits before it takes a task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import concurrency
from celery.concurrency.prefork import TaskPool as PreforkPool
from celery.signals import worker_init
from django.db import connections

from realtime import conf

_REFUSED = {"celery.concurrency.eventlet", "celery.concurrency.gevent"}
"""By name: importing them needs packages that only their users have."""


@worker_init.connect(dispatch_uid="realtime.tasks.pools")
def prepare(*, sender: Any, **_: Any) -> None:
    """Prepare a worker. Raise SystemExit, as Celery swallows exceptions of signal receivers."""
    if directory := conf.get().VALKEY_DIR:
        from realtime.development import valkey  # production has none of it

        valkey.ensure_running(Path(directory))
    pool = concurrency.get_implementation(sender.pool_cls)
    if _REFUSED & {base.__module__ for base in pool.__mro__}:
        raise SystemExit(
            "realtime does not work in gevent and eventlet pools: "
            "use --pool=prefork, --pool=threads or --pool=solo"
        )
    if issubclass(pool, PreforkPool):
        _do_not_pool_connections()


def _do_not_pool_connections() -> None:
    """Disable Django's psycopg pool in a worker that forks.

    The parent uses the database for tasks that were revoked or lost. A child that is forked
    later closes the pool that it inherits, and with it the parent's connections. Children gain
    nothing from a pool: Celery closes it around every task.
    """
    for alias in connections:
        connections[alias].settings_dict["OPTIONS"].pop("pool", None)
