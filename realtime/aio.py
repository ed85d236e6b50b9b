"""Batch the work that arrives for one key, and hold background tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

LINGER = 0.005
"""Seconds that a batch waits for those who are active, so that they go together."""
_LINGER_FROM = 3
"""Below this many concurrent items, a batch does not linger."""


class Tasks:
    """Hold background tasks until they end: the event loop itself holds them weakly."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def cancel(self) -> None:
        """Cancel all, and return when they have ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Batcher(Generic[Key, Item, Outcome]):
    """Collect the items of a key while an earlier batch of that key is at work.

    An item of an idle key starts at once. One batch of a key runs at a time, in the order of
    submission; different keys run side by side.
    """

    def __init__(
        self,
        work: Callable[[Key, list[Item]], Awaitable[list[Outcome]]],
        *,
        limit: int,
        overlap_after: float | None = None,
        linger: float = 0.0,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        """`work` returns one outcome per item, in order. `limit` is the size of a batch.

        `weigh` says for how much of the limit an item counts; one that weighs more than that
        goes alone.

        `overlap_after` is for work that need not be done in order: the seconds after which the
        next batch of a key starts beside one that is still at work.

        `linger` is for work that costs much the same for many as for one, and for clients that go
        on once they are answered: if several are active, the next batch starts when all of them
        have submitted again, or after so many seconds.
        """
        self._work = work
        self._limit = limit
        self._overlap_after = overlap_after
        self._linger = linger
        self._weigh = weigh
        self._lines: dict[Key, _Line[Item, Outcome]] = {}
        self._tasks = Tasks()

    def submit(self, key: Key, item: Item) -> asyncio.Future[Outcome]:
        """Return a future of the item's outcome, or of the exception that `work` raised."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if key not in self._lines:
            self._lines[key] = _Line(self._weigh)
            self._tasks.spawn(self._run(key))
        self._lines[key].append(item, future)
        return future

    async def _run(self, key: Key) -> None:
        line = self._lines[key]
        # A key has one runner: `submit` starts one only if the key has no line. So there must be no
        # await between an empty `take` and the removal of the line, or an item could stay in it.
        while batch := line.take(self._limit):
            if self._overlap_after is None:
                # Batches of a key run one after another: that keeps the order of submission.
                await self._do(key, batch)
            else:
                # If the wait ends first, the batch goes on; its own task hands out its outcomes.
                work = self._tasks.spawn(self._do(key, batch))
                await asyncio.wait([work], timeout=self._overlap_after)
            active = len(batch) + len(line)
            if self._linger and active >= _LINGER_FROM:
                await line.linger(min(active, self._limit), self._linger)
        del self._lines[key]

    async def _do(self, key: Key, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._work(key, [item for item, _ in batch])
            # A submitter may have been cancelled meanwhile, and its future with it.
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        except Exception as error:  # noqa: BLE001  (handed to those who wait)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)


class _Line(Generic[Item, Outcome]):
    """Hold the items of one key that wait for its next batch."""

    def __init__(self, weigh: Callable[[Item], int] = lambda _: 1) -> None:
        self._weigh = weigh
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._expected = 0
        self._complete = asyncio.Event()
        self._last_linger_was_empty = False
        """True if nothing came during the last linger."""

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, item: Item, future: asyncio.Future[Outcome]) -> None:
        self._waiting.append((item, future))
        if len(self._waiting) >= self._expected:
            self._complete.set()

    def take(self, limit: int) -> list[tuple[Item, asyncio.Future[Outcome]]]:
        count = weight = 0
        for item, _ in self._waiting:
            weight += self._weigh(item)
            if count and weight > limit:
                break
            count += 1
        taken = self._waiting[:count]
        del self._waiting[:count]
        return taken

    async def linger(self, expected: int, timeout: float) -> None:
        """Wait for `expected` items or `timeout` seconds. Skipped once after a fruitless wait."""
        if len(self._waiting) >= expected or self._last_linger_was_empty:
            self._last_linger_was_empty = False
            return
        before = len(self._waiting)
        self._expected = expected
        # Cleared after the count above and with no await between, so `append` cannot set it
        # unseen. Items that come during the wait stay in the line: nothing else takes from it.
        self._complete.clear()
        try:
            async with asyncio.timeout(timeout):
                await self._complete.wait()
        except TimeoutError:
            self._last_linger_was_empty = len(self._waiting) == before
