"""Read the views of rooms that clients join: position, access, snapshot, tasks, missed events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
from realtime.protocol.errors import ErrorCode, ProtocolError, not_found_code
from realtime.protocol.messages import RunningTask
from realtime.protocol.room_id import Id, RoomId
from realtime.rooms import hosts
from realtime.rooms.room import Access


class JoinRequest(NamedTuple):
    """Ask for the view of one room, for one user."""

    room: RoomId
    user_id: Id
    since: int | None = None
    """Last `seq` that the client has seen, if it comes back."""
    operations: bool = False
    """True if operations will be applied to the texts of the view: then these must be of exactly
    its position."""


class View(NamedTuple):
    """Hold a room as one user may see it, at position `seq`."""

    seq: int
    role: str
    state: dict[str, Any]
    tasks: list[RunningTask]
    missed: list[Publication] | None
    """Events after `since` up to `seq`; None where the log no longer has them all."""


Answer = View | ProtocolError | None
"""None: the replay budget of this batch is used up; submit the request again."""

_MAX_JOINS = 50
"""Joins of one room that are read together."""
_MAX_ROOMS = 50
"""Rooms whose joins are read together."""
_OVERLAP_AFTER = 0.25
"""Seconds that joins wait for joins of other rooms that are slow to read."""
_ATTEMPTS = 3
_MOMENT = 0.1
"""Seconds after which a room that changed too fast to be read is joined again."""
MAX_REPLAYED = 2000
"""Events that are replayed together, unless those of one room are more."""


class Joins:
    """Read for the joins of a server process: joins that come at once go in one set of queries.

    The joins of one room wait for each other, so that a room that is slow to read takes
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
        # The first join of a batch always gets its replay, so each turn of this loop ends one.
        while answer is None:
            answer = await self._rooms.submit(request.room, request)
        if isinstance(answer, ProtocolError):
            raise answer
        return answer

    async def _read_room(self, _: RoomId, requests: list[JoinRequest]) -> list[Answer]:
        return await self._reads.submit(None, requests)


async def _read_rooms(_: None, rooms: list[list[JoinRequest]]) -> list[list[Answer]]:
    answers = iter(await threads.run(read, [request for room in rooms for request in room]))
    return [list(islice(answers, len(room))) for room in rooms]


def read(requests: Sequence[JoinRequest]) -> list[Answer]:
    """Serve joins of any rooms together, in one set of queries.

    If one room cannot be read, the joins of the others still succeed.

    Raises:
        django.db.Error: if the database is away; see `realtime.db.outages`.
    """
    try:
        return _read(requests)
    except Exception as error:
        if is_outage(error):
            raise
        rooms = {request.room for request in requests}
        if len(rooms) == 1:
            return [errors.from_exception(error)] * len(requests)
        answers: dict[JoinRequest, Answer] = {}
        for room in rooms:
            alone = [request for request in requests if request.room == room]
            answers.update(zip(alone, read(alone), strict=True))
        return [answers[request] for request in requests]


def not_found(room: RoomId) -> ProtocolError:
    """Return the same error for a room that is missing and one that the user may not see."""
    what = f"{room.noun.capitalize()} {room.key}"
    return ProtocolError(
        not_found_code(room.kind), f"{what} does not exist, or you cannot access it"
    )


def _read(requests: Sequence[JoinRequest]) -> list[Answer]:
    states = _states(requests)
    tasks = _running_tasks(states)
    missed = _missed(states, requests)
    blurred = _blurred(states, requests)

    def answer(request: JoinRequest) -> Answer:
        room, user_id, since, operations = request
        state = states.get(room)
        access = state and state.access.get((room, user_id))
        if state is None or access is None:
            return not_found(room)
        if operations and room in blurred:
            message = f"{room.noun.capitalize()} {room.key} changes all the time; try again"
            return ProtocolError(ErrorCode.UNAVAILABLE, message, retry_after=_MOMENT)
        if since is not None and (room, since) not in missed:
            return None
        replay = None if since is None else missed[room, since]
        return View(state.head.seq, access.role, state.snapshot, tasks[room], replay)

    return [answer(request) for request in requests]


class _State(NamedTuple):
    """Hold a room at a position, and the access that users had then."""

    head: log.Head
    access: dict[tuple[RoomId, Id], Access]
    snapshot: dict[str, Any]
    read_at: int
    """A position that the snapshot is not behind of: above the head's where the room moves."""


