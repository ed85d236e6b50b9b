"""The batcher: nothing waits for company, and what piles up goes together."""

from __future__ import annotations

import asyncio

import pytest

from realtime.aio import Batcher, _Line


class Work:
    """Records its batches; each runs until it is let go."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.gate = asyncio.Event()

    async def __call__(self, key: str, items: list[int]) -> list[int]:
        self.batches.append((key, items))
        await self.gate.wait()
        if 0 in items:
            raise ValueError("zero")
        return [item * 10 for item in items]


async def test_what_piles_up_goes_together() -> None:
    work = Work()
    batcher = Batcher(work, limit=3)
    first = batcher.submit("a", 1)
    await asyncio.sleep(0)
    others = [batcher.submit("a", item) for item in (2, 3, 4, 5)]
    work.gate.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40, 50]
    assert work.batches == [("a", [1]), ("a", [2, 3, 4]), ("a", [5])]


async def test_a_batch_takes_what_its_limit_has_room_for() -> None:
    work = Work()
    batcher = Batcher(work, limit=5, weigh=lambda item: item)
    first = batcher.submit("a", 9)
    await asyncio.sleep(0)
    others = [batcher.submit("a", item) for item in (2, 3, 1, 8, 1)]
    work.gate.set()
    await asyncio.gather(first, *others)
    assert work.batches == [("a", [9]), ("a", [2, 3]), ("a", [1]), ("a", [8]), ("a", [1])]


async def test_keys_do_not_wait_for_each_other() -> None:
    work = Work()
    batcher = Batcher(work, limit=3)
    futures = [batcher.submit(key, 1) for key in "abc"]
    await asyncio.sleep(0)
    assert [key for key, _ in work.batches] == ["a", "b", "c"]
    work.gate.set()
    await asyncio.gather(*futures)


async def test_a_failure_reaches_those_who_wait_and_nobody_else() -> None:
    work = Work()
    work.gate.set()
    batcher = Batcher(work, limit=1)
    bad, good = batcher.submit("a", 0), batcher.submit("a", 2)
    with pytest.raises(ValueError, match="zero"):
        await bad
    assert await good == 20


async def test_a_waiter_that_gives_up_spoils_nothing() -> None:
    work = Work()
    batcher = Batcher(work, limit=2)
    gone, stays = batcher.submit("a", 1), batcher.submit("a", 2)
    await asyncio.sleep(0)
    gone.cancel()
    work.gate.set()
    assert await stays == 20


async def test_work_that_answers_too_little_keeps_nobody_waiting() -> None:
    async def work(key: str, items: list[int]) -> list[int]:
        return items[:1]

    batcher = Batcher(work, limit=5)
    one, two = batcher.submit("a", 1), batcher.submit("a", 2)
    assert await one == 1
    with pytest.raises(ValueError, match="zip"):
        await two
    assert await batcher.submit("a", 3) == 3


async def test_work_that_takes_long_holds_up_the_next_no_longer_than_it_may() -> None:
    work = Work()
    batcher = Batcher(work, limit=2, overlap_after=0.01)
    slow = [batcher.submit("a", item) for item in (1, 2, 3)]
    async with asyncio.timeout(30):
        while len(work.batches) < 2:
            await asyncio.sleep(0.001)
    assert work.batches == [("a", [1, 2]), ("a", [3])]
    assert not any(future.done() for future in slow)
    work.gate.set()
    assert await asyncio.gather(*slow) == [10, 20, 30]
    assert await batcher.submit("a", 4) == 40


async def test_those_who_were_active_are_expected_again() -> None:
    work = Work()
    batcher = Batcher(work, limit=5, linger=60)
    first = batcher.submit("a", 1)
    await asyncio.sleep(0)
    others = [batcher.submit("a", item) for item in (2, 3)]
    work.gate.set()
    await first
    for _ in range(10):
        await asyncio.sleep(0)
    assert work.batches == [("a", [1])]
    await asyncio.gather(*others, batcher.submit("a", 4))
    assert work.batches == [("a", [1]), ("a", [2, 3, 4])]


async def test_those_who_are_expected_are_not_waited_for_long() -> None:
    work = Work()
    work.gate.set()
    batcher = Batcher(work, limit=5, linger=0.01)
    await asyncio.gather(*(batcher.submit("a", item) for item in (1, 2, 3)))
    assert await batcher.submit("a", 4) == 40


async def test_no_more_are_expected_than_a_batch_takes() -> None:
    work = Work()
    work.gate.set()
    batcher = Batcher(work, limit=2, linger=60)
    await asyncio.gather(*(batcher.submit("a", item) for item in (1, 2, 3, 4)))
    assert work.batches == [("a", [1, 2]), ("a", [3, 4])]


async def test_two_are_no_crowd_and_wait_for_nobody() -> None:
    work = Work()
    work.gate.set()
    batcher = Batcher(work, limit=5, linger=60)
    await asyncio.gather(batcher.submit("a", 1), batcher.submit("a", 2))
    assert await batcher.submit("a", 3) == 30


async def test_those_who_come_are_worth_the_wait_though_not_all_do() -> None:
    line: _Line[int, int] = _Line()
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    line.append(1, future)
    waiting = asyncio.create_task(line.linger(3, 0.01))
    await asyncio.sleep(0)
    line.append(2, future)
    await waiting
    waiting = asyncio.create_task(line.linger(3, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    line.append(3, future)
    await waiting


async def test_after_a_time_in_vain_nobody_is_waited_for_once() -> None:
    line: _Line[int, int] = _Line()
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    line.append(1, future)
    await line.linger(2, 0.01)
    await line.linger(2, 60)
    waiting = asyncio.create_task(line.linger(2, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    line.append(2, future)
    await waiting
