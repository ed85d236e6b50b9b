"""Whether every socket of a room got the same events: each once, in order, without a hole."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Sequence

_MARK = b'"seq":'
_PATIENCE = 10.0
"""Seconds for the last events to arrive."""


def seq_in(frame: bytes) -> int:
    """Return the `seq` of a durable event; it is the last member of the envelope."""
    return int(frame[frame.rindex(_MARK) + len(_MARK) : frame.rindex(b"}")])


class Sequences:
    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}

    def saw(self, client: Hashable, frame: bytes) -> None:
        """Take note of an event.

        Raises:
            AssertionError: if it is not the next one of that socket.
        """
        seq = seq_in(frame)
        before = self._last.get(client, seq - 1)
        if seq != before + 1:
            raise AssertionError(f"{seq} came after {before}")
        self._last[client] = seq

    async def check(self, rooms: Iterable[Sequence[Hashable]]) -> int:
        """Wait until all sockets of each room stand at the same position; return how many."""
        checked = 0
        for room in rooms:
            async with asyncio.timeout(_PATIENCE):
                while len({self._last.get(client) for client in room}) > 1:
                    await asyncio.sleep(0.01)
            checked += len(room)
        return checked
