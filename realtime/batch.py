"""Work that piles up for one key is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Batcher(Generic[Key, Item, Outcome]):
    """Collects the items of a key while an earlier batch of that key is at work.

    An idle key starts at once, so nothing waits for company. One batch of a key runs at a
    time, in the order of submission; different keys run side by side.
    """

    def __init__(
        self,
        work: Callable[[Key, list[Item]], Awaitable[list[Outcome]]],
        *,
        limit: int,
        patience: float | None = None,
    ) -> None:
        """`work` returns one outcome per item, in order. `limit` is the size of a batch.

        `patience` is for work that need not be done in order: the seconds after which a batch
        that is still at work no longer holds up the next one of its key.
        """
        self._work = work
        self._limit = limit
        self._patience = patience
        self._waiting: dict[Key, list[tuple[Item, asyncio.Future[Outcome]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, key: Key, item: Item) -> asyncio.Future[Outcome]:
        """Return a future of the item's outcome, or of the exception that `work` raised."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append((item, future))
        else:
            self._waiting[key] = [(item, future)]
            self._spawn(self._run(key))
        return future

    async def _run(self, key: Key) -> None:
        # The key stays in the table until its list is found empty, with no await between.
        while batch := self._waiting[key][: self._limit]:
            del self._waiting[key][: self._limit]
            if self._patience is None:
                await self._do(key, batch)
            else:
                await asyncio.wait([self._spawn(self._do(key, batch))], timeout=self._patience)
        del self._waiting[key]

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
