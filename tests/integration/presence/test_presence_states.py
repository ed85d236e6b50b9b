"""The states of a process's presence: each transition of the table, brought about by a Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from pytest_django import Settings
from redis import Redis

from realtime.presence.lease import TRANSITIONS, Event, State
from tests.harness.measure import until
from tests.harness.presence import Server
from tests.harness.valkey import Valkey


@pytest.fixture
def redis(valkey: Valkey, settings: Settings) -> Iterator[Redis]:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": valkey.url}
    with valkey.client() as client:
        client.flushall()
        yield client
        may_relist(client, "+")


@pytest.fixture
async def server(redis: Redis) -> AsyncIterator[Server]:
    server = Server()
    yield server
    may_relist(redis, "+")
    await server.close()


def may_relist(redis: Redis, sign: str) -> None:
    """Allow or forbid the read of the old list, without which nobody is listed anew."""
    redis.acl_setuser("default", enabled=True, commands=[f"{sign}smembers"])


async def become_live(_: Redis, server: Server) -> None:
    await server.join([(1, 1)])


async def lose(redis: Redis, server: Server) -> None:
    redis.flushall()
    may_relist(redis, "-")
    await server.presence.tick()


async def relist(redis: Redis, server: Server) -> None:
    may_relist(redis, "+")
    await server.presence.tick()


async def tick(_: Redis, server: Server) -> None:
    await server.presence.tick()


async def wait(_: Redis, server: Server) -> None:
    await until(lambda: server.presence.lease.state is not State.RECOVERING)


async def close(_: Redis, server: Server) -> None:
    await server.presence.close()


Step = Callable[[Redis, Server], Awaitable[None]]

TO: dict[State, list[Step]] = {
    State.UNLEASED: [],
    State.LIVE: [become_live],
    State.LOST: [become_live, lose],
    State.RECOVERING: [become_live, lose, relist],
}
CLOSES: dict[tuple[State, Event], Step] = {(state, Event.CLOSED): close for state in TO}
BY: dict[tuple[State, Event], Step] = CLOSES | {
    (State.UNLEASED, Event.ACQUIRED): become_live,
    (State.UNLEASED, Event.RELISTED): tick,
    (State.LIVE, Event.ENTRIES_LOST): lose,
    (State.RECOVERING, Event.ENTRIES_LOST): lose,
    (State.LOST, Event.RELISTED): relist,
    (State.RECOVERING, Event.LEASE_PASSED): wait,
}


def test_each_transition_is_tried() -> None:
    assert BY.keys() == TRANSITIONS.keys()


@pytest.mark.parametrize(("state", "event"), TRANSITIONS, ids=str)
async def test_a_transition(redis: Redis, settings: Settings, state: State, event: Event) -> None:
    if event is Event.LEASE_PASSED:
        settings.REALTIME = settings.REALTIME | {"PRESENCE_LEASE": 2.0}
    server = Server()
    try:
        for step in TO[state]:
            await step(redis, server)
        assert server.presence.lease.state is state
        await BY[state, event](redis, server)
        assert server.presence.lease.state is TRANSITIONS[state, event]
    finally:
        may_relist(redis, "+")
        await server.close()


async def test_an_event_that_is_not_in_the_table_changes_nothing(
    redis: Redis, server: Server
) -> None:
    await become_live(redis, server)
    lease = server.presence.lease
    lease.relisted()
    states = [lease.state]
    lease.close()
    redis.flushall()
    assert not await lease.renew()
    states.append(lease.state)
    assert states == [State.LIVE, State.CLOSED]
    assert not lease.close(), "there is nothing to take away twice"


async def test_a_relisting_that_failed_is_made_up_for(redis: Redis, server: Server) -> None:
    """Redis knows the lease again by then, so only the state says that a list is missing."""
    await become_live(redis, server)
    await lose(redis, server)
    may_relist(redis, "+")
    await server.presence.tick()
    await until(lambda: redis.smembers(f"realtime:process:{server.process}") == {b"project:1:1"})


async def test_while_others_may_be_missing_nobody_is_taken_for_gone(
    redis: Redis, server: Server
) -> None:
    await become_live(redis, server)
    server.tell(1, [(2, "bob")], [])
    await lose(redis, server)
    for _ in range(2):
        await relist(redis, server)
        assert server.presence.lease.state is State.RECOVERING
        assert server.shows(1) == {1, 2}
