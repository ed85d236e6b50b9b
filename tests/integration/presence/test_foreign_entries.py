"""What others wrote into Redis under our keys: logged once, and no join fails by it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from pytest_django import Settings
from redis import Redis

from realtime.events.publication import PresenceEntry
from realtime.presence.store import PresenceStore
from tests.harness.measure import people, until
from tests.harness.presence import Server, settled
from tests.harness.rooms import project
from tests.harness.valkey import Valkey


@pytest.fixture
def redis(valkey: Valkey, settings: Settings) -> Iterator[Redis]:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": valkey.url}
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [valkey.url]}}}
    with valkey.client() as client:
        client.flushall()
        yield client


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines about what is not ours."""
    return [r.getMessage() for r in caplog.records if getattr(r, "action", "") == "poison"]


async def test_foreign_entries_are_ignored_and_told_of_once(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    presence = PresenceStore()
    await presence.renew()
    await presence.sync(entering=[PresenceEntry(project(1), 2, "ann")])
    fields = [
        "nonsense",
        f"{presence.process}:x",
        f"{presence.process}:",
        f"{presence.process}:1:2",
    ]
    for field in [*fields, f"{presence.process}:{'9' * 5000}"]:
        redis.hset("realtime:room:project:1", field, "eve")
    entries = ["garbage", "1:2", "project:1:x", "::", "project:1:2:3", "list:x:2", "x" * 10_000]
    redis.sadd(f"realtime:process:{presence.process}", *entries)
    for _ in range(2):
        assert await presence.members([project(1)]) == [{2: "ann"}]
    assert len(told(caplog)) == len(set(told(caplog))) == 4
    assert await presence.forget_list() == {(project(1), 2)}
    await presence.close()


async def here_and_there(redis: Redis) -> tuple[Server, Server]:
    """Return two processes with a user each in room 1, all told to Redis."""
    here, there = Server(), Server()
    await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, (here, there), {1: {1, 2}})
    for server in (here, there):
        await server.presence.tick()
    return here, there


@pytest.mark.parametrize("kind", ["string", "list"])
@pytest.mark.parametrize(
    "name",
    ["processes", "lists", "versions", "room:project:1", "room:project:2", "process:", "sockets:"],
)
async def test_a_key_of_another_type_is_deleted_and_everybody_is_listed_anew(
    redis: Redis, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    here, there = await here_and_there(redis)
    key = f"realtime:{name}{here.process if name.endswith(':') else ''}"

    redis.delete(key)
    if kind == "string":
        redis.set(key, "not ours")
    else:
        redis.lpush(key, "not ours")
    # Whoever comes to any room comes in, and is shown to those who are there.
    await here.join([(1, 3)])
    await there.join([(2, 4)])
    expected = {1: {1, 2, 3}, 2: {4}}
    async with asyncio.timeout(30):
        while people(redis, 1) != expected[1] or people(redis, 2) != expected[2]:
            for server in (here, there):
                await server.presence.tick()
            await asyncio.sleep(0.05)
    await settled(redis, (here, there), expected)
    lines = [line for line in told(caplog) if key in line]
    assert len(lines) == 1, told(caplog)
    assert kind in lines[0]
    for server in (here, there):
        await server.close()
    assert redis.keys("realtime:*") == []


async def test_entries_of_others_fail_neither_the_expiry_of_a_process_nor_a_connection(
    redis: Redis, settings: Settings
) -> None:
    here, there = await here_and_there(redis)
    there.presence.lease.close()  # so that its entries stay, as after a crash
    redis.zadd("realtime:processes", {there.process: 1})
    redis.sadd(
        f"realtime:process:{there.process}", "garbage", "x:y", b"\xff\xfe", b"project:1:\xff"
    )
    redis.sadd(f"realtime:process:{here.process}", b"\xff\xfe")
    redis.hset(f"realtime:sockets:{there.process}", "3", "many")
    await here.presence.tick()
    assert here.shows(1) == {1}
    redis.zadd("realtime:processes", {"foreign": "+inf"})
    redis.hset("realtime:sockets:foreign", "3", "many")
    assert await here.presence.connect(3)
    assert redis.hget(f"realtime:sockets:{here.process}", "3") == b"1"
    redis.hdel("realtime:lists", here.process)  # has it list everybody anew
    await here.presence.tick()
    await until(lambda: redis.hget("realtime:lists", here.process) not in (None, b"lost"))
    await here.close()
    await there.close()
