"""The notes of a run: what was sent, answered, shown and stored. Times are those of `time.time`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """A durable event, as the database has it."""

    project_id: int
    seq: int
    type: str
    payload: Json
    created_at: float


@dataclass(frozen=True)
class Seen:
    """A durable event, as a client was shown it."""

    seq: int
    type: str
    payload: Json
    at: float
    token_ends: float = inf
    """When the token ended that the connection had then."""


@dataclass
class Stream:
    """The durable events that one client got in one room, without a new start in between."""

    client: str
    user_id: int
    project_id: int
    start: int | None
    """The position after which they begin; None where only the first event tells."""
    joined_at_seq: int | None = None
    """The head of the log when the client joined: what comes up to it is replayed."""
    seen: list[Seen] = field(default_factory=list)
    is_open: bool = True
    """Whether the client was in the room until the end, and so must have seen everything."""


@dataclass(frozen=True)
class Stray:
    """Something of a room that a connection got while it was not in the room."""

    client: str
    project_id: int
    message: str


@dataclass
class Update:
    """One change with a mark that nobody else uses, as the value `content[client]`."""

    client: str
    project_id: int
    mark: str
    outcome: str = ""
    """`done`, an error code, or `unknown` where nobody could tell; empty while it is open."""
    seq: int | None = None
    """Of the acknowledgement."""
    attempts: int = 0

    @property
    def is_refused_at_once(self) -> bool:
        return self.outcome not in ("", "done", "unknown") and self.attempts == 1


@dataclass
class Connection:
    """One WebSocket of a raw client: the commands with a `ref`, and the answers to each."""

    client: str
    sent: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    closed_at: float | None = None
    close_code: int | None = None


@dataclass
class Signal:
    """A signal that says when it was sent, as a client was shown it."""

    client: str
    user_id: int
    project_id: int
    mark: str
    """Nobody else uses it."""
    sent_at: float
    at: float


@dataclass
class Loss:
    """A time in which a user had no access, from its confirmation to the order to end it."""

    user_id: int
    project_id: int | None
    """None: to nothing at all."""
    since: float
    until: float = inf

    def covers(self, project_id: int) -> bool:
        return self.project_id in (None, project_id)


@dataclass(frozen=True)
class Deletion:
    """A project that was deleted while somebody was in its room."""

    project_id: int
    deleted_at: float
    put_out_at: float


@dataclass(frozen=True)
class Outage:
    """A time in which a server, or what it needs, did not run."""

    name: str
    since: float
    until: float


@dataclass(frozen=True)
class Stop:
    """A server that was told to end by SIGTERM."""

    server: str
    seconds: float


@dataclass(frozen=True)
class FinalState:
    """A room as a client shows it at the end."""

    client: str
    project_id: int
    seq: int
    state: Json


@dataclass(frozen=True)
class FinalPresence:
    """The users in a room, as a server told somebody who joined at the end."""

    server: str
    project_id: int
    shown: frozenset[int]
    expected: frozenset[int]


@dataclass(frozen=True)
class Task:
    task_id: str
    project_id: int
    state: str
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class Usage:
    """What one server process held when it had no client: before the load and after it."""

    server: str
    memory_before: int
    memory_after: int
    files_before: int
    files_after: int


@dataclass
class Notes:
    """All that is known of one run."""

    events: list[Event] = field(default_factory=list)
    projects: dict[int, Json] = field(default_factory=dict)
    """The projects of the database, which REST must show in the same way."""
    shown_by_rest: dict[int, Json] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    states: list[FinalState] = field(default_factory=list)
    presence: list[FinalPresence] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    logs: Mapping[str, str] = field(default_factory=dict)
    """The text of each server's log, by its name."""
    secrets: set[str] = field(default_factory=set)
    """Tokens that were used, which no log may hold."""
    queue_lost_at: list[float] = field(default_factory=list)
    """When Redis was flushed or killed: tasks that waited then may never start."""
    left_open: list[str] = field(default_factory=list)
    """Promises and tasks of the clients that were open after everybody had left."""
    absent: list[str] = field(default_factory=list)
    """Clients that were not back in their rooms, or behind, long after the last fault."""
    ended_at: float = 0.0
