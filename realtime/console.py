"""Read what an operator sees of a room: its users, tasks and events.

The admin shows it, and so does `{% realtime_console %}` on a page of the host's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth import get_permission_codename, get_user_model

from realtime.events import describe, history, log
from realtime.events.describe import Difference
from realtime.models import Event, Room, TaskState
from realtime.presence.store import UNREACHABLE, PresenceStore
from realtime.protocol.room_id import Id, RoomId, to_id

EVENTS = 20
PAST_TASKS = 10


@dataclass
class Overview:
    """Hold the parts of a room that a user may view in the admin."""

    room: RoomId
    row: int
    """The primary key of its `Room`; 0 if it has none yet."""
    shows_online: bool
    shows_tasks: bool
    shows_events: bool
    may_disconnect: bool
    online: dict[Id, str] | None = None
    """User id → name; None if Redis cannot be reached."""
    running: list[TaskState] = field(default_factory=list)
    past: list[TaskState] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


def overview(room: RoomId, user: Any) -> Overview:
    """Return the parts that an operator may see. The host's object needs another permission."""
    row = log.heads([room])[room].row
    found = Overview(
        room,
        row,
        shows_online=user.has_perm("realtime.view_room"),
        shows_tasks=user.has_perm("realtime.view_taskstate"),
        shows_events=user.has_perm("realtime.view_event"),
        may_disconnect=may_disconnect(user),
    )
    if found.shows_online:
        found.online = online([room])[room]
    if found.shows_tasks:
        tasks = TaskState.objects.filter(room_id=row).order_by("-created_at")
        found.running = list(tasks.filter(state__in=TaskState.OPEN))
        ended = tasks.exclude(state__in=TaskState.OPEN)
        found.past = list(ended.defer("result")[:PAST_TASKS])
    if found.shows_events:
        rows = Event.objects.filter(room_id=row).select_related("actor", "room").order_by("-seq")
        events = list(history.without_contents(rows)[:EVENTS])
        told = differences(events)
        found.events = [{"row": row, "differences": told[row.pk]} for row in events]
    return found


def may_disconnect(user: Any) -> bool:
    """Return True if a user may end the connections of users, as they may change those."""
    users = get_user_model()._meta
    return bool(user.has_perm(f"{users.app_label}.{get_permission_codename('change', users)}"))


def differences(events: Sequence[Event]) -> dict[int, list[Difference]]:
    """Return the differences of events, by id; they come from a query `without_contents`."""
    read = history.read_contents(events)
    names = usernames(history.user_ids(read))
    found = {event.pk: describe.unread(event) for event in events}
    return found | {event.pk: describe.differences(event, names) for event in read}


def running_tasks(rows: Sequence[Room]) -> Counter[int]:
    """Return the number of open tasks in each room, by its primary key."""
    tasks = TaskState.objects.filter(room__in=rows, state__in=TaskState.OPEN)
    return Counter(tasks.values_list("room_id", flat=True))


def online(rooms: Sequence[RoomId]) -> dict[RoomId, dict[Id, str] | None]:
    """Return the users who are in each room now; None if Redis cannot be reached."""
    try:
        found = async_to_sync(_members)(rooms)
    except UNREACHABLE:
        return dict.fromkeys(rooms)
    return dict(zip(rooms, found, strict=True))


async def _members(rooms: Sequence[RoomId]) -> list[dict[Id, str]]:
    presence = PresenceStore()
    try:
        return await presence.members(rooms)
    finally:
        await presence.close()


def usernames(user_ids: set[Id]) -> dict[Id, str]:
    users = get_user_model()._default_manager.filter(pk__in=user_ids)
    return {to_id(user.pk): str(user.get_username()) for user in users}
