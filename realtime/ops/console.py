"""Show an operator a project's room: who is here, what runs, what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth import get_permission_codename, get_user_model

from realtime.events import history
from realtime.events.history import Difference
from realtime.models import Event, TaskState
from realtime.presence.store import UNREACHABLE, PresenceStore

EVENTS = 20
PAST_TASKS = 10


@dataclass
class Overview:
    """Each part is shown only to users who may view it in the admin."""

    project_id: int
    shows_online: bool
    shows_tasks: bool
    shows_events: bool
    may_disconnect: bool
    online: dict[int, str] | None = None
    """User id → name; None where Redis cannot be reached."""
    running: list[TaskState] = field(default_factory=list)
    past: list[TaskState] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


def overview(project_id: int, user: Any) -> Overview:
    """Return what an operator may see. To see the project itself is another permission."""
    found = Overview(
        project_id,
        shows_online=user.has_perm("realtime.view_room"),
        shows_tasks=user.has_perm("realtime.view_taskstate"),
        shows_events=user.has_perm("realtime.view_event"),
        may_disconnect=may_disconnect(user),
    )
    if found.shows_online:
        found.online = online([project_id])[project_id]
    if found.shows_tasks:
        tasks = TaskState.objects.filter(project_id=project_id).order_by("-created_at")
        found.running = list(tasks.filter(state__in=TaskState.OPEN))
        ended = tasks.exclude(state__in=TaskState.OPEN)
        found.past = list(ended.defer("result")[:PAST_TASKS])
    if found.shows_events:
        rows = Event.objects.filter(project_id=project_id).select_related("actor").order_by("-seq")
        events = list(history.without_contents(rows)[:EVENTS])
        told = differences(events)
        found.events = [{"row": row, "differences": told[row.pk]} for row in events]
    return found


def may_disconnect(user: Any) -> bool:
    """Say whether somebody may end the connections of users: who may change these."""
    users = get_user_model()._meta
    return bool(user.has_perm(f"{users.app_label}.{get_permission_codename('change', users)}"))


def differences(events: Sequence[Event]) -> dict[int, list[Difference]]:
    """Return what events say, by their ids; they come from a query `without_contents`."""
    read = history.read_contents(events)
    names = usernames(history.user_ids(read))
    found = {event.pk: history.unread(event) for event in events}
    return found | {event.pk: history.differences(event, names) for event in read}


def running_tasks(project_ids: Sequence[int]) -> Counter[int]:
    """Return how many tasks are queued or running in each project."""
    rows = TaskState.objects.filter(project_id__in=project_ids, state__in=TaskState.OPEN)
    return Counter(rows.values_list("project_id", flat=True))


def online(project_ids: Sequence[int]) -> dict[int, dict[int, str] | None]:
    """Return who is in each project's room now; None where Redis cannot be reached."""
    try:
        found = async_to_sync(_members)(list(project_ids))
    except UNREACHABLE:
        return dict.fromkeys(project_ids)
    return dict(zip(project_ids, found, strict=True))


async def _members(project_ids: list[int]) -> list[dict[int, str]]:
    presence = PresenceStore()
    try:
        return await presence.members(project_ids)
    finally:
        await presence.close()


def usernames(user_ids: set[int]) -> dict[int, str]:
    users = get_user_model()._default_manager.filter(pk__in=user_ids)
    return {user.pk: str(user.get_username()) for user in users}
