"""Reads of rooms, sent to the database in which the rows are written.

A site with read replicas names this router first::

    DATABASE_ROUTERS = ["realtime.db.routers.ReadWhereWritten", "mysite.routers.Replicas"]

A replica is behind by some milliseconds, or seconds. Whoever joins with a state of before their
position never gets what lies between, and whoever was removed is let in again. The tables of
`realtime` itself need no router for that; this one is for the host's, in the threads that serve
rooms. All other reads go where the site's own routers send them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import router
from django.db.models import Model

_active: ContextVar[bool] = ContextVar("realtime_reads_where_written", default=False)


class ReadWhereWritten:
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return router.db_for_write(model, **hints) if _active.get() else None


@contextmanager
def reading_where_written() -> Iterator[None]:
    """Have what is read inside the block come from where it is written."""
    token = _active.set(True)
    try:
        yield
    finally:
        _active.reset(token)
