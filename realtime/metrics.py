"""Count the work of this process.

The counts are plain integers, since some grow with every message; `realtime.ops.prometheus` reads
them, and their descriptions, on a scrape. They start at 0 with the process and only grow.
"""

# ruff: noqa: RUF009  (each call makes a field, as dataclasses ask for)
from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any


class Histogram:
    """Count values by size. `bounds` are the upper bounds of the buckets, in order."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """Values per bucket; the last bucket has the values above every bound."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _count(text: str) -> Any:
    return field(default=0, metadata={"text": text})


def _by(label: str, text: str) -> Any:
    """Return a field that counts by the values of a label."""
    return field(default_factory=Counter, metadata={"text": text, "label": label})


def _histogram(text: str, bounds: Sequence[float] = _SECONDS) -> Any:
    return field(default_factory=partial(Histogram, bounds), metadata={"text": text})


@dataclass
class Metrics:
    """Hold the counts; the name of each is that of the metric, without `realtime_`."""

    connections: int = _count("Sockets that came, signed in or not")
    closes: Counter[str] = _by("code", "Sockets that ended, by Outbox.close_reason")
    commands: Counter[str] = _by("type", "Commands of clients")
    errors: Counter[str] = _by("code", "Errors told to clients")
    access_failures: Counter[str] = _by("check", "Checks of who may still be here that failed")
    http_refusals: int = _count("HTTP requests answered 503 or 408 without any work")
    deliveries: int = _count("Frames of rooms that were handed to sockets")
    repairs: int = _count("Reads of the log because the layer left something out")
    resets: int = _count("Rooms whose sockets had to start anew: the log lacks what they miss")
    publish_failures: int = _count("Messages that the layer did not take")
    subscribe_failures: int = _count("Attempts to listen to a room that the layer did not take")
    presence_failures: int = _count("Calls of Redis for presence that failed")
    join_seconds: Histogram = _histogram("From a join to its acknowledgement")
    update_seconds: Histogram = _histogram("From an update to its reply, commit included")
    write_seconds: Histogram = _histogram("One transaction of updates, its wait for a thread too")
    batch_size: Histogram = _histogram(
        "Updates written in one transaction", (1, 2, 4, 8, 16, 32, 64)
    )


current = Metrics()
"""The metrics of this process."""
