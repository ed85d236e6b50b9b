"""The look at the database that ends what is no longer allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime import database, sessions, tokens
from realtime.backend import Access
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.backend import ShoppingBackend
from tests.host.models import ShoppingList

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]


def test_a_look_takes_three_queries_however_many_rooms(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    users = [User.objects.create_user(f"user{number}") for number in range(5)]
    lists = [ShoppingList.objects.create() for _ in range(5)]
    for shopping, user in zip(lists, users, strict=True):
        shopping.shoppers.add(user)
    claims: list[Any] = [AccessToken.for_user(user) for user in users]
    for token in claims:
        token[tokens.SESSION_CLAIM] = "a session"
    identities = [tokens.authenticate(str(token)) for token in claims]
    places = {(shopping.pk, user.pk) for shopping in lists for user in users}
    with django_assert_num_queries(3):
        revoked, access = sessions._look(identities, places)
    assert revoked == {}
    assert access.keys() == {(s.pk, u.pk) for s, u in zip(lists, users, strict=True)}


class PausingBackend(ShoppingBackend):
    """Reads once, when it is armed, and tells of it only later."""

    armed = False
    has_read: threading.Event
    go_on: threading.Event

    def access(
        self, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        found = super().access(project_ids, user_ids)
        if PausingBackend.armed:
            PausingBackend.armed = False
            self.has_read.set()
            assert self.go_on.wait(10)
        return found


async def test_who_comes_back_while_the_database_is_read_stays(settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {
        "BACKEND": f"{__name__}.PausingBackend",
        "ACCESS_INTERVAL": 0.05,
    }
    PausingBackend.has_read, PausingBackend.go_on = threading.Event(), threading.Event()
    list_id, [token, _] = await database.run(make_list, "alice", "bob")
    shopping = await database.run(ShoppingList.objects.get, pk=list_id)
    user = await database.run(User.objects.get, username="alice")
    alice = await Socket.connect(token)
    await alice.join(list_id)

    PausingBackend.armed = True
    await database.run(shopping.shoppers.remove, user)
    assert await asyncio.to_thread(PausingBackend.has_read.wait, 10)
    await database.run(shopping.shoppers.add, user)
    await alice.join(list_id)
    PausingBackend.has_read.clear()
    PausingBackend.go_on.set()

    # The look after the one that was outdated has ended without harm as well.
    PausingBackend.armed = True
    assert await asyncio.to_thread(PausingBackend.has_read.wait, 10)
    assert (await alice.update(list_id, {"milk": 1}))["type"] == "ack"
    assert "access_revoked" not in [message["type"] for message in alice.messages]
    await alice.disconnect()


async def test_a_host_that_fails_does_not_end_the_watch(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 0.05}
    list_id, [token] = await database.run(make_list, "alice")
    shopping = await database.run(ShoppingList.objects.get, pk=list_id)
    alice = await Socket.connect(token)
    await alice.join(list_id)
    settings.REALTIME = settings.REALTIME | {"BACKEND": "tests.host.nowhere.Backend"}
    async with asyncio.timeout(10):
        while "Sessions.check failed" not in caplog.text:
            await asyncio.sleep(0.01)
    settings.REALTIME = settings.REALTIME | {"BACKEND": "tests.host.backend.ShoppingBackend"}
    await database.run(shopping.shoppers.clear)
    await alice.until("access_revoked")
    await alice.disconnect()
