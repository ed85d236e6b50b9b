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

from realtime import hints
from realtime.hints import LayerMessage
from realtime.listing import Listing
from realtime.presence import Place, Presence
from realtime.room import Room
from realtime.roster import Roster
from realtime.subscriptions import Subscriptions
from tests.harness.measure import people, until
from tests.harness.members import Client
from tests.harness.valkey import Valkey


class Server:
    """A server process, as far as presence goes."""

    def __init__(self) -> None:
        self.rooms: dict[int, Room] = {}
        presence = Presence()
        self.process = presence.process
        self.listing = Listing(self.rooms, presence)
        self.roster = Roster(self.rooms, presence, self.listing)
        self.is_deaf = False
        """Whether the layer loses what it should bring."""
        self.heard: list[LayerMessage] = []
        self._subscriptions = Subscriptions(self.rooms, self._receive)

    def _receive(self, raw: Any) -> None:
        message = hints.parse(raw)
        if message.sender == self.process or self.is_deaf:
            return
        self.heard.append(message)
        self.roster.hear(self.rooms[message.project_id], message.arrived, message.departed)

    async def join(self, places: Iterable[Place]) -> dict[Place, Client]:
        """Let new sockets of some users into some rooms, all at once."""
        clients = {place: Client(place[1]) for place in places}
        for user_id in sorted({user_id for _, user_id in clients}):
            await self.listing.connect(user_id)
        for project_id in sorted({project_id for project_id, _ in clients}):
            room = self.rooms.setdefault(project_id, Room(project_id))
            await self._subscriptions.settle(project_id)
            await self.roster.load(room)
        for (project_id, user_id), client in clients.items():
            self.rooms[project_id].add(client, 0)
            self.rooms[project_id].arrive(user_id, client.username)
            self.listing.changed(project_id, user_id)
        return clients

    def lose(self, clients: dict[Place, Client]) -> None:
        """Lose the connections of some sockets, all at once."""
        for user_id in {user_id for _, user_id in clients}:
            self.listing.disconnect(user_id)
        for (project_id, user_id), client in clients.items():
            self.rooms[project_id].remove(client)
            self.listing.changed(project_id, user_id)

    def shows(self, project_id: int) -> set[int]:
        return set(self.rooms[project_id].roster)

    async def close(self) -> None:
        await self.listing.close()
        await self._subscriptions.close()


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


def told(client: Client) -> Counter[tuple[str, int]]:
    """Return which `user_joined` and `user_left` a socket got, and how often each."""
    messages = [json.loads(text) for text in client.received]
    return Counter((message["type"], message["payload"]["user_id"]) for message in messages)


def calls(redis: Redis) -> Counter[str]:
    """Return the commands that Valkey has run since the last time, scripts' own included."""
    found: dict[str, Any] = redis.info("commandstats")
    redis.config_resetstat()
    return Counter({name.removeprefix("cmdstat_"): row["calls"] for name, row in found.items()})


async def settled(redis: Redis, servers: Iterable[Server], expected: dict[int, set[int]]) -> None:
    """Wait until Redis and every server that has a room open show the same people in it."""

    def is_so() -> bool:
        return all(
            people(redis, project_id) == users
            and all(s.shows(project_id) == users for s in servers if project_id in s.rooms)
            for project_id, users in expected.items()
        )

    await until(is_so)


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
    assert sorted(message.project_id for message in here.heard) == [1, 2]
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
    await here.roster.tick()
    calls(redis)
    await here.roster.tick()
    spent = calls(redis)
    assert "hgetall" not in spent, "nothing has changed"
    assert (spent["evalsha"], spent["hmget"]) == (2, 1)

    here.is_deaf = True
    await there.join([(3, 5)])
    await until(lambda: people(redis, 3) == {1, 2, 5})
    calls(redis)
    await here.roster.tick()
    assert calls(redis)["hgetall"] == 1
    assert here.shows(3) == {1, 2, 5}


