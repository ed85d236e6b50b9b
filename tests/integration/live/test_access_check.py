"""A check that fails, or never ends, is no permission.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from pytest_django import Settings

from realtime import conf
from realtime.auth import disconnections
from realtime.db import threads
from realtime.live import process
from realtime.rooms import Access
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.models import ShoppingList
from tests.host.rooms import ShoppingRoom

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]

RoomUsers = dict[tuple[int, int], Access]


class Trouble(ShoppingRoom):
    """Does what a test wants with the question who may be where."""

    bad_lists: set[int] = set()
    bad_users: set[int] = set()
    error: Exception | None = None
    hangs = False
    asked: int
    goes_on: threading.Event

    def access(self, keys: Collection[int], user_ids: Collection[int]) -> RoomUsers:
        Trouble.asked += 1
        if Trouble.hangs:
            Trouble.goes_on.wait()
        if Trouble.error is not None:
            raise Trouble.error
        if Trouble.bad_lists & set(keys):
            raise RuntimeError("a bad list")
        if Trouble.bad_users & set(user_ids):
            raise RuntimeError("a bad user")
        return super().access(keys, user_ids)


@pytest.fixture
def trouble(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Trouble]]:
    settings.REALTIME = settings.REALTIME | {
        "ACCESS_INTERVAL": 0.05,
        "ACCESS_TIMEOUT": 2.0,  # so that a busy machine is not taken for a check that fails
    }
    serve(monkeypatch, Trouble)
    Trouble.bad_lists, Trouble.bad_users = set(), set()
    Trouble.error, Trouble.hangs, Trouble.asked = None, False, 0
    Trouble.goes_on = threading.Event()
    yield Trouble
    Trouble.goes_on.set()


async def joined(list_id: int, token: str) -> Socket:
    socket = await Socket.connect(token)
    await socket.join(list_id)
    return socket


async def is_closed_as_unchecked(socket: Socket) -> None:
    error = await socket.until("error")
    assert error["payload"]["code"] == "UNAVAILABLE"
    assert await socket.closed() == 4204
    await socket.disconnect()


async def stays(socket: Socket) -> None:
    assert (await socket.call("ping"))["type"] == "pong"


async def rounds(count: int) -> None:
    """Return when the host has been asked so many times more."""
    goal = Trouble.asked + count
    async with asyncio.timeout(30):
        while Trouble.asked < goal:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("error", [RuntimeError("a fault"), OperationalError("away"), None])
async def test_a_check_that_never_succeeds_ends_the_socket(
    trouble: type[Trouble], error: Exception | None
) -> None:
    """Whether it raises, for whatever reason, or does not return."""
    list_id, [token, other] = await threads.run(make_list, "alice", "bob")
    alice, outside = await joined(list_id, token), await Socket.connect(other)
    trouble.error, trouble.hangs = error, error is None
    await is_closed_as_unchecked(alice)
    await stays(outside)  # the users can be checked
    assert process.gauges().unchecked > 0.5
    await outside.disconnect()


async def test_slow_reads_delay_no_check(trouble: type[Trouble]) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await joined(list_id, token)
    release = threading.Event()
    reads = [threads.run(release.wait) for _ in range(conf.get().DATABASE_THREADS)]
    slow = asyncio.gather(*reads)
    try:
        await threads.write(User.objects.filter(username="alice").update, is_active=False)
        assert (await alice.until("error"))["payload"]["code"] == "USER_INACTIVE"
    finally:
        release.set()
        await slow
    await alice.disconnect()


async def test_a_process_that_was_idle_counts_from_its_first_socket(
    settings: Settings, trouble: type[Trouble]
) -> None:
    """Before, there was nobody whose access could have gone unchecked."""
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 60}
    server = process.current()
    _, [token] = await threads.run(make_list, "alice")
    assert server.gauges().unchecked == 0
    came_at = time.monotonic()
    socket = await Socket.connect(token)
    await stays(socket)
    assert server.gauges().unchecked <= time.monotonic() - came_at
    await socket.disconnect()


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_host_that_fails_keeps_no_user_in(
    trouble: type[Trouble], settings: Settings, hangs: bool
) -> None:
    settings.REALTIME = settings.REALTIME | {"ACCESS_TIMEOUT": 60}
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    alice, bob = [await joined(list_id, token) for token in tokens]
    trouble.error, trouble.hangs = RuntimeError("a fault"), hangs
    await rounds(1)
    await threads.run(User.objects.filter(username="alice").update, is_active=False)
    assert (await alice.until("error"))["payload"]["code"] == "USER_INACTIVE"
    user = await threads.run(User.objects.get, username="bob")
    await threads.run(disconnections.request, [user.pk])
    assert (await bob.until("error"))["payload"]["code"] == "DISCONNECTED"
    for socket in (alice, bob):
        await socket.disconnect()


async def test_users_who_cannot_be_checked_are_put_out_of_rooms_all_the_same(
    trouble: type[Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await joined(list_id, token)

    def fail() -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(disconnections, "pending", fail)
    shopping = await threads.run(ShoppingList.objects.get, pk=list_id)
    await threads.run(shopping.shoppers.clear)
    await alice.until("access_revoked")
    await is_closed_as_unchecked(alice)


async def test_a_fault_that_passes_ends_nothing(trouble: type[Trouble]) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await joined(list_id, token)
    for _ in range(3):
        trouble.error = RuntimeError("a fault")
        await rounds(1)
        trouble.error = None
        await rounds(3)
    await stays(alice)
    await alice.disconnect()


@pytest.mark.parametrize("bad", ["list", "user"])
async def test_one_bad_room_or_user_takes_nothing_from_the_others(
    trouble: type[Trouble], bad: str
) -> None:
    """They are put out when their access ends, and stay while it does not."""
    made = [await threads.run(make_list, f"anna{n}", f"ben{n}") for n in range(6)]
    sockets = [[await joined(list_id, token) for token in tokens] for list_id, tokens in made]
    anna = await threads.run(User.objects.get, username="anna0")
    if bad == "list":
        trouble.bad_lists = {made[0][0]}
        victims = sockets[0]
    else:
        trouble.bad_users = {anna.pk}
        victims = [sockets[0][0]]
    for victim in victims:
        await is_closed_as_unchecked(victim)
    for socket in [one for pair in sockets for one in pair if one not in victims]:
        await stays(socket)
    shopping = await threads.run(ShoppingList.objects.get, pk=made[3][0])
    await threads.run(shopping.shoppers.clear)
    for socket in sockets[3]:
        await socket.until("access_revoked")
    for socket in [one for pair in sockets for one in pair if one not in victims]:
        await socket.disconnect()


async def test_a_failing_check_is_told_of_with_its_traceback_and_not_every_second(
    trouble: type[Trouble], caplog: pytest.LogCaptureFixture
) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await joined(list_id, token)
    trouble.error = RuntimeError("a fault")
    await is_closed_as_unchecked(alice)
    told: list[Any] = [r for r in caplog.records if getattr(r, "action", "") == "access_check"]
    assert told[0].exc_info
    assert len(told) <= 6, "at 1, 2, 4, … of at most 40 in a row"


async def test_1_a_token_ends_by_the_wall_clock_too(
    trouble: type[Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was set, or a machine that slept: a timer knows of neither. No query is
    needed for it, so it holds whatever the database does."""
    list_id, [token] = await threads.run(make_list, "alice")
    alice = await joined(list_id, token)
    trouble.hangs = True
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 7200)
    assert (await alice.until("error"))["payload"]["code"] == "TOKEN_EXPIRED"
    assert await alice.closed() == 4102
    await alice.disconnect()
