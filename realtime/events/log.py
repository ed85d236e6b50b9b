"""Each project's log of durable events: the truth that the rooms show.

`append` runs in the transaction that makes the change (a transactional outbox). It takes
the row lock of the project's `Room` and keeps it until the commit, so the events of a
project commit in the order of their `seq`, without a hole. Lock order: the host's rows
first, the `Room` row last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from django.db import connections, transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from realtime import conf
from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.events import broadcast, outline, publication, values
from realtime.events.new_event import NewEvent
from realtime.events.publication import Publication
from realtime.models import Event, Receipt, Room, TaskState, alias
from realtime.protocol import strict_json
from realtime.protocol.messages import EVENT_PAYLOADS, EventPayload, ProjectUpdatedPayload

MAX_READ = 512 * 1024
"""Bytes of events that one read brings, unless the first of them alone is larger."""


class EventTooLarge(ValueError):
    """The message of an event is larger than a client can be sent."""


def append(project_id: int, events: Sequence[NewEvent]) -> list[Event]:
    """Append events to a project's log and send them to its room on commit.

    Raises:
        TransactionManagementError: outside `transaction.atomic()`: the event and the change
            that it tells of must commit together.
        TypeError, ValueError: if an event cannot be shown to a room, as it is no JSON or too
            large. Once it is in the log, no socket gets past it. Values that Django's JSON encoder
            knows are no trouble.
    """
    using = alias()
    if not transaction.get_connection(using).in_atomic_block:
        raise transaction.TransactionManagementError(
            "realtime.events.log.append() must run beside its change, inside "
            f"transaction.atomic(using={using!r})"
        )
    first = _advance(project_id, len(events)) - len(events) + 1
    rows = [_event(project_id, seq, event) for seq, event in enumerate(events, start=first)]
    found = [publication.from_event(row) for row in rows]
    most = conf.get().max_frame
    for row, hint in zip(rows, found, strict=True):
        encoded = hint.text.encode()
        if strict_json.has_nul(encoded):
            raise ValueError(
                "A text in an event has a NUL character, which PostgreSQL cannot store"
            )
        row.size = len(encoded)
        if row.size > most:
            raise EventTooLarge(
                f"{row.type} has {row.size} bytes; an event may have {most}, "
                'which is half of REALTIME["MAX_UNSENT"]'
            )
    Event.objects.bulk_create(rows)
    # No partial: Django wants the name of a hook that fails.
    transaction.on_commit(lambda: broadcast.events(project_id, found), using=using, robust=True)
    return rows


def _event(project_id: int, seq: int, event: NewEvent) -> Event:
    plain = values.plain(_payload(event))
    payload = strict_json.with_plain_numbers(plain, msgspec.json.encode(plain))
    is_update = event.type == ProjectUpdatedPayload.type
    return Event(
        project_id=project_id,
        seq=seq,
        type=event.type,
        payload=payload,
        outline=outline.of(payload["changes"]) if is_update else None,
        actor_id=event.actor_id,
        before=values.plain(event.before),
    )


def _payload(event: NewEvent) -> dict[str, Any]:
    if isinstance(event.payload, EventPayload):
        return msgspec.structs.asdict(event.payload)
    if event.type in EVENT_PAYLOADS:
        raise ValueError(f"{event.type} is an event of the protocol: make it by its function")
    return event.payload


def _advance(project_id: int, count: int) -> int:
    """Move the project's head and return it; the row stays locked until the commit.

    The first event of a project makes the row. One statement, which the ORM cannot say.
    """
    with connections[alias()].cursor() as cursor:
        cursor.execute(_ADVANCE, [project_id, count])
        [head] = cursor.fetchone()
    return int(head)


_ADVANCE = """
INSERT INTO realtime_room (project_id, seq) VALUES (%s, %s)
ON CONFLICT (project_id) DO UPDATE SET seq = realtime_room.seq + excluded.seq
RETURNING seq
"""


def heads(project_ids: Collection[int]) -> dict[int, int]:
    """Return the last `seq` of each project: one query; 0 where nothing happened yet."""
    return dict.fromkeys(project_ids, 0) | dict(_heads(project_ids))


@CompiledQuery
def _heads(project_ids: Argument) -> Any:
    return Room.objects.filter(AnyOf("project_id", project_ids)).values_list("project_id", "seq")


def tail(
    project_id: int, after: int, *, upto: int | None = None, limit: int | None = None
) -> list[Event]:
    """Return the events after a `seq`, in order: the first of them, `MAX_READ` bytes at most.

    Where the oldest are pruned, the list begins later; it never has a hole.
    """
    rows = Event.objects.filter(project_id=project_id, seq__gt=after).order_by("seq")
    if upto is not None:
        rows = rows.filter(seq__lte=upto)
    sizes = rows.values_list("seq", "size")[:limit]
    return list(rows.filter(seq__lte=_last_that_fits(sizes)).defer("before", "outline"))


def start_of_latest(project_id: int, *, upto: int, limit: int) -> int:
    """Return the `seq` after which the latest events begin, so many and `MAX_READ` bytes at most.

    Earlier ones that are pruned count as events without a size.
    """
    start = max(0, upto - limit)
    rows = Event.objects.filter(project_id=project_id, seq__gt=start, seq__lte=upto)
    sizes = list(rows.order_by("-seq").values_list("seq", "size"))
    first = _last_that_fits(sizes)
    return start if not sizes or first == sizes[-1][0] else first - 1


def _last_that_fits(sizes: Iterable[tuple[int, int]]) -> int:
    """Return the `seq` of the last event that `MAX_READ` still has room for; the first always fits.

    `sizes` has (`seq`, size) in the order of reading.
    """
    last, total = 0, 0
    for seq, size in sizes:
        total += size
        if last and total > MAX_READ:
            break
        last = seq
    return last


def outlines(project_id: int, after: int) -> list[tuple[int, str, outline.Outline | None]]:
    """Return (`seq`, type, outline) of all events after a `seq`, in order, without payloads."""
    rows = Event.objects.filter(project_id=project_id, seq__gt=after).order_by("seq")
    return list(rows.values_list("seq", "type", "outline"))


class Span(NamedTuple):
    """A part of a log: the events after one `seq`, up to another."""

    after: int
    upto: int


def spans(wanted: Mapping[int, Span], *, size: int) -> dict[int, list[Publication]]:
    """Return parts of several projects' logs, each in order: one query.

    Of each the last events, `size` bytes at most. Where the oldest are pruned, or are more than
    that, a list begins later; it never has a hole.
    """
    found: dict[int, list[Publication]] = {project_id: [] for project_id in wanted}
    rows = [(project_id, *span) for project_id, span in wanted.items() if span.after < span.upto]
    if rows:
        # The ORM can say it only as one long OR, which costs more to make than to run.
        values = ", ".join(["(%s, %s, %s)"] * len(rows))
        events = Event.objects.raw(_SPANS % values, [*chain.from_iterable(rows), size])
        # One by one: a payload takes much more memory than the text that is kept of it.
        for event in events.iterator():
            found[event.project_id].append(publication.from_event(event))
    return found


_SPANS = """
WITH span (project_id, after, upto) AS (VALUES %s),
part AS (
    SELECT event.id,
        SUM(event.size) OVER (PARTITION BY event.project_id ORDER BY event.seq DESC) AS size
    FROM span JOIN realtime_event event
        ON event.project_id = span.project_id AND event.seq > span.after AND event.seq <= span.upto
)
SELECT event.id, event.project_id, event.seq, event.type, event.payload
FROM part JOIN realtime_event event ON event.id = part.id
WHERE part.size <= %%s
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
    return count + ended.filter(updated_at__lt=Now() - older_than).delete()[0]