def _states(requests: Iterable[JoinRequest]) -> dict[RoomId, _State]:
    """Return positions, and the users' access and the rooms' states that belong to them.

    Rooms that are missing, or that none of those who ask for them may see, are left out.

    Reading all in one transaction would take SQLite's write lock. Instead the positions are
    read before and after, and rooms that have moved are looked at again. Should updates
    keep coming, the earlier position is right too: events carry values, so to apply one again
    changes nothing in the end; for operations see `_blurred`. A user whose access ended after that
    position is put out by the event that says so.
    """
    room_users = {(request.room, request.user_id) for request in requests}
    user_ids = {user_id for _, user_id in room_users}
    moving = {room for room, _ in room_users}
    states: dict[RoomId, _State] = {}
    for _ in range(_ATTEMPTS):
        before = log.heads(moving)
        access = hosts.access(moving, user_ids)
        snapshots = hosts.snapshots({each[0] for each in room_users if each in access})
        after = log.heads(snapshots)
        states = {room: state for room, state in states.items() if room not in moving} | {
            # The row may be new, as that of a room whose first task has just been started.
            room: _State(
                log.Head(after[room].row, before[room].seq),
                access,
                values.plain(state),
                after[room].seq,
            )
            for room, state in snapshots.items()
        }
        moving = {room for room in snapshots if after[room].seq != before[room].seq}
        if not moving:
            break
    return states


def _blurred(states: Mapping[RoomId, _State], requests: Iterable[JoinRequest]) -> frozenset[RoomId]:
    """Return the rooms whose snapshots may have operations already that come after their position.

    To apply one twice would double what it inserts. So whoever asks for operations joins again; as
    a rule this asks nothing, as no room has moved.
    """
    asked = {request.room for request in requests if request.operations} & states.keys()
    moved = {room: state for room in asked if (state := states[room]).read_at > state.head.seq}
    return frozenset(
        room
        for room, (head, _access, _snapshot, read_at) in moved.items()
        if log.has_operations(head.row, head.seq, read_at)
    )


def _running_tasks(states: Mapping[RoomId, _State]) -> dict[RoomId, list[RunningTask]]:
    rooms = {state.head.row: room for room, state in states.items() if state.head.row}
    tasks: dict[RoomId, list[RunningTask]] = {room: [] for room in states}
    for row, *task in _open_tasks(rooms):
        tasks[rooms[row]].append(RunningTask(*task))
    return tasks


@CompiledQuery
def _open_tasks(rows: Argument) -> Any:
    tasks = TaskState.objects.filter(AnyOf("room_id", rows), state__in=TaskState.OPEN)
    fields = ("room_id", "task_id", "task_type", "progress", "message")
    place = Window(RowNumber(), partition_by="room_id", order_by="-created_at")
    newest = tasks.annotate(place=place).filter(place__lte=conf.get().MAX_OPEN_TASKS)
    return newest.order_by("created_at").values_list(*fields)


def _missed(
    states: Mapping[RoomId, _State], requests: Iterable[JoinRequest]
) -> dict[tuple[RoomId, int], list[Publication] | None]:
    """Return for each room and `since` the events after it: one query for them all.

    A replay is bounded in events and in bytes: a longer one would overflow the outbox of a client
    that has not begun to read. Rooms whose replays would go beyond `MAX_REPLAYED` are left out.
    """
    settings = conf.get()
    limit, size = settings.REPLAY_LIMIT, settings.max_frame
    positions: defaultdict[RoomId, set[int]] = defaultdict(set)
    for room, _, since, _ in requests:
        if room in states and since is not None:
            positions[room].add(since)
    spans: dict[RoomId, log.Span] = {}
    total = 0
    for room, wanted in positions.items():
        row, head = states[room].head
        behind = frozenset(since for since in wanted if head - limit <= since < head)
        count = head - min(behind, default=head)
        if not total or total + count <= MAX_REPLAYED:
            total += count
            spans[room] = log.Span(row, behind, head)
    missed: dict[tuple[RoomId, int], list[Publication] | None] = {}
    for room, found in log.spans(spans, size=size).items():
        for since in positions[room]:
            missed[room, since] = _replay(spans[room], found, since)
    return missed


def _replay(span: log.Span, found: Sequence[Publication], since: int) -> list[Publication] | None:
    if since == span.upto:
        return []
    if since not in span.afters:
        return None
    events = [event for event in found if event.seq > since]
    # Sequences have no gaps: what is missing are the oldest, pruned or too many bytes.
    is_whole = len(events) == span.upto - since
    return events if is_whole else None
