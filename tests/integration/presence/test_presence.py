"""What presence costs, and that it comes right again: two processes, the layer and a Valkey."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from pytest_django import Settings
from redis import Redis

from realtime.events.publication import PresenceEntry
from realtime.presence.store import Arrival, PresenceStore
from tests.harness.measure import people, until
from tests.harness.members import Client
from tests.harness.presence import Place, Server, dump, restore, settled, told
from tests.harness.rooms import project
from tests.harness.turmoil import WATCHER, Turmoil
from tests.harness.valkey import Valkey


@pytest.fixture
def redis(valkey: Valkey, settings: Settings) -> Iterable[Redis]:
    """A client of an empty Valkey, which presence and the layer use."""
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": valkey.url}
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [valkey.url]}}}
    with valkey.client() as client:
        client.flushall()
        client.config_resetstat()
        yield client


@pytest.fixture
async def servers(redis: Redis) -> AsyncIterator[tuple[Server, Server]]:
    pair = Server(), Server()
    yield pair
    for server in pair:
        await server.close()


def calls(redis: Redis) -> Counter[str]:
    """Return the commands that Valkey has run since the last time, scripts' own included."""
    found: dict[str, Any] = redis.info("commandstats")
    redis.config_resetstat()
    return Counter({name.removeprefix("cmdstat_"): row["calls"] for name, row in found.items()})


async def test_a_store_keeps_one_connection_whatever_it_is_asked(redis: Redis) -> None:
    def opened() -> int:
        stats: dict[str, Any] = redis.info("stats")
        return int(stats["total_connections_received"])

    store, before = PresenceStore(), opened()
    for number in range(1, 6):
        await asyncio.gather(
            store.renew(),
            store.connect([Arrival(number, 1)], 20),
            store.sync(entering=[PresenceEntry(project(1), number, "anybody")]),
            store.members([project(1)]),
            store.versions([project(1)]),
            store.expire(),
            store.forget_list(),
        )
    assert opened() == before + 1
    await store.close()


