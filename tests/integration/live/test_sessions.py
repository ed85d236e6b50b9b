"""The look at the database that ends what is no longer allowed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework_simplejwt.tokens import RefreshToken

from realtime.auth import tokens
from realtime.auth.base import Identity
from realtime.db import threads
from realtime.live import access
from realtime.rooms import Access, Room
from tests.harness.rooms import project as project_room
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.models import ShoppingList
from tests.host.rooms import ShoppingRoom

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]


def test_of_thousands_it_finds_the_few_whose_access_ended(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Whatever the way, and in four queries."""
    lists = ShoppingList.objects.bulk_create(ShoppingList() for _ in range(1000))
    users = User.objects.bulk_create(
        User(username=f"user{number}", password=f"!{number}") for number in range(3000)
    )
    shoppers = ShoppingList.shoppers.through.objects
    shoppers.bulk_create(
        shoppers.model(shoppinglist=lists[number // 3], user=user)
        for number, user in enumerate(users)
    )
    # A member of another list has no place in this one.
    places = {(project_room(lists[number // 3].pk), user.pk) for number, user in enumerate(users)}
    strange = (project_room(lists[0].pk), users[-1].pk)
    refreshes: list[Any] = [RefreshToken.for_user(user) for user in users[:2]]
    method = tokens.JWTAuthentication()
    identities = [
        Identity.of(user, proof=tokens.Proof(hash(user.password), str(number)))._replace(
            method=method
        )
        for number, user in enumerate(users)
    ]
    for number, refresh in enumerate(refreshes):
        identities[number] = identities[number]._replace(
            proof=tokens.Proof(hash(users[number].password), refresh["jti"])
        )
    with django_assert_num_queries(3):
        assert access.revoked(identities) == {}
    with django_assert_num_queries(1):
        assert access.lost_access(list(places)) == {}

    refreshes[0].blacklist()
    execute("UPDATE auth_user SET is_active = %s WHERE id = %s", False, users[10].pk)
    execute("UPDATE auth_user SET password = '!other' WHERE id = %s", users[20].pk)
    shoppers_of = "DELETE FROM host_shoppinglist_shoppers WHERE"
    execute(f"{shoppers_of} user_id = %s", users[30].pk)
    execute("DELETE FROM auth_user WHERE id = %s", users[30].pk)
    place = (lists[13].pk, users[40].pk)
    execute(f"{shoppers_of} shoppinglist_id = %s AND user_id = %s", *place)
    ended = (project_room(lists[13].pk), users[40].pk)
    with django_assert_num_queries(3):
        revoked = access.revoked(identities)
    with django_assert_num_queries(1):
        lost = access.lost_access([*places, strange])
    assert {identity.user_id: error.code for identity, error in revoked.items()} == {
        users[0].pk: "TOKEN_EXPIRED",
        users[10].pk: "USER_INACTIVE",
        users[20].pk: "TOKEN_EXPIRED",
        users[30].pk: "USER_INACTIVE",
    }
    assert lost.keys() == {strange, ended, (project_room(lists[10].pk), users[30].pk)}


def execute(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


class PausingRoom(ShoppingRoom):
    """Reads once, when it is armed, and tells of it only later."""

    armed = False
    has_read: threading.Event
    go_on: threading.Event

    def access(
        self, keys: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        found = super().access(keys, user_ids)
        if PausingRoom.armed:
            PausingRoom.armed = False
            self.has_read.set()
            assert self.go_on.wait(10)
        return found


async def test_who_comes_back_while_the_database_is_read_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 0.05}
    serve(monkeypatch, PausingRoom)
    PausingRoom.has_read, PausingRoom.go_on = threading.Event(), threading.Event()
    list_id, [token, _] = await threads.run(make_list, "alice", "bob")
    shopping = await threads.run(ShoppingList.objects.get, pk=list_id)
    user = await threads.run(User.objects.get, username="alice")
    alice = await Socket.connect(token)
    await alice.join(list_id)

    PausingRoom.armed = True
    await threads.run(shopping.shoppers.remove, user)
    assert await asyncio.to_thread(PausingRoom.has_read.wait, 10)
    await threads.run(shopping.shoppers.add, user)
    await alice.join(list_id)
    PausingRoom.has_read.clear()
    PausingRoom.go_on.set()

    # The look after the one that was outdated has ended without harm as well.
    PausingRoom.armed = True
    assert await asyncio.to_thread(PausingRoom.has_read.wait, 10)
    assert (await alice.update(list_id, {"milk": 1}))["type"] == "ack"
    assert "access_revoked" not in [message["type"] for message in alice.messages]
    await alice.disconnect()


class Unwritten(Room):
    """Has a kind and nothing else."""

    kind = "project"
    model = ShoppingList


async def test_a_host_that_fails_does_not_end_the_watch(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 0.05}
    list_id, [token] = await threads.run(make_list, "alice")
    shopping = await threads.run(ShoppingList.objects.get, pk=list_id)
    alice = await Socket.connect(token)
    await alice.join(list_id)
    serve(monkeypatch, Unwritten)
    async with asyncio.timeout(30):
        while "Could not check room_users" not in caplog.text:
            await asyncio.sleep(0.01)
    serve(monkeypatch, ShoppingRoom)
    await threads.run(shopping.shoppers.clear)
    await alice.until("access_revoked")
    await alice.disconnect()
