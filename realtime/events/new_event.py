"""Make events to append: those that the protocol names each by a function, a host's own freely."""

from __future__ import annotations

from typing import Any, NamedTuple

from realtime.protocol.messages import (
    EventPayload,
    MemberChangedPayload,
    ProjectDeletedPayload,
    ProjectUpdatedPayload,
    TaskCompletedPayload,
    TaskFailedPayload,
)

Json = dict[str, Any]


class NewEvent(NamedTuple):
    """An event that has no position in a log yet."""

    type: str
    payload: Json | EventPayload
    actor_id: int | None = None
    before: Json | None = None
    """The values that the change replaced, in its shape; for the history, and never sent."""


def author(actor_id: int | None) -> str:
    """Return a user as events name them; "system" where no user acted."""
    return "system" if actor_id is None else str(actor_id)


def project_updated(
    project_id: int, changes: Json, *, actor_id: int | None = None, before: Json | None = None
) -> NewEvent:
    """Tell the changes of a project; `before` has the values that they replaced."""
    return _typed(ProjectUpdatedPayload(project_id, changes, author(actor_id)), actor_id, before)


def member_changed(
    project_id: int,
    user_id: int,
    role: str | None,
    *,
    actor_id: int | None = None,
    role_before: str | None = None,
) -> NewEvent:
    """Tell the role of a user in a project; None puts them out of the room."""
    payload = MemberChangedPayload(project_id, user_id, role)
    return _typed(payload, actor_id, {"role": role_before})


def project_deleted(project_id: int, *, actor_id: int | None = None) -> NewEvent:
    """Put everybody out of the room of a project that is deleted."""
    return _typed(ProjectDeletedPayload(project_id), actor_id)


def task_completed(
    task_id: str, task_type: str, result: Any, *, actor_id: int | None = None
) -> NewEvent:
    """Tell the result of a task."""
    return _typed(TaskCompletedPayload(task_id, task_type, result), actor_id)


def task_failed(
    task_id: str, task_type: str, error: str, *, actor_id: int | None = None
) -> NewEvent:
    """Tell the error that ended a task."""
    return _typed(TaskFailedPayload(task_id, task_type, error), actor_id)


def _typed(payload: EventPayload, actor_id: int | None, before: Json | None = None) -> NewEvent:
    return NewEvent(payload.type, payload, actor_id, before)
