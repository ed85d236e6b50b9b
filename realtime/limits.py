"""Limit the rates of one socket and of one user."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from realtime.conf import Rate


class Bucket:
    """Keep a token bucket: `burst` at once, `per_second` in the long run."""

    __slots__ = ("_clock", "_filled_at", "_level", "_rate")

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._level = float(rate.burst)
        self._filled_at = clock()

    @property
    def is_full(self) -> bool:
        self._fill()
        return self._level >= self._rate.burst

    def take(self) -> float:
        """Take one token; return 0, or the seconds until the next token."""
        self._fill()
        if self._level >= 1:
            self._level -= 1
            return 0.0
        return (1 - self._level) / self._rate.per_second

    def charge(self, tokens: float, *, longest: float) -> float:
        """Take tokens, into debt if need be; return the seconds until the debt is paid.

        A debt of more than `longest` seconds is cut to that.
        """
        self._fill()
        self._level = max(self._level - tokens, -longest * self._rate.per_second)
        return max(0.0, -self._level / self._rate.per_second)

    def _fill(self) -> None:
        now = self._clock()
        gained = (now - self._filled_at) * self._rate.per_second
        self._level = min(float(self._rate.burst), self._level + gained)
        self._filled_at = now


class MessageLimit:
    """Refuse messages that come too fast, and tell when a client goes on all the same."""

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


class UserLimit:
    """Delay users who ask for much, over all their sockets in this process.

    Each message is charged for, the rows that an update saves, and the characters that a join is
    answered with. One unit is about the cost of a small update, two milliseconds.
    """

    _READ = 2048
    """Characters of a message for one unit."""
    _SENT = 16 * 1024
    """Characters of a snapshot or a replay for one unit."""
    _JOIN = 2
    """Units of a join, beside its characters."""
    _LONGEST = 10.0
    """Seconds that a message waits at most, however much its user has asked for.

    A socket that waits is not read, so it answers no ping, for which the documented servers wait
    15 s.
    """
    _MAX_USERS = 1000

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[Hashable, Bucket] = {}
        self._most = self._MAX_USERS

    def message(self, user_id: Hashable, size: int) -> float:
        """Charge for a message of `size` characters; return the seconds to wait before reading."""
        return self._bucket(user_id).charge(1 + size / self._READ, longest=self._LONGEST)

    def updated(self, user_id: Hashable, rows: int) -> None:
        """Charge for the rows that an update saves; its message has paid for the first."""
        self._bucket(user_id).charge(rows - 1, longest=self._LONGEST)

    def joined(self, user_id: Hashable, size: int) -> None:
        """Charge for a join that was answered with `size` characters."""
        self._bucket(user_id).charge(self._JOIN + size / self._SENT, longest=self._LONGEST)

    def _bucket(self, user_id: Hashable) -> Bucket:
        bucket = self._buckets.get(user_id)
        if bucket is None:
            self._forget()
            bucket = self._buckets[user_id] = Bucket(self._rate, self._clock)
        return bucket

    def _forget(self) -> None:
        """Forget users whose bucket is full: a new one would be the same."""
        if len(self._buckets) >= self._most:
            self._buckets = {key: each for key, each in self._buckets.items() if not each.is_full}
            self._most = max(self._MAX_USERS, 2 * len(self._buckets))
