"""Whether a process says that it is ready, in bounded time, where a part of it hangs or it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from realtime import conf
from realtime.db import threads as database
from realtime.live import process
from realtime.ops import health
from realtime.protocol.errors import CloseCode
from tests.harness.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


async def bad() -> dict[str, str]:
    """Return the states that are not good."""
    return {name: state for name, state in (await health.look()).items() if state != "ok"}


async def test_a_database_that_hangs_is_told_and_costs_one_thread() -> None:
    assert await bad() == {}
    threads, release = conf.get().DATABASE_THREADS, threading.Event()
    hanging = [asyncio.create_task(database.run(release.wait)) for _ in range(threads)]
    try:
        question = process.current().ask_database()
        for answer in await asyncio.gather(bad(), bad()):
            assert answer == {"database": "unreachable"}
        assert not question.done()
        assert process.current().ask_database() is question, "both ask by one query"
    finally:
        release.set()
    await asyncio.gather(*hanging)
    assert await bad() == {}


async def test_a_process_that_ends_is_not_ready() -> None:
    current = process.current()
    assert await bad() == {}
    current.drain()
    assert await bad() == {"process": "draining"}
    await current.close()


async def test_a_process_without_sockets_runs_nothing_and_tells_those_who_come_late() -> None:
    """It asks nothing of the database or Redis, so its end has nothing to wait for."""
    server = process.current()
    server.drain()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    user = await database.run(User.objects.create_user, "alice")
    late = await Socket.connect(str(AccessToken.for_user(user)))
    await late.expect("server_draining")
    assert await late.closed() == CloseCode.DRAINING
    await late.disconnect()
    await server.close()
