"""How often a task's progress is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Report(NamedTuple):
    progress: int
    """Percent, 0–100."""
    message: str


class Throttle:
    """Lets reports through at most once per interval; never backwards; the last is kept."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._told_at = float("-inf")
        self._highest = 0
        self._told: Report | None = None
        self._held: Report | None = None

    def offer(self, progress: float, message: str) -> Report | None:
        """Return the report to tell now, if any; otherwise it is held."""
        self._highest = max(self._highest, min(100, max(0, int(progress))))
        self._held = Report(self._highest, str(message)[:200])
        if self._clock() - self._told_at < self._interval:
            return None
        return self.flush()

    def flush(self) -> Report | None:
        """Return the report that is held, if it says something new."""
        report, self._held = self._held, None
        if report is None or report == self._told:
            return None
        self._told, self._told_at = report, self._clock()
        return report
