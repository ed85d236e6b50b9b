"""Work that piles up for one key is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Batcher(Generic[Key, Item, Outcome]):
    """Collects the items of a key while an earlier batch of that key is at work.

    An idle key starts at once, so nothing waits for company. One batch of a key runs at a
    time, in the order of submission; different keys run side by side.
    """

    def __init__(
        self, work: Callable[[Key, list[Item]], Awaitable[list[Outcome]]], *, limit: int
    ) -> None:
        """`work` returns one outcome per item, in order. `limit` is the size of a batch."""
        self._work = work
        self._limit = limit
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Outcome]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, key: Key, item: Item) -> asyncio.Future[Outcome]:
        """Return a future of the item's outcome, or of the exception that `work` raised."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append((item, future))
        else:
            self._waiting[key] = [(item, future)]
            task = asyncio.create_task(self._run(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _run(self, key: Key) -> None:
        # The key stays in the table until its list is found empty, with no await between.
        while batch := self._waiting[key][: self._limit]:
            del self._waiting[key][: self._limit]
            try:
                outcomes = await self._work(key, [item for item, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if not future.done():
                        future.set_result(outcome)
            except Exception as error:  # noqa: BLE001  (handed to those who wait)
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
        del self._waiting[key]
