"""Read the events and tasks of a page of the admin, a bounded number of bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Substr

from realtime.events.describe import MAX_WIDTH, short
from realtime.events.log import MAX_READ, SIZE_WITH_BEFORE
from realtime.models import Event, TaskState
from realtime.protocol.room_id import Id


def without_contents(events: QuerySet[Event]) -> QuerySet[Event]:
    """Return a query of events without their large columns; see `read_contents`."""
    return events.defer("payload", "before", "outline")


def read_contents(events: Sequence[Event]) -> list[Event]:
    """Read the payloads of events from a query `without_contents`, and what they replaced.

    Returns:
        The events that were read: the first of them, `log.MAX_READ` bytes at most.
    """
    rows = Event.objects.filter(pk__in=[event.pk for event in events])
    sizes = dict(rows.annotate(total=SIZE_WITH_BEFORE).values_list("pk", "total"))
    read, total = [], 0
    for event in events:
        total += sizes.get(event.pk, 0)
        if total > MAX_READ:
            break
        read.append(event)
    contents = rows.filter(pk__in=[event.pk for event in read])
    found = {pk: rest for pk, *rest in contents.values_list("pk", "payload", "before")}
    kept = [event for event in read if event.pk in found]  # some may be pruned meanwhile
    for event in kept:
        event.payload, event.before = found[event.pk]
    return kept


def with_short_results(tasks: QuerySet[TaskState]) -> QuerySet[TaskState]:
    """Return a query of tasks with `short_result`, the start of each result, in place of it."""
    start = Substr(Cast("result", TextField()), 1, MAX_WIDTH + 1)
    return tasks.defer("result").annotate(short_result=start)


def short_text(start: str | None) -> str:
    """Return the beginning of a JSON text as one line."""
    try:
        return short(json.loads(start or "null"))
    except ValueError:  # it was cut off
        return short(start)


def user_ids(events: Iterable[Event]) -> set[Id]:
    """Return the users whom the events name beside those who acted."""
    return {event.payload["user_id"] for event in events if event.type == "member_changed"}
