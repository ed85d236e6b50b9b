"""Read from the database what clients are told when they join rooms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Window
from django.db.models.functions import RowNumber

from realtime import conf
from realtime.aio import LINGER, Batcher
from realtime.db import errors, threads
from realtime.db.outages import is_outage
from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.events import log, values
from realtime.events.publication import Publication
from realtime.models import TaskState
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import RunningTask
from realtime.rooms import backend


class JoinRequest(NamedTuple):
    project_id: int
    user_id: int
    since: int | None = None
    """Last `seq` that the client has seen, if it comes back."""


class View(NamedTuple):
    """Hold a room as one user may see it, at position `seq`."""

    seq: int
    role: str
    project: dict[str, Any]
    tasks: list[RunningTask]
    missed: list[Publication] | None
    """Events after `since` up to `seq`; None where the log no longer has them all."""


Answer = View | ProtocolError | None
"""None where the replays of those before were as many as go together: ask again."""

_MAX_JOINS = 50
"""Joins of one room that are read together."""
_MAX_ROOMS = 50
"""Rooms whose joins are read together."""
_OVERLAP_AFTER = 0.25
"""Seconds that joins wait for joins of other rooms that are slow to read."""
_ATTEMPTS = 3
_MAX_REPLAYED = 2000
"""Events that are replayed together, unless those of one project are more."""


class Joins:
    """Read for the joins of a server process: joins that come at once go in one set of queries.

    The joins of one room wait for each other, so that a project that is slow to read takes
    one thread; those of other rooms wait for it for a moment only.
    """

    def __init__(self) -> None:
        self._rooms = Batcher(self._read_room, limit=_MAX_JOINS)
        self._reads = Batcher(
            _read_rooms, limit=_MAX_ROOMS, overlap_after=_OVERLAP_AFTER, linger=LINGER
        )

    async def view(self, request: JoinRequest) -> View:
        """Return the room as the user may see it.

        Raises:
            ProtocolError: if they may not.
        """
        answer = None
        # None is no answer: others of the same batch had replays enough for one set of queries.
        while answer is None:
            answer = await self._rooms.submit(request.project_id, request)
        if isinstance(answer, ProtocolError):
            raise answer
        return answer

    async def _read_room(self, _: int, requests: list[JoinRequest]) -> list[Answer]:
        return await self._reads.submit(None, requests)


async def _read_rooms(_: None, rooms: list[list[JoinRequest]]) -> list[list[Answer]]:
    answers = iter(await threads.run(read, [request for room in rooms for request in room]))
    return [list(islice(answers, len(room))) for room in rooms]


def read(requests: Sequence[JoinRequest]) -> list[Answer]:
    """Serve joins of any projects together, in one set of queries.

    Where one project cannot be read, the joins of the others do not fail with it.

    Raises:
        django.db.Error: if the database is away; see `realtime.db.outages`.
    """
    try:
        return _read(requests)
    except Exception as error:
        if is_outage(error):
            raise
        project_ids = {request.project_id for request in requests}
        if len(project_ids) == 1:
            return [errors.from_exception(error)] * len(requests)
        answers: dict[JoinRequest, Answer] = {}
        for project_id in project_ids:
            alone = [request for request in requests if request.project_id == project_id]
            answers.update(zip(alone, read(alone), strict=True))
        return [answers[request] for request in requests]


def not_found(project_id: int) -> ProtocolError:
    """Return the one answer for a project that is missing and for one that is not to be seen."""
    return ProtocolError(
        ErrorCode.PROJECT_NOT_FOUND, f"Project {project_id} does not exist, or you cannot access it"
    )


def _read(requests: Sequence[JoinRequest]) -> list[Answer]:
    states = _states(requests)
    tasks = _running_tasks(states)
    missed = _missed(states, requests)

    def answer(request: JoinRequest) -> Answer:
        project_id, user_id, since = request
        state = states.get(project_id)
        access = state and state.access.get((project_id, user_id))
        if state is None or access is None:
            return not_found(project_id)
        if since is not None and (project_id, since) not in missed:
            return None
        replay = None if since is None else missed[project_id, since]
        return View(state.seq, access.role, state.project, tasks[project_id], replay)

    return [answer(request) for request in requests]


class _State(NamedTuple):
    """Hold a project at a position, and the access that users had then."""

    seq: int
    access: dict[tuple[int, int], backend.Access]
    project: dict[str, Any]


def _states(requests: Iterable[JoinRequest]) -> dict[int, _State]:
    """Return positions, and the users' access and the projects' states that belong to them.

    Projects that are missing, or that none of those who ask for them may see, are left out.

    Reading all in one transaction would take SQLite's write lock. Instead the positions are
    read before and after, and projects that have moved are looked at again. Should updates
    keep coming, the earlier position is right too: events carry values, so to apply one again
    changes nothing in the end; and whose access ended after that position is put out by the
    event that says so.
    """
    host = backend.get()
    places = {(request.project_id, request.user_id) for request in requests}
    user_ids = {user_id for _, user_id in places}
    moving = {project_id for project_id, _ in places}
    states: dict[int, _State] = {}
    for _ in range(_ATTEMPTS):
        before = log.heads(moving)
        access = host.access(moving, user_ids)
        projects = host.snapshots({place[0] for place in places if place in access})
        after = log.heads(projects)
        states = {key: state for key, state in states.items() if key not in moving} | {
            key: _State(before[key], access, values.plain(project))
            for key, project in projects.items()
        }
        moving = {key for key in projects if after[key] != before[key]}
        if not moving:
            break
    return states


def _running_tasks(project_ids: Collection[int]) -> dict[int, list[RunningTask]]:
    tasks: dict[int, list[RunningTask]] = {project_id: [] for project_id in project_ids}
    for project_id, *task in _open_tasks(project_ids):
        tasks[project_id].append(RunningTask(*task))
    return tasks


@CompiledQuery
def _open_tasks(project_ids: Argument) -> Any:
    rows = TaskState.objects.filter(AnyOf("project_id", project_ids), state__in=TaskState.OPEN)
    fields = ("project_id", "task_id", "task_type", "progress", "message")
    place = Window(RowNumber(), partition_by="project_id", order_by="-created_at")
    newest = rows.annotate(place=place).filter(place__lte=conf.get().MAX_OPEN_TASKS)
    return newest.order_by("created_at").values_list(*fields)


def _missed(
    states: Mapping[int, _State], requests: Iterable[JoinRequest]
) -> dict[tuple[int, int], list[Publication] | None]:
    """Return for each project and `since` the events after it: one query for them all.

    A replay is bounded in events and in bytes: what is longer would be cut off at once as too
    much for a client that has not begun to read. What is beyond `_MAX_REPLAYED` is left out.
    """
    settings = conf.get()
    limit, size = settings.REPLAY_LIMIT, settings.max_frame
    positions: defaultdict[int, set[int]] = defaultdict(set)
    for project_id, _, since in requests:
        if project_id in states and since is not None:
            positions[project_id].add(since)
    spans: dict[int, log.Span] = {}
    total = 0
    for project_id, wanted in positions.items():
        head = states[project_id].seq
        oldest = min((since for since in wanted if head - limit <= since <= head), default=head)
        if not total or total + head - oldest <= _MAX_REPLAYED:
            total += head - oldest
            spans[project_id] = log.Span(oldest, head)
    missed: dict[tuple[int, int], list[Publication] | None] = {}
    for project_id, found in log.spans(spans, size=size).items():
        for since in positions[project_id]:
            missed[project_id, since] = _replay(spans[project_id], found, since)
    return missed


def _replay(span: log.Span, found: Sequence[Publication], since: int) -> list[Publication] | None:
    if not span.after <= since <= span.upto:
        return None
    events = [event for event in found if event.seq > since]
    # Sequences have no gaps: what is missing are the oldest, pruned or too many bytes.
    is_whole = len(events) == span.upto - since
    return events if is_whole else None