async def test_a_room_that_nobody_is_in_leaves_nothing_in_redis(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    coming = await here.join([(1, 1)])
    await there.join([(1, 2), (2, 2)])
    await settled(redis, servers, {1: {1, 2}, 2: {2}})
    assert redis.hkeys("realtime:versions") == [b"1", b"2"]
    here.lose(coming)
    await settled(redis, [there], {1: {2}})
    await there.listing.close()
    left = {b"realtime:processes", b"realtime:lists"}
    assert set(redis.keys("realtime:*")) == left, "the lease of the first"


async def test_what_the_layer_lost_is_seen_at_the_next_tick(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    watching = await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    await here.roster.tick()
    here.is_deaf = True
    there.lose({(1, 2): coming[1, 2]})
    await there.join([(1, 4)])
    await until(lambda: people(redis, 1) == {1, 3, 4})
    assert here.shows(1) == {1, 2, 3}
    await here.roster.tick()
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
    await here.roster.tick()
    here.roster.hear(here.rooms[1], [(9, "ghost")], [2])
    assert here.shows(1) == {1, 9}
    await here.roster.tick()
    assert here.shows(1) == {1, 2}


async def test_who_is_wrongly_said_to_have_left_is_said_to_be_here(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As when a process took this one for dead, and told all before this one had come back."""
    here, there = servers
    watching = await here.join([(1, 1)])
    await there.join([(1, 2)])
    await settled(redis, servers, {1: {1, 2}})
    there.roster.hear(there.rooms[1], [], [1])
    assert there.shows(1) == {2}
    here.roster.hear(here.rooms[1], [], [1])
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
        await server.roster.tick()
    await settled(redis, servers, {1: {1, 2}})
    for server in servers:
        await server.roster.tick()
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
    await here.roster.tick()  # to Redis, this one is now alone
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
    await here.listing.close()
    here.lose(coming)
    await there.roster.tick()
    there.lose(await there.join([(1, 4)]))
    await settled(redis, [there], {1: {2}})  # whatever the first had to tell, came before
    assert redis.hkeys("realtime:lists") == [there.process.encode()]


async def test_a_storm_does_not_keep_the_lease_from_being_renewed(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """Redis is always busy with those who come; the tick must not wait for their end."""
    here, _ = servers
    await here.join([(1, 1)])
    coming: list[asyncio.Task[bool]] = []
    tick: asyncio.Task[None] | None = None
    for user_id in range(10, 20_000):
        coming.append(asyncio.create_task(here.listing.connect(user_id)))
        await asyncio.sleep(0)
        if tick is None and len(coming) > 20:
            tick = asyncio.create_task(here.roster.tick())
        if tick is not None and tick.done():
            break
    assert tick is not None
    assert tick.done(), "it had to wait for the end of the storm"
    assert all(await asyncio.gather(*coming))


async def test_a_socket_that_ends_while_another_is_counted_is_counted_off(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, _ = servers
    first = asyncio.create_task(here.listing.connect(1))
    await asyncio.sleep(0)  # it is on its way, so the next ones wait
    tabs = [asyncio.create_task(here.listing.connect(2)) for _ in range(2)]
    await asyncio.sleep(0)
    here.listing.disconnect(2)
    assert await asyncio.gather(first, *tabs) == [True] * 3
    key = f"realtime:sockets:{here.process}"
    await until(lambda: redis.hgetall(key) == {b"1": b"1", b"2": b"1"})


async def test_a_redis_that_lost_its_last_seconds_comes_right(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As after a fail-over or a restart: it has what it had, with leases that still run."""
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3), (2, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    before = {key: redis.dump(key) or b"" for key in redis.keys("realtime:*")}

    there.lose(coming)
    await there.join([(1, 2), (1, 4)])
    expected = {1: {1, 2, 4}, 2: set()}
    await settled(redis, servers, expected)
    for server in servers:
        await server.roster.tick()
    for key, value in before.items():
        redis.restore(key, 0, value, replace=True)

    for _ in range(2):
        for server in servers:
            await server.roster.tick()
        await settled(redis, [there], expected)
    await settled(redis, servers, expected)
    assert redis.hgetall(f"realtime:sockets:{there.process}") == {b"2": b"1", b"4": b"1"}


async def test_what_redis_lost_is_noticed_also_where_something_changed_before_the_tick(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    before = {key: redis.dump(key) or b"" for key in redis.keys("realtime:*")}
    there.lose({(1, 2): coming[1, 2]})
    await there.join([(1, 4)])
    await settled(redis, servers, {1: {1, 3, 4}})
    for key, value in before.items():
        redis.restore(key, 0, value, replace=True)

    there.lose({(1, 3): coming[1, 3]})
    await there.join([(1, 5)])
    await until(lambda: people(redis, 1) == {1, 2, 5})
    for _ in range(2):
        for server in servers:
            await server.roster.tick()
        await settled(redis, [there], {1: {1, 4, 5}})


async def test_a_redis_that_failed_and_then_had_lost_its_last_seconds_comes_right(
    redis: Redis, servers: tuple[Server, Server]
) -> None:
    """As in a fail-over: first a call fails, and then the replica has less than was confirmed."""
    here, there = servers
    await here.join([(1, 1)])
    coming = await there.join([(1, 2), (1, 3)])
    await settled(redis, servers, {1: {1, 2, 3}})
    before = {key: redis.dump(key) or b"" for key in redis.keys("realtime:*")}
    there.lose({(1, 2): coming[1, 2]})
    await there.join([(1, 4)])
    await settled(redis, servers, {1: {1, 3, 4}})

    redis.acl_setuser("default", enabled=True, commands=["-evalsha"])
    there.lose({(1, 3): coming[1, 3]})
    await until(lambda: there.shows(1) == {1, 4})
    for key, value in before.items():
        redis.restore(key, 0, value, replace=True)
    redis.acl_setuser("default", enabled=True, commands=["+evalsha"])
    for _ in range(2):
        for server in servers:
            await server.roster.tick()
        await settled(redis, [there], {1: {1, 4}})


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
    await there.roster.tick()
    await until(lambda: people(redis, 1) == {1, 3, 4})
    await here.roster.tick()  # finds that the connection it had is closed
    await here.roster.tick()
    assert here.shows(1) == {1, 3, 4}