async def test_who_comes_or_goes_at_once_is_one_message_for_each_room(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    watching = await here.join([(1, 1), (2, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}, 2: {1}})
    here.heard.clear()
    calls(redis)

    crowd = {1: set(range(10, 110)), 2: {10, 11, 300}}
    places = [(project_id, user_id) for project_id, users in crowd.items() for user_id in users]
    coming = await there.join(places)
    await settled(redis, servers, {1: {1, 2} | crowd[1], 2: {1} | crowd[2]})
    assert sorted(message.room.key for message in here.heard) == [1, 2]
    assert calls(redis)["publish"] == 2
    for project_id, users in crowd.items():
        seen = told(watching[project_id, 1])
        assert {place: n for place, n in seen.items() if place[1] in users} == {
            ("user_joined", user_id): 1 for user_id in users
        }

    here.heard.clear()
    for client in watching.values():
        client.received.clear()
    there.lose(coming)
    await settled(redis, servers, {1: {1, 2}, 2: {1}})
    spent = calls(redis)
    assert spent["publish"] == len(here.heard) == 2
    assert spent["evalsha"] == 1, "all leave in one call"
    for project_id, users in crowd.items():
        await until(lambda: len(watching[project_id, 1].received) >= len(users))  # noqa: B023
        assert told(watching[project_id, 1]) == {("user_left", user_id): 1 for user_id in users}


async def test_a_process_that_is_alone_sends_nothing_until_another_comes(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    coming = await here.join([(1, 1), (1, 2), (2, 2)])
    await settled(redis, [here], {1: {1, 2}, 2: {2}})
    here.lose({(2, 2): coming[2, 2]})
    await settled(redis, [here], {1: {1, 2}, 2: set()})
    assert "publish" not in calls(redis)

    await there.join([(1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    here.lose({(1, 2): coming[1, 2]})
    await settled(redis, servers, {1: {1, 3}})
    assert [message.departed for message in there.heard] == [[2]]


async def test_a_tick_reads_only_rooms_that_changed(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    rooms = range(1, 9)
    await here.join([(project_id, 1) for project_id in rooms])
    await there.join([(project_id, 2) for project_id in rooms])
    await settled(redis, servers, {project_id: {1, 2} for project_id in rooms})
    await here.presence.tick()
    calls(redis)
    await here.presence.tick()
    spent = calls(redis)
    assert "hgetall" not in spent, "nothing has changed"
    assert (spent["evalsha"], spent["hmget"]) == (2, 1)

    here.is_deaf = True
    await there.join([(3, 5)])
    await until(lambda: people(redis, 3) == {1, 2, 5})
    calls(redis)
    await here.presence.tick()
    assert calls(redis)["hgetall"] == 1
    assert here.shows(3) == {1, 2, 5}


async def test_a_room_that_nobody_is_in_leaves_nothing_in_redis(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    coming = await here.join([(1, 1)])
    await there.join([(1, 2), (2, 2)])
    await settled(redis, servers, {1: {1, 2}, 2: {2}})
    assert redis.hkeys("realtime:versions") == [b"project:1", b"project:2"]
    here.lose(coming)
    await settled(redis, [there], {1: {2}})
    await there.presence.close()
    left = {b"realtime:processes", b"realtime:lists"}
    assert set(redis.keys("realtime:*")) == left, "the lease of the first"


async def test_what_the_layer_lost_is_seen_at_the_next_tick(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    watching = await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    await here.presence.tick()
    here.is_deaf = True
    there.lose({(1, 2): coming[1, 2]})
    await there.join([(1, 4)])
    await until(lambda: people(redis, 1) == {1, 3, 4})
    assert here.shows(1) == {1, 2, 3}
    await here.presence.tick()
    assert here.shows(1) == {1, 3, 4}
    seen = told(watching[1, 1])
    assert (seen["user_left", 2], seen["user_joined", 4]) == (1, 1)


async def test_what_came_too_late_is_put_right_at_the_next_tick(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    await here.presence.tick()
    here.tell(1, [(9, "ghost")], [2])
    assert here.shows(1) == {1, 9}
    await here.presence.tick()
    assert here.shows(1) == {1, 2}


async def test_who_is_wrongly_said_to_have_left_is_said_to_be_here(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As when a process took this one for dead, and told all before this one had come back."""
    here, there = servers
    watching = await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    there.tell(1, [], [1])
    assert there.shows(1) == {2}
    here.tell(1, [], [1])
    await until(lambda: there.shows(1) == {1, 2})
    assert told(watching[1, 1])["user_left", 1] == 0


async def test_after_a_flush_everybody_is_listed_again_and_nobody_was_said_to_leave(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    watching = await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    redis.flushall()
    for server in servers:
        await server.presence.tick()
    await settled(redis, servers, {1: {1, 2}})
    for server in servers:
        await server.presence.tick()
    assert told(watching[1, 1])["user_left", 2] == 0
    assert here.shows(1) == there.shows(1) == {1, 2}


async def test_after_a_flush_who_leaves_is_seen_to_leave_by_those_not_listed_again_yet(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    coming = await here.join([(1, 1), (1, 2)])
    await there.join([(1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    redis.flushall()
    await here.presence.tick()  # to Redis, this one is now alone
    await until(lambda: people(redis, 1) == {1, 2})
    here.lose({(1, 2): coming[1, 2]})
    await until(lambda: there.shows(1) == {1, 3})


async def test_sockets_that_end_after_their_process_leave_nothing_in_redis(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    coming = await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    await here.presence.close()
    here.lose(coming)
    await there.presence.tick()
    there.lose(await there.join([(1, 4)]))
    await settled(redis, [there], {1: {2}})  # whatever the first had to tell, came before
    assert redis.hkeys("realtime:lists") == [there.process.encode()]


async def test_what_a_process_writes_after_a_flush_does_not_outlive_it(
    redis: Redis, settings: Settings
) -> None:
    settings.REALTIME = settings.REALTIME | {"PRESENCE_LEASE": 0.5}
    dying, living = Server(), Server()
    await dying.join([(1, 1)])
    await living.join([(2, 2)])
    await until(lambda: people(redis, 1) == {1})
    redis.flushall()
    await dying.join([(1, 3)])
    await until(lambda: b"3" in redis.hkeys(f"realtime:sockets:{dying.process}"))
    await until(lambda: bool(redis.exists(f"realtime:process:{dying.process}")))
    async with asyncio.timeout(30):
        while redis.keys("realtime:room:project:1") or redis.keys(f"*{dying.process}"):
            await asyncio.sleep(0.1)
            await living.presence.tick()
    assert redis.hkeys("realtime:lists") == [living.process.encode()]
    for server in (dying, living):
        await server.close()


async def test_a_storm_does_not_keep_the_lease_from_being_renewed(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """Redis is always busy with those who come; the tick must not wait for their end."""
    here, _ = servers
    await here.join([(1, 1)])
    coming: list[asyncio.Task[bool]] = []
    tick: asyncio.Task[None] | None = None
    for user_id in range(10, 20_000):
        coming.append(asyncio.create_task(here.presence.connect(user_id)))
        await asyncio.sleep(0)
        if tick is None and len(coming) > 20:
            tick = asyncio.create_task(here.presence.tick())
        if tick is not None and tick.done():
            break
    assert tick is not None
    assert tick.done(), "it had to wait for the end of the storm"
    assert all(await asyncio.gather(*coming))


async def test_a_socket_that_ends_while_another_is_counted_is_counted_off(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, _ = servers
    first = asyncio.create_task(here.presence.connect(1))
    await asyncio.sleep(0)  # it is on its way, so the next ones wait
    tabs = [asyncio.create_task(here.presence.connect(2)) for _ in range(2)]
    await asyncio.sleep(0)
    here.presence.disconnect(2)
    assert await asyncio.gather(first, *tabs) == [True] * 3
    key = f"realtime:sockets:{here.process}"
    await until(lambda: redis.hgetall(key) == {b"1": b"1", b"2": b"1"})


async def last_seconds(
    redis: Redis, servers: tuple[Server, Server]
) -> tuple[dict[Any, bytes], dict[Place, Client]]:
    """Have users 1 and 3 stay, 2 go and 4 come; return what Redis had before, and the sockets."""
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    before = dump(redis)
    there.lose({(1, 2): coming[1, 2]})
    coming |= await there.join([(1, 4)])
    await settled(redis, servers, {1: {1, 3, 4}})
    return before, coming


async def tick_until(
    redis: Redis, servers: tuple[Server, Server], expected: dict[int, set[int]]
) -> None:
    """Let all tick twice; to Redis and to the last it is all right after the first time."""
    for _ in range(2):
        for server in servers:
            await server.presence.tick()
        await settled(redis, servers[-1:], expected)


async def test_a_redis_that_lost_its_last_seconds_comes_right(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As after a fail-over or a restart: it has what it had, with leases that still run."""
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3), (2, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    before = dump(redis)

    there.lose(coming)
    await there.join([(1, 2), (1, 4)])
    expected = {1: {1, 2, 4}, 2: set()}
    await settled(redis, servers, expected)
    for server in servers:
        await server.presence.tick()
    restore(redis, before)

    await tick_until(redis, servers, expected)
    await settled(redis, servers, expected)
    assert redis.hgetall(f"realtime:sockets:{there.process}") == {b"2": b"1", b"4": b"1"}


async def test_what_redis_lost_is_noticed_also_where_something_changed_before_the_tick(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    _, there = servers
    before, sockets = await last_seconds(redis, servers)
    restore(redis, before)

    there.lose({(1, 3): sockets[1, 3]})
    await there.join([(1, 5)])
    await until(lambda: people(redis, 1) == {1, 2, 5})
    await tick_until(redis, servers, {1: {1, 4, 5}})


async def test_a_redis_that_failed_and_then_had_lost_its_last_seconds_comes_right(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As in a fail-over: first a call fails, and then the replica has less than was confirmed."""
    _, there = servers
    before, sockets = await last_seconds(redis, servers)

    redis.acl_setuser("default", enabled=True, commands=["-evalsha"])
    there.lose({(1, 3): sockets[1, 3]})
    await until(lambda: there.shows(1) == {1, 4})
    restore(redis, before)
    redis.acl_setuser("default", enabled=True, commands=["+evalsha"])
    await tick_until(redis, servers, {1: {1, 4}})


async def test_what_redis_did_not_answer_is_told_at_the_next_tick(
    redis: Redis, servers: tuple[Server, Server], valkey: Valkey
) -> None:
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    valkey.kill()
    try:
        there.lose({(1, 2): coming[1, 2]})
        await until(lambda: there.shows(1) == {1, 3})
        await there.join([(1, 4)])
        assert there.shows(1) == {1, 3, 4}, "local, for now"
    finally:
        await asyncio.to_thread(valkey.start)
    await there.presence.tick()
    await until(lambda: people(redis, 1) == {1, 3, 4})
    await here.presence.tick()  # finds that the connection it had is closed
    await here.presence.tick()
    assert here.shows(1) == {1, 3, 4}


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_everybody_is_shown_as_they_are_in_the_end(
    redis: Redis, settings: Settings, seed: int
) -> None:
    settings.REALTIME = settings.REALTIME | {"PRESENCE_LEASE": 1.0}
    turmoil = Turmoil(redis, seed)
    watching = [await server.join([(1, WATCHER), (2, WATCHER)]) for server in turmoil.servers]
    await turmoil.run(120)
    for client in [client for here in watching for client in here.values()]:
        here: set[int] = set()
        for message in map(json.loads, client.received):
            user_id, has_come = message["payload"]["user_id"], message["type"] == "user_joined"
            assert (user_id in here) != has_come, f"{message} twice"
            here ^= {user_id}
    assert redis.keys("realtime:*") == []


# --- what users show of themselves


async def test_a_state_that_the_layer_lost_is_seen_by_way_of_redis(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    watching = await here.join([(1, 1)])
    coming = await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    there.say(coming[1, 2], 1, '{"x":1}')
    there.say(coming[1, 2], 1, '{"x":2}')
    assert here.states(1) == {}
    await agree(servers, {2: {"x": 2}})
    seen = [json.loads(text) for text in watching[1, 1].received]
    told = [each["payload"]["data"] for each in seen if each["type"] == "presence"]
    assert told == [{"x": 2}], "only what counts in the end, once"

    # A process that comes later reads it, and so does everybody after Redis has lost it.
    third = Server()
    await third.join([(1, 3)])
    assert third.states(1) == {2: {"x": 2}}
    redis.flushall()
    async with asyncio.timeout(30):
        while not any(b'{"x":2}' in value for value in entries(redis)):
            await there.presence.tick()
    await agree([*servers, third], {2: {"x": 2}})
    await third.close()

    # A user in two processes: the last word counts, and when its socket goes, the other's.
    tab = await here.join([(1, 2)])
    here.say(tab[1, 2], 1, '{"x":3}')
    await agree(servers, {2: {"x": 3}})
    here.lose(tab)
    await agree(servers, {2: {"x": 2}})
    there.lose(coming)
    await settled(redis, servers, {1: {1}})
    assert here.states(1) == {}


def entries(redis: Redis) -> list[bytes]:
    found: Any = redis.hvals("realtime:room:project:1")
    return list(found)


async def agree(servers: Iterable[Server], expected: dict[int, Any]) -> None:
    """Tick until every process would tell the same to who joins now."""
    async with asyncio.timeout(30):
        while any(server.states(1) != expected for server in servers):
            for server in servers:
                await server.presence.tick()


async def test_a_state_that_is_not_ours_is_no_state(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    await there.join([(1, 2), (1, 3), (1, 4)])
    await settled(redis, [there], {1: {2, 3, 4}})
    for user, value in {2: "bob\0x\0{}", 3: "cora\x005\0[1]", 4: "dora\x005\0{"}.items():
        redis.hset("realtime:room:project:1", f"{there.process}:{user}", value)
    await here.join([(1, 1)])
    assert here.states(1) == {}
    present = here.rooms[project(1)].members.present
    assert (present[2], present[3], present[4]) == ("bob", "cora", "dora")
