"""What others wrote into Redis under our keys: ignored, told of once, and no join fails by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings
from redis import Redis

from realtime.events.publication import PresenceEntry
from realtime.presence.store import PresenceStore
from tests.harness.valkey import Valkey


@pytest.fixture
def redis(valkey: Valkey, settings: Settings) -> Iterator[Redis]:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": valkey.url}
    with valkey.client() as client:
        client.flushall()
        yield client


async def test_foreign_entries_are_ignored_and_told_of_once(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    presence = PresenceStore()
    await presence.renew()
    await presence.sync(entering=[PresenceEntry(1, 2, "ann")])
    fields = [
        "nonsense",
        f"{presence.process}:x",
        f"{presence.process}:",
        f"{presence.process}:1:2",
    ]
    for field in [*fields, f"{presence.process}:{'9' * 5000}"]:
        redis.hset("realtime:room:1", field, "eve")
    redis.sadd(f"realtime:process:{presence.process}", "garbage", "1:x", ":", "1:2:3", "x" * 10_000)
    for _ in range(2):
        assert await presence.members([1]) == [{2: "ann"}]
    told = [record for record in caplog.records if getattr(record, "action", "") == "poison"]
    assert len(told) == len({record.getMessage() for record in told}) == 4
    assert await presence.forget_list() == {(1, 2)}
    await presence.close()
