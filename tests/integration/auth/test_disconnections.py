"""An operator's order ends each socket once, whatever a process's start and the clocks say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime.auth import disconnections
from realtime.db import threads
from realtime.models import Disconnection
from tests.harness.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(settings: Settings) -> User:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 0.05}
    return User.objects.create_user("alice")


async def connect(user: User) -> Socket:
    return await Socket.connect(await threads.run(lambda: str(AccessToken.for_user(user))))


async def is_disconnected(socket: Socket) -> None:
    assert (await socket.until("error"))["payload"]["code"] == "DISCONNECTED"
    assert await socket.closed() == 4005
    await socket.disconnect()


async def stays(socket: Socket) -> None:
    """Wait until the orders have been looked at: a further one, for another user, shows that."""
    bob, _ = await threads.run(User.objects.get_or_create, username="bob")
    witness = await connect(bob)
    await threads.run(disconnections.request, [bob.pk])
    await is_disconnected(witness)
    assert (await socket.call("ping"))["type"] == "pong"


async def test_an_order_ends_the_sockets_that_there_are_and_no_later_one(alice: User) -> None:
    sockets = [await connect(alice) for _ in range(2)]
    await threads.run(disconnections.request, [alice.pk])
    for socket in sockets:
        await is_disconnected(socket)
    later = await connect(alice)
    await stays(later)
    await later.disconnect()


async def test_a_process_that_has_just_begun_does_not_carry_it_out_again(alice: User) -> None:
    """Its first look finds an order that is older than all of its sockets."""
    await threads.run(disconnections.request, [alice.pk])
    socket = await connect(alice)
    await stays(socket)
    await socket.disconnect()


@pytest.mark.parametrize("behind", [timedelta(hours=2), timedelta(hours=-2)])
async def test_the_clock_of_the_host_that_ordered_does_not_matter(
    alice: User, behind: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = await connect(alice)
    now = timezone.now
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: now() - behind)
        await threads.run(disconnections.request, [alice.pk])
    await is_disconnected(socket)
    later = await connect(alice)
    await stays(later)
    await later.disconnect()


async def test_a_fresh_token_does_not_escape_an_order(alice: User, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 1.0}
    socket = await connect(alice)
    await threads.run(disconnections.request, [alice.pk])
    token = await threads.run(lambda: str(AccessToken.for_user(alice)))
    await socket.send("authenticate", {"token": token})
    await is_disconnected(socket)


def test_old_orders_are_forgotten(alice: User) -> None:
    disconnections.request([alice.pk])
    Disconnection.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert disconnections.pending() == {}
    disconnections.request([alice.pk])
    assert Disconnection.objects.count() == 1
    [keys] = disconnections.pending().values()
    assert len(keys) == 1
