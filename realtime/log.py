"""Each project's log of durable events: the truth that the rooms show.

`append` runs in the transaction that makes the change (a transactional outbox). It takes
the row lock of the project's `Room` and keeps it until the commit, so the events of a
project commit in the order of their `seq`, without a hole. Lock order: the host's rows
first, the `Room` row last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from realtime import hints, publish, strict_json
from realtime.lookups import AnyOf, Argument
from realtime.models import Event, Receipt, Room, TaskState
from realtime.queries import CompiledQuery


class Entry(NamedTuple):
    """An event that has no place in a log yet."""

    type: str
    payload: dict[str, Any]
    actor_id: int | None = None
    before: dict[str, Any] | None = None
    """What the change replaced, in its shape; for the history, and never sent."""


_recorded: ContextVar[list[Event] | None] = ContextVar("realtime_recorded", default=None)


def append(project_id: int, entries: Sequence[Entry]) -> list[Event]:
    """Append events to a project's log and send them to its room on commit.

    Raises:
        TransactionManagementError: outside `transaction.atomic()`: the event and the change
            that it tells of must commit together.
        TypeError, ValueError, KeyError: if an event cannot be shown to a room. Once it is in the
            log, no socket gets past it.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "realtime.log.append() must run inside transaction.atomic(), beside its change"
        )
    first = _advance(project_id, len(entries)) - len(entries) + 1
    rows = [
        Event(
            project_id=project_id,
            seq=seq,
            type=entry.type,
            payload=entry.payload,
            actor_id=entry.actor_id,
            before=entry.before,
        )
        for seq, entry in enumerate(entries, start=first)
    ]
    found = [hints.from_event(row) for row in rows]
    if any(strict_json.has_nul(hint.text.encode()) for hint in found):
        raise ValueError("A text in an event has a NUL character, which PostgreSQL cannot store")
    Event.objects.bulk_create(rows)
    recorded = _recorded.get()
    if recorded is not None:
        recorded.extend(rows)
    # No partial: Django wants the name of a hook that fails.
    transaction.on_commit(lambda: publish.events(project_id, found), robust=True)
    return rows


def _advance(project_id: int, count: int) -> int:
    """Move the project's head and return it; the row stays locked until the commit.

    The first event of a project makes the row. One statement, which the ORM cannot say.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [project_id, count])
        [head] = cursor.fetchone()
    return int(head)


_ADVANCE = """
INSERT INTO realtime_room (project_id, seq) VALUES (%s, %s)
ON CONFLICT (project_id) DO UPDATE SET seq = realtime_room.seq + excluded.seq
RETURNING seq
"""


@contextmanager
def recording() -> Iterator[list[Event]]:
    """Collect the events that are appended inside the block, by whomever."""
    rows: list[Event] = []
    token = _recorded.set(rows)
    try:
        yield rows
    finally:
        _recorded.reset(token)


def heads(project_ids: Collection[int]) -> dict[int, int]:
    """Return the last `seq` of each project: one query; 0 where nothing happened yet."""
    return dict.fromkeys(project_ids, 0) | dict(_heads(project_ids))


@CompiledQuery
def _heads(project_ids: Argument) -> Any:
    return Room.objects.filter(AnyOf("project_id", project_ids)).values_list("project_id", "seq")


def tail(
    project_id: int, after: int, *, upto: int | None = None, limit: int | None = None
) -> list[Event]:
    """Return the events after a `seq`, in order: all that are kept, or the first of them.

    Where the oldest are pruned, the list begins later; it never has a hole.
    """
    rows = Event.objects.filter(project_id=project_id, seq__gt=after)
    if upto is not None:
        rows = rows.filter(seq__lte=upto)
    return list(rows.order_by("seq")[:limit])


class Span(NamedTuple):
    """A part of a log: the events after one `seq`, up to another."""

    after: int
    upto: int


def spans(wanted: Mapping[int, Span]) -> dict[int, list[Event]]:
    """Return parts of several projects' logs, each in order: one query.

    Where the oldest are pruned, a list begins later; it never has a hole.
    """
    found: dict[int, list[Event]] = {project_id: [] for project_id in wanted}
    rows = [(project_id, *span) for project_id, span in wanted.items() if span.after < span.upto]
    if rows:
        # The ORM can say it only as one long OR, which costs more to make than to run.
        values = ", ".join(["(%s, %s, %s)"] * len(rows))
        for event in Event.objects.raw(_SPANS % values, list(chain.from_iterable(rows))):
            found[event.project_id].append(event)
    return found


_SPANS = """
WITH span (project_id, after, upto) AS (VALUES %s)
SELECT event.id, event.project_id, event.seq, event.type, event.payload
FROM span JOIN realtime_event event
    ON event.project_id = span.project_id AND event.seq > span.after AND event.seq <= span.upto
ORDER BY event.project_id, event.seq
"""


def prune(older_than: timedelta) -> int:
    """Delete events, receipts and ended tasks of that age; return how many.

    Of each project's log the beginning goes, by `seq`: clocks differ between servers, and to
    delete by the clock alone could leave a hole. One project at a time, so that no lock is
    held for long.
    """
    before = timezone.now() - older_than
    old = Event.objects.filter(created_at__lt=before).order_by().values_list("project_id")
    count = 0
    for project_id, last in old.annotate(last=Max("seq")):
        count += Event.objects.filter(project_id=project_id, seq__lte=last).delete()[0]
    count += Receipt.objects.filter(created_at__lt=before).delete()[0]
    ended = TaskState.objects.exclude(state__in=TaskState.OPEN)
    return count + ended.filter(updated_at__lt=before).delete()[0]
