"""Whatever dies in the middle of a stream of updates, the count is right.

Acknowledged = in the database = seen by everyone, once and in order.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.conftest import Duo
from tests.harness.load import Crowd, check_exact

pytestmark = pytest.mark.database

TAIL = 5.0
"""Seconds within which everybody has the last event, whatever happened before."""


async def everybody_has_everything(duo: Duo, crowd: Crowd, project_id: int) -> None:
    await crowd.finish()
    log = await asyncio.to_thread(duo.log, project_id)
    await asyncio.gather(*(person.reaches(len(log), TAIL) for person in crowd.people))
    check_exact(crowd, log)


async def test_redis_dies_and_comes_back(duo: Duo, project_id: int) -> None:
    """Flushed; silent; gone for 0.2 s; gone for 10 s: the database alone carries the rooms."""
    valkey = duo.stack.valkey
    crowd = duo.crowd(project_id)
    async with crowd.present():
        for person in crowd.people[:4]:
            crowd.write_on(person, pause=0.05)
        await crowd.makes_progress()
        with valkey.client() as client:
            client.flushall()
        await crowd.makes_progress()
        valkey.pause()
        await crowd.makes_progress(60)
        valkey.resume()
        await asyncio.to_thread(valkey.restart, after=0.2)
        await crowd.makes_progress()
        outage = asyncio.create_task(asyncio.to_thread(valkey.restart, after=10))
        while not outage.done():
            await crowd.makes_progress(5)
        outage.result()
        await crowd.makes_progress()
        await everybody_has_everything(duo, crowd, project_id)
    assert {person.connections for person in crowd.people} == {1}, "no socket was closed"
    assert sum(person.duplicates for person in crowd.people) == 0


async def test_a_server_is_killed_and_its_clients_go_on_at_the_other(
    duo: Duo, project_id: int
) -> None:
    crowd = duo.crowd(project_id)
    async with crowd.present():
        for person in crowd.people[:4]:
            crowd.write_on(person, pause=0.02)
        await crowd.makes_progress()
        duo.second.kill()
        await crowd.makes_progress()
        await asyncio.to_thread(duo.second.start)
        duo.first.kill()  # whoever has moved there comes back
        await crowd.makes_progress()
        await asyncio.to_thread(duo.first.start)
        await crowd.makes_progress()
        await everybody_has_everything(duo, crowd, project_id)
    assert all(person.connections > 1 for person in crowd.people)
