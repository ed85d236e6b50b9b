"""Bound what one socket may ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from realtime.conf import Rate
from realtime.protocol import strict_json
from realtime.protocol.errors import ErrorCode, ProtocolError


class Bucket:
    """Keep a token bucket: `burst` at once, `per_second` in the long run."""

    __slots__ = ("_clock", "_filled_at", "_level", "_rate")

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._level = float(rate.burst)
        self._filled_at = clock()

    def take(self) -> float:
        """Take one token; return 0, or the seconds until the next token."""
        now = self._clock()
        gained = (now - self._filled_at) * self._rate.per_second
        self._level = min(float(self._rate.burst), self._level + gained)
        self._filled_at = now
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self._rate.per_second


class MessageLimit:
    """Refuse what comes too fast, and tell when a client goes on all the same."""

    __slots__ = ("_bucket", "_patience")

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._bucket = Bucket(rate, clock)
        # A client that waits after the first refusals is never closed.
        self._patience = Bucket(rate, clock)

    def take(self) -> tuple[float, bool]:
        """Count a message.

        Returns:
            The seconds to wait (0: go on), and whether the client is to be cut off.
        """
        wait = self._bucket.take()
        return wait, bool(wait and self._patience.take())


def check_data(data: dict[str, Any], *, size: int, depth: int, containers: int) -> None:
    """Refuse free-form data of more than `size` bytes of JSON, of too many levels,
    lists or objects, or with a NUL.

    Raises:
        ProtocolError: VALIDATION_ERROR
    """
    if strict_json.is_deeper(data, depth):
        raise _invalid(f"Nested more than {depth} levels deep")
    encoded = msgspec.json.encode(data)
    if len(encoded) > size:
        raise _invalid(f"More than {size} bytes")
    if strict_json.has_more_containers(data, containers):
        raise _invalid(f"More than {containers} lists and objects")
    if strict_json.has_nul(encoded):
        raise _invalid("NUL characters are not allowed")


def _invalid(reason: str) -> ProtocolError:
    return ProtocolError(
        ErrorCode.VALIDATION_ERROR, "The data are not valid", details={"data": [reason]}
    )
