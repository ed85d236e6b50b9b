"""Rate limits, on a clock of their own."""

from __future__ import annotations

from realtime.conf import Rate
from realtime.limits import Bucket, MessageLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    bucket = Bucket(Rate(per_second=2, burst=3), clock)
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now = 0.5
    assert bucket.take() == 0
    assert bucket.take() == 0.5
    clock.now = 100
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_first_a_refusal_then_the_end() -> None:
    clock = Clock()
    limit = MessageLimit(Rate(per_second=1, burst=2), clock)
    taken = [limit.take() for _ in range(5)]
    assert taken == [(0, False), (0, False), (1, False), (1, False), (1, True)]


def test_a_client_that_waits_as_told_is_never_cut_off() -> None:
    clock = Clock()
    limit = MessageLimit(Rate(per_second=1, burst=2), clock)
    for _ in range(1000):
        wait, cut_off = limit.take()
        assert not cut_off
        clock.now += wait or 0.5
