"""Time the end of a socket's access token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from rest_framework_simplejwt.settings import api_settings

_WARNING = 60.0
"""Seconds before the end at which the client is warned."""
_SHORT = 0.8
"""Share of a short token's life after which the client is warned instead."""


class ExpiryTimer:
    """Call `warn` before a token expires, and `end` when it has, leeway included."""

    def __init__(self, *, warn: Callable[[float], None], end: Callable[[], None]) -> None:
        """`warn` gets the seconds that are left."""
        self._warn = warn
        self._end = end
        self._expires_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, expires_at: float) -> None:
        """Time a token in place of the previous one. `expires_at` is a Unix time."""
        self.stop()
        self._expires_at = expires_at
        left = expires_at - time.time()
        self._later(max(left * _SHORT, left - _WARNING), self._on_warning)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _later(self, delay: float, callback: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, callback)

    def _on_warning(self) -> None:
        left = self._expires_at - time.time()
        self._later(left + leeway(), self._end)
        self._warn(max(0.0, round(left, 1)))


def leeway() -> float:
    """Return simplejwt's LEEWAY in seconds; the setting is a number or a timedelta."""
    value: float | timedelta = api_settings.LEEWAY
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
