"""Time the end of a socket's identity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from math import isinf

from realtime.auth.base import Identity

_WARNING = 60.0
"""Seconds before the end at which the client is warned."""
_SHORT = 0.8
"""Share of a short token's life after which the client is warned instead."""


class ExpiryTimer:
    """Call `warn` before an identity expires, and `end` when it has, leeway included."""

    def __init__(self, *, warn: Callable[[float], None], end: Callable[[], None]) -> None:
        """`warn` gets the seconds that are left."""
        self._warn = warn
        self._end = end
        self._timer: asyncio.TimerHandle | None = None

    def start(self, identity: Identity) -> None:
        """Time an identity in place of the previous one."""
        self.stop()
        if isinf(identity.expires_at):  # no clock ends it, only the check of every second
            return
        left = identity.expires_at - time.time()
        self._later(max(left * _SHORT, left - _WARNING), partial(self._on_warning, identity))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _later(self, delay: float, callback: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, callback)

    def _on_warning(self, identity: Identity) -> None:
        now = time.time()
        self._later(identity.ends_at - now, self._end)
        self._warn(max(0.0, round(identity.expires_at - now, 1)))
