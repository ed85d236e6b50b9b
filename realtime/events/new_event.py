"""Make events to append: a function for each event of the protocol, `NewEvent` for a host's own."""

from __future__ import annotations

from typing import Any, NamedTuple

from realtime.protocol.messages import (
    DeletedPayload,
    EventPayload,
    MemberChangedPayload,
    TaskCompletedPayload,
    TaskFailedPayload,
    UpdatedPayload,
)
from realtime.protocol.room_id import to_id

Json = dict[str, Any]


class NewEvent(NamedTuple):
    """Hold an event that has no position in a log yet."""

    type: str
    payload: Json | EventPayload
    actor_id: Any = None
    """The primary key of the user who acted."""
    before: Json | None = None
    """The values that the change replaced, in its shape; for the history, and never sent."""
    operations: Json | None = None
    """Operations that made the texts in the changes, by field; see `rooms.text_changes`."""


def author(actor_id: Any) -> str:
    """Return a user as events name them; "system" where no user acted."""
    return "system" if actor_id is None else str(actor_id)


def updated(
    changes: Json,
    *,
    actor_id: Any = None,
    before: Json | None = None,
    operations: Json | None = None,
) -> NewEvent:
    """Tell the changes of what a room shows; `before` has the values that they replaced.

    In a room with text fields, `operations` is what `rooms.text_changes` returns for the changes.
    """
    event = _typed(UpdatedPayload(changes, author(actor_id)), actor_id, before)
    return event._replace(operations=operations or None)


def member_changed(
    user_id: Any, role: str | None, *, actor_id: Any = None, role_before: str | None = None
) -> NewEvent:
    """Tell the role of a user in a room; None puts them out of it."""
    return _typed(MemberChangedPayload(to_id(user_id), role), actor_id, {"role": role_before})


def deleted(*, actor_id: Any = None) -> NewEvent:
    """Tell that the room's object is deleted, which puts everybody out."""
    return _typed(DeletedPayload(), actor_id)


def task_completed(task_id: str, task_type: str, result: Any, *, actor_id: Any = None) -> NewEvent:
    """Tell the result of a task."""
    return _typed(TaskCompletedPayload(task_id, task_type, result), actor_id)


def task_failed(task_id: str, task_type: str, error: str, *, actor_id: Any = None) -> NewEvent:
    """Tell the error that ended a task."""
    return _typed(TaskFailedPayload(task_id, task_type, error), actor_id)


def _typed(payload: EventPayload, actor_id: Any, before: Json | None = None) -> NewEvent:
    return NewEvent(payload.type, payload, actor_id, before)
