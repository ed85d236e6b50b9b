"""Route the reads of rooms to the primary, where their rows are written.

A site with read replicas names this router first::

    DATABASE_ROUTERS = ["realtime.db.routers.ReadWhereWritten", "mysite.routers.Replicas"]

A replica lags by milliseconds or seconds. A member who joins with a snapshot older than their
position would never get the events in between, and a removed member would be let in again. The
tables of `realtime` need no router for this; the router is for the host's tables, in the threads
that serve rooms. All other reads go where the site's own routers send them.
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
    """Route reads to where a model is written, inside `reading_where_written`."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return router.db_for_write(model, **hints) if _active.get() else None


@contextmanager
def reading_where_written() -> Iterator[None]:
    """Read from the primary inside the block."""
    token = _active.set(True)
    try:
        yield
    finally:
        _active.reset(token)
