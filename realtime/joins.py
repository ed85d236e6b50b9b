"""What a client is told when it joins a room, read from the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from realtime import backend, conf, hints, log
from realtime.hints import Hint
from realtime.models import TaskState
from realtime.protocol import ErrorCode, ProtocolError, RunningTask


class JoinRequest(NamedTuple):
    user_id: int
    since: int | None
    """The last `seq` that the client has seen, if it comes back."""


class View(NamedTuple):
    """A room as one user may see it, at position `seq`."""

    seq: int
    role: str
    project: dict[str, Any]
    tasks: list[RunningTask]
    missed: list[Hint] | None
    """The events after `since` up to `seq`; None where the log no longer has them all."""


_ATTEMPTS = 3


def read(project_id: int, requests: Sequence[JoinRequest]) -> list[View | ProtocolError]:
    """Serve joins of one project together, in one set of queries."""
    try:
        seq, access, project = _snapshot(project_id, {request.user_id for request in requests})
    except backend.ProjectNotFound:
        return [not_found(project_id) for _ in requests]
    tasks = _running_tasks(project_id)
    missed = _missed(project_id, seq, {r.since for r in requests if r.since is not None})
    return [
        View(
            seq,
            access[request.user_id].role,
            project,
            tasks,
            None if request.since is None else missed[request.since],
        )
        if request.user_id in access
        else not_found(project_id)
        for request in requests
    ]


def not_found(project_id: int) -> ProtocolError:
    """The one answer for a project that is missing and for one that is not to be seen."""
    return ProtocolError(ErrorCode.PROJECT_NOT_FOUND, f"There is no project {project_id} for you")


def _snapshot(
    project_id: int, user_ids: set[int]
) -> tuple[int, dict[int, backend.Access], dict[str, Any]]:
    """Return a position, and the users' access and the state that belong to it.

    Reading all in one transaction would take SQLite's write lock. Instead the position is
    read before and after. Should updates keep coming, the earlier one is right too: events
    carry values, so to apply one again changes nothing in the end; and whose access ended
    after that position is put out by the event that says so.

    Raises:
        ProjectNotFound: also where none of the users has access.
    """
    host = backend.get()
    for _ in range(_ATTEMPTS):
        seq = log.heads([project_id])[project_id]
        found = host.access([project_id], user_ids)
        if not found:
            raise backend.ProjectNotFound
        project = host.snapshot(project_id)
        if log.heads([project_id])[project_id] == seq:
            break
    return seq, {user_id: access for (_, user_id), access in found.items()}, project


def _running_tasks(project_id: int) -> list[RunningTask]:
    states = TaskState.objects.filter(project_id=project_id, state__in=TaskState.OPEN).order_by(
        "created_at"
    )
    return [RunningTask(s.task_id, s.task_type, s.progress, s.message) for s in states]


def _missed(project_id: int, head: int, positions: set[int]) -> dict[int, list[Hint] | None]:
    """Return for each position what came after it, up to `head`: one query for them all.

    A replay is bounded in events and in bytes: what is longer would be cut off at once as too
    much for a client that has not begun to read.
    """
    missed: dict[int, list[Hint] | None] = dict.fromkeys(positions)
    limit = conf.get().REPLAY_LIMIT
    within = [position for position in positions if head - limit <= position <= head]
    if not within:
        return missed
    found = [hints.from_event(row) for row in log.tail(project_id, min(within), upto=head)]
    for position in within:
        count = head - position
        # Sequences have no holes: so many rows at the end are exactly those after it.
        events = found[len(found) - count :]
        if count <= len(found) and _size(events) <= conf.get().MAX_UNSENT / 2:
            missed[position] = events
    return missed


def _size(events: list[Hint]) -> int:
    return sum(len(event.text.encode()) for event in events)
