"""Compute the wait before an attempt to connect: see "Reconnection" in docs/protocol.md."""

from __future__ import annotations

LEAST = 0.5
MOST = 20.0
STABLE = 5.0
"""Seconds that a connection must have lasted for the waits to start anew."""

_STEPS = 16
"""Attempts after which the wait grows no more; keeps the power within a float."""


def delay(attempt: int, random: float) -> float:
    """Return seconds: exponential with full jitter.

    Args:
        attempt: the failures so far in a row, from 0.
        random: a number from 0 to 1.
    """
    return min(MOST, LEAST + random * LEAST * 2.0 ** min(attempt, _STEPS))
