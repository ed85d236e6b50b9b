"""A room's log as a history for people: what changed, from what to what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Length, Substr

from realtime.events.log import MAX_READ
from realtime.models import Event, TaskState
from realtime.protocol import messages
from realtime.protocol.room_id import Id, key_name

MAX_WIDTH = 200
"""Characters of one value."""
_MAX_DIFFERENCES = 20
"""Of one event: an update may have thousands."""


class Difference(NamedTuple):
    what: str
    before: str
    """Empty where there was nothing, or nothing is known."""
    after: str


def without_contents(events: QuerySet[Event]) -> QuerySet[Event]:
    """Return a query of events that leaves out what may be large; see `read_contents`."""
    return events.defer("payload", "before", "outline")


def read_contents(events: Sequence[Event]) -> list[Event]:
    """Read the payloads of events from a query `without_contents`, and what they replaced.

    Returns:
        The events that were read: the first of them, `log.MAX_READ` bytes at most.
    """
    rows = Event.objects.filter(pk__in=[event.pk for event in events])
    replaced = Coalesce(Length(Cast("before", TextField())), 0)
    sizes = dict(rows.annotate(total=F("size") + replaced).values_list("pk", "total"))
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
    """Return a query of tasks with the beginning of each result, `short_result`, for the result."""
    start = Substr(Cast("result", TextField()), 1, MAX_WIDTH + 1)
    return tasks.defer("result").annotate(short_result=start)


def short_text(start: str | None) -> str:
    """Return the beginning of a JSON text as one line."""
    try:
        return short(json.loads(start or "null"))
    except ValueError:  # it was cut off
        return short(start)


def unread(event: Event) -> list[Difference]:
    """Return what stands in place of the differences of an event that was not read."""
    what = event.type.replace("_", " ")
    return [Difference(what, "", f"{event.size} bytes; open this event to see them")]


def differences(event: Event, usernames: dict[Id, str]) -> list[Difference]:
    """Return what an event says, its first differences; `usernames` are those of `user_ids`."""
    found = _differences(event, usernames)
    if len(found) > _MAX_DIFFERENCES:
        rest = len(found) - _MAX_DIFFERENCES
        found[_MAX_DIFFERENCES:] = [Difference(f"{rest} more", "", "")]
    return found


def _differences(event: Event, usernames: dict[Id, str]) -> list[Difference]:
    payload = event.payload
    if messages.event_payload(event.type, event.room.kind) is messages.UpdatedPayload:
        return _changes("", event.before or {}, payload["changes"])
    match event.type:
        case "member_changed":
            user_id = payload["user_id"]
            name = usernames.get(user_id, f"user {user_id}")
            before = (event.before or {}).get("role")
            return [Difference(f"role of {name}", before or "", payload["role"] or "none")]
        case "task_completed":
            return [Difference(payload["task_type"], "", short(payload["result"]))]
        case "task_failed":
            return [Difference(payload["task_type"], "", f"failed: {payload['error']}")]
        case _:
            own = key_name(event.room.kind)
            rest = {key: value for key, value in payload.items() if key != own}
            return [Difference(event.type.replace("_", " "), "", short(rest) if rest else "")]


def user_ids(events: Iterable[Event]) -> set[Id]:
    """Return the users whom the events name beside those who acted."""
    return {event.payload["user_id"] for event in events if event.type == "member_changed"}


def _changes(prefix: str, before: dict[str, Any], changes: dict[str, Any]) -> list[Difference]:
    found = []
    for key, value in changes.items():
        old = before.get(key)
        if isinstance(value, dict) and value:
            found += _changes(f"{prefix}{key}.", old if isinstance(old, dict) else {}, value)
        else:
            found.append(Difference(f"{prefix}{key}", short(old), short(value)))
    return found


def short(value: Any) -> str:
    """Return a value as one line of text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"
