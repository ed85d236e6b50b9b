"""Log a service that goes away once, and once that it is back."""

from __future__ import annotations

import logging
import time
from threading import Lock

_QUIET = 0.5
"""Seconds without a failure after which a call that succeeds ends an outage.

A service that fails now and then is one outage, not one for each call.
"""


class OutageLog:
    """Log the first failure in a row, and the end of the row with the number of failures.

    Otherwise every event of every room would log a line while Redis is away. Threads may share it.
    """

    def __init__(self, logger: logging.Logger, message: str, extra: dict[str, str]) -> None:
        self._logger = logger
        self._message = message
        self._extra = extra
        self._failures = 0
        self._began_at = self._failed_at = 0.0
        self._lock = Lock()

    def failed(self, error: BaseException) -> None:
        """Note a call that failed; log it if the one before succeeded."""
        with self._lock:
            self._failures += 1
            self._failed_at = time.monotonic()
            if self._failures > 1:
                return
            self._began_at = self._failed_at
        self._logger.warning("%s: %r", self._message, error, extra=self._extra)

    def succeeded(self) -> None:
        """Note a call that succeeded; log the end of an outage if it ends one."""
        if not self._failures:  # nearly always, so without the lock
            return
        with self._lock:
            now = time.monotonic()
            failures, seconds = self._failures, now - self._began_at
            if not failures or now - self._failed_at < _QUIET:
                return
            self._failures = 0
        self._logger.warning(
            "%s: over after %.1f s and %d failed calls",
            self._message,
            seconds,
            failures,
            extra=self._extra,
        )
