"""Rate limits, on a clock of their own."""

from __future__ import annotations

import gc

import pytest

from realtime.conf import Rate
from realtime.limits import Bucket, MessageLimit, UserLimit


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


def test_a_user_is_charged_by_size() -> None:
    clock = Clock()
    limit = UserLimit(Rate(per_second=10, burst=20), clock)
    assert [limit.message("alice", 0) for _ in range(21)] == [0] * 20 + [0.1]
    assert limit.message("alice", 3 * 2048) == 0.5, "those who wait, wait one after the other"
    limit.joined("alice", 8 * 16 * 1024)
    assert limit.message("alice", 0) == 1.6
    assert limit.message("bob", 0) == 0
    clock.now = 2
    assert limit.message("alice", 0) == 0


def test_no_message_waits_longer_than_servers_wait_for_a_pong() -> None:
    clock = Clock()
    limit = UserLimit(Rate(per_second=10, burst=20), clock)
    waits = []
    for _ in range(100):
        waits.append(limit.message("alice", 48 * 1024))
        limit.joined("alice", 10**6)
    assert waits[0] < 10
    assert waits[-1] == max(waits) == 10
    clock.now = 9
    assert limit.message("alice", 0) == pytest.approx(1.1), "what was let off is forgotten"


def buckets() -> int:
    return sum(type(each) is Bucket for each in gc.get_objects())


def test_users_who_ask_for_little_are_forgotten() -> None:
    clock = Clock()
    limit = UserLimit(Rate(per_second=1, burst=2), clock)
    before = buckets()
    for user_id in range(5000):
        clock.now += 1
        limit.message(user_id, 2048)
    assert buckets() <= before + 1000
    for user_id in range(10_000):
        limit.message(user_id, 2048 * 10)
    assert limit.message(0, 0) == 10, "who owes something is not forgotten"
