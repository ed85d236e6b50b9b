"""What an operator sees of a project's room: who is here, what runs, what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model

from realtime import history
from realtime.history import Difference
from realtime.models import Event, TaskState
from realtime.presence import UNREACHABLE, Presence

EVENTS = 20
PAST_TASKS = 10


@dataclass
class Overview:
    project_id: int
    online: dict[int, str] | None
    """User id → name; None where Redis cannot be reached."""
    running: list[TaskState]
    past: list[TaskState]
    events: list[dict[str, Any]]


def overview(project_id: int) -> Overview:
    tasks = TaskState.objects.filter(project_id=project_id).order_by("-created_at")
    rows = Event.objects.filter(project_id=project_id).select_related("actor").order_by("-seq")
    events = list(history.without_contents(rows)[:EVENTS])
    told = differences(events)
    return Overview(
        project_id,
        online([project_id])[project_id],
        list(tasks.filter(state__in=TaskState.OPEN)),
        list(tasks.exclude(state__in=TaskState.OPEN).defer("result")[:PAST_TASKS]),
        [{"row": row, "differences": told[row.pk]} for row in events],
    )


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
    presence = Presence()
    try:
        return await presence.members(project_ids)
    finally:
        await presence.close()


def usernames(user_ids: set[int]) -> dict[int, str]:
    users = get_user_model()._default_manager.filter(pk__in=user_ids)
    return {user.pk: str(user.get_username()) for user in users}
