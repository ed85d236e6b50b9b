"""What the load generator is asked to do, and what it answers: JSON on stdin and stdout."""

from __future__ import annotations

import msgspec

from bench.load.dialects import Seat


class Target(msgspec.Struct):
    """Servers of one kind; sockets are spread over them in turn."""

    addresses: list[str]
    """`ws://host:port`"""
    pids: list[int]
    """Processes whose CPU time and memory count, with all their descendants."""
    dialect: str
    helpers: list[int] = []
    """Processes whose CPU time is told separately: the database and Redis."""


class FanOut(msgspec.Struct, tag=True):
    """Updates in rooms, as fast as the server goes with so many under way.

    An update is under way until every socket of its room has it. They go round: rooms in
    turn, and in each room its sockets in turn.
    """

    target: Target
    seats: list[Seat]
    under_way: int = 4
    windows: int = 3
    seconds: float = 1.5
    """Of each window; the result is the median window."""
    warm_up: float = 1.0
    exact: bool = False
    """Whether to check that every socket gets every `seq`, once and in order."""
    elsewhere: bool = False
    """Whether the last server is for those who write, and only the others count."""


class Writers(msgspec.Struct, tag=True):
    """Every socket of one room writes, and goes on when its own update comes back."""

    target: Target
    seats: list[Seat]
    windows: int = 3
    seconds: float = 2.0
    warm_up: float = 1.0


class Paced(msgspec.Struct, tag=True):
    """Updates at a fixed rate, whatever the server does; each is timed from when it was due."""

    target: Target
    seats: list[Seat]
    rate: float = 100.0
    seconds: float = 10.0
    warm_up: float = 1.0


class Connects(msgspec.Struct, tag=True):
    """Connections that are opened and joined, a bounded number at a time."""

    target: Target
    seats: list[Seat]
    at_once: int = 32


class Idle(msgspec.Struct, tag=True):
    """Joined sockets that do nothing: what memory they take."""

    target: Target
    seats: list[Seat]
    warm_up: int = 50
    """Sockets that come first and do not count: what the first ones load stays loaded."""
    seconds: float = 20.0
    """For which the CPU time of doing nothing is taken: as long as uvicorn's pings are apart."""


class Storm(msgspec.Struct, tag=True):
    """All clients drop, miss some updates, and come back at once."""

    target: Target
    seats: list[Seat]
    missed: int = 20
    """Updates in each room while they are away."""


Job = FanOut | Writers | Paced | Connects | Idle | Storm


class Window(msgspec.Struct):
    """One stretch of measuring."""

    seconds: float
    updates: int
    deliveries: int
    cpu: float
    """Seconds of the server's processes."""
    helpers_cpu: float
    """Seconds of the database's and of Redis."""
    latencies: list[float]
    """p50 and p99 of the deliveries, in seconds."""


class Flow(msgspec.Struct, tag=True):
    """The answer to `FanOut`, `Writers` and `Paced`."""

    windows: list[Window]
    refused: int = 0
    """Errors that the server sent."""
    checked: int | None = None
    """Sockets whose sequences were checked and found exact."""


class Opened(msgspec.Struct, tag=True):
    """The answer to `Connects`."""

    count: int
    seconds: float
    cpu: float
    helpers_cpu: float
    latencies: list[float]


class Memory(msgspec.Struct, tag=True):
    """The answer to `Idle`: bytes of the server's processes, and the CPU time that all take."""

    count: int
    before: int
    after: int
    cpu: float
    """Seconds of CPU per second while nothing happens."""


class Recovery(msgspec.Struct, tag=True):
    """The answer to `Storm`: seconds until all were connected, and until all were current."""

    count: int
    bare: float
    current: float
    bare_cpu: float
    current_cpu: float


Answer = Flow | Opened | Memory | Recovery
