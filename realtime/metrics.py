"""Count what this process has done.

The counts are plain integers, since some grow with every message; `realtime.ops.prometheus` reads
them on a scrape. They start at 0 with the process and only grow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence


class Histogram:
    """Count values by size. `bounds` are the upper bounds of the buckets, in order."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """Values per bucket; the last bucket has those above every bound."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self) -> None:
        self.connections = 0
        """Sockets that came, signed in or not."""
        self.closes: Counter[str] = Counter()
        """Sockets that ended, by `Outbox.close_reason`."""
        self.commands: Counter[str] = Counter()
        """By type."""
        self.errors: Counter[str] = Counter()
        """By code, as told to clients."""
        self.http_refusals = 0
        """HTTP requests that were answered 503 or 408 without any work."""
        self.deliveries = 0
        """Frames of rooms that were handed to sockets."""
        self.repairs = 0
        """Reads of the log because the layer left something out."""
        self.publish_failures = 0
        """Messages that the layer did not take."""
        self.subscribe_failures = 0
        """Attempts to listen to a room that the layer did not take."""
        self.presence_failures = 0
        """Attempts to tell Redis who is here, or to ask it, that failed."""
        self.access_failures: Counter[str] = Counter()
        """Checks of who may still be here that failed, by what was to be checked."""
        self.resets = 0
        """Rooms whose sockets had to start anew, as the log does not have what they miss."""
        self.join_seconds = Histogram(_SECONDS)
        """From a join to its acknowledgement."""
        self.write_seconds = Histogram(_SECONDS)
        """One transaction of updates, its wait for a thread included."""
        self.update_seconds = Histogram(_SECONDS)
        """From an update's arrival to its reply, batching and commit included."""
        self.batch_sizes = Histogram((1, 2, 4, 8, 16, 32, 64))
        """Updates that were written in one transaction."""


current = Metrics()
"""The metrics of this process."""
