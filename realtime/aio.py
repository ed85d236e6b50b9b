"""Work that piles up for one key is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

GATHERING = 0.005
"""Seconds that those who are active are waited for, to go together."""
_CROWD = 3
"""So many at once are no coincidence."""


class Batcher(Generic[Key, Item, Outcome]):
    """Collects the items of a key while an earlier batch of that key is at work.

    An idle key starts at once, so nothing that is alone waits for company. One batch of a key
    runs at a time, in the order of submission; different keys run side by side.
    """

    def __init__(
        self,
        work: Callable[[Key, list[Item]], Awaitable[list[Outcome]]],
        *,
        limit: int,
        patience: float | None = None,
        gathering: float = 0.0,
    ) -> None:
        """`work` returns one outcome per item, in order. `limit` is the size of a batch.

        `patience` is for work that need not be done in order: the seconds after which a batch
        that is still at work no longer holds up the next one of its key.

        `gathering` is for work that costs much the same for many as for one, and for clients
        that go on once they are answered: where several are active, the next batch starts
        when all of them are there again, or after so many seconds.
        """
        self._work = work
        self._limit = limit
        self._patience = patience
        self._gathering = gathering
        self._lines: dict[Key, _Line[Item, Outcome]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, key: Key, item: Item) -> asyncio.Future[Outcome]:
        """Return a future of the item's outcome, or of the exception that `work` raised."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if key not in self._lines:
            self._lines[key] = _Line()
            self._spawn(self._run(key))
        self._lines[key].append(item, future)
        return future

    async def _run(self, key: Key) -> None:
        line = self._lines[key]
        # The key stays in the table until its line is found empty, with no await between.
        while batch := line.take(self._limit):
            if self._patience is None:
                await self._do(key, batch)
            else:
                await asyncio.wait([self._spawn(self._do(key, batch))], timeout=self._patience)
            active = len(batch) + len(line)
            if self._gathering and active >= _CROWD:
                await line.gather(min(active, self._limit), self._gathering)
        del self._lines[key]

    async def _do(self, key: Key, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._work(key, [item for item, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        except Exception as error:  # noqa: BLE001  (handed to those who wait)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Line(Generic[Item, Outcome]):
    """The items of one key that wait for its next batch."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._expected = 0
        self._complete = asyncio.Event()
        self._in_vain = False
        """Whether the last time nobody came of those who were waited for."""

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, item: Item, future: asyncio.Future[Outcome]) -> None:
        self._waiting.append((item, future))
        if len(self._waiting) >= self._expected:
            self._complete.set()

    def take(self, limit: int) -> list[tuple[Item, asyncio.Future[Outcome]]]:
        taken = self._waiting[:limit]
        del self._waiting[:limit]
        return taken

    async def gather(self, expected: int, timeout: float) -> None:
        """Return when so many wait, or after `timeout` seconds; at once after a time in vain."""
        if len(self._waiting) >= expected or self._in_vain:
            self._in_vain = False
            return
        before = len(self._waiting)
        self._expected = expected
        self._complete.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._complete.wait()
        except TimeoutError:
            self._in_vain = len(self._waiting) == before
