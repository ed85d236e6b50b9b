"""Limit how often a task's progress is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Report(NamedTuple):
    progress: int
    """Percent, 0–100."""
    message: str


class Throttle:
    """Pass at most one report per interval, never with less progress; hold the latest."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._sent_at = float("-inf")
        self._highest = 0
        self._sent: Report | None = None
        self._held: Report | None = None

    def offer(self, progress: float, message: str) -> Report | None:
        """Return the report to send now; None if it is held back."""
        self._highest = max(self._highest, min(100, max(0, int(progress))))
        self._held = Report(self._highest, str(message)[:200])
        if self._clock() - self._sent_at < self._interval:
            return None
        return self.flush()

    def flush(self) -> Report | None:
        """Return the held report, if it differs from the last one sent."""
        report, self._held = self._held, None
        if report is None or report == self._sent:
            return None
        self._sent, self._sent_at = report, self._clock()
        return report
