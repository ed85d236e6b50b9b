"""Rooms for users whose keys are UUIDs. Run by `tests/integration/auth/test_people.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from realtime import rooms
from realtime.db import threads
from realtime.models import Receipt, TaskState
from realtime.protocol import asyncapi
from realtime.rooms import keys, registry
from realtime.tasks import state
from realtime.testing import RealtimeClient
from tests.harness.schemas import mistakes_by
from tests.harness.sockets import Socket
from tests.host.models import Board
from tests.host.rooms import BoardRoom

pytestmark = pytest.mark.django_db(transaction=True)

Guest: Any = get_user_model()


def make_board() -> tuple[Board, list[Any]]:
    board = Board.objects.create(items={"bread": 1})
    guests = [Guest.objects.create(email=f"{name}@example.org") for name in ("anna", "ben")]
    board.shoppers.set(guests)
    return board, guests


def token_of(guest: Any) -> str:
    return str(AccessToken.for_user(guest))


async def joined(board: Board, guest: Any) -> tuple[Socket, dict[str, Any]]:
    socket = await Socket.connect(await threads.run(token_of, guest))
    return socket, await socket.join(str(board.pk), "board")


async def test_a_room_works() -> None:
    board, [anna, ben] = await threads.run(make_board)
    first, _ = await joined(board, anna)
    second, ack = await joined(board, ben)
    assert ack["user_id"] == str(ben.pk)
    names = {member["user_id"]: member["username"] for member in ack["members"]}
    assert names == {str(anna.pk): "anna", str(ben.pk): "ben"}, "and no e-mail address"
    key = str(board.pk)
    for again in (False, True):
        reply = await first.update(key, {"milk": 1}, "board", idempotency_key="once")
        assert reply["payload"] == {"seq": 1, "changes": {"milk": 1}, "duplicate": again}
    updated = await second.until("board_updated")
    assert updated["payload"]["updated_by"] == str(anna.pk)
    stale = await second.update(key, {"milk": 2}, "board", base_seq=None)
    assert stale["type"] == "ack"
    assert await threads.run(lambda: Receipt.objects.get().user_id) == anna.pk
    await first.disconnect()
    assert (await second.until("user_left"))["payload"]["user_id"] == str(anna.pk)
    await second.disconnect()


def deactivate(guest: Any) -> None:
    guest.is_active = False
    guest.save()


@pytest.mark.parametrize("end", [deactivate, Guest.delete])
async def test_who_may_not_be_here_any_more_is_put_out(end: Callable[[Any], None]) -> None:
    board, [anna, ben] = await threads.run(make_board)
    sockets = [(await joined(board, guest))[0] for guest in (anna, ben)]
    await threads.run(board.shoppers.remove, ben)
    await sockets[1].until("access_revoked")
    await threads.run(board.shoppers.remove, anna)
    await threads.run(end, anna)
    assert (await sockets[0].until("error"))["payload"]["code"] == "USER_INACTIVE"
    assert await sockets[0].closed() == 4003
    for socket in sockets:
        await socket.disconnect()


async def test_the_end_of_a_membership_is_an_event() -> None:
    board, [anna, ben] = await threads.run(make_board)
    first, second = [(await joined(board, guest))[0] for guest in (anna, ben)]

    def remove() -> None:
        with transaction.atomic():
            board.shoppers.remove(ben)
            changed = rooms.member_changed(ben.pk, None, actor_id=anna.pk)
            rooms.append_all({rooms.room_of(board): [changed]})

    await threads.write(remove)
    await second.until("access_revoked")
    changed = await first.until("member_changed")
    assert changed["payload"]["user_id"] == str(ben.pk)
    for socket in (first, second):
        await socket.disconnect()


async def test_an_operator_disconnects_them() -> None:
    board, [anna, ben] = await threads.run(make_board)
    socket, _ = await joined(board, ben)

    def disconnect() -> str:
        client = Client()
        client.force_login(anna)
        url = reverse("admin:realtime_room_disconnect", args=[ben.pk])
        return client.post(url, follow=True).content.decode()

    assert "are being closed" in await threads.write(disconnect)
    assert (await socket.until("error"))["payload"]["code"] == "DISCONNECTED"
    assert await socket.closed() == 4005
    await socket.disconnect()
    again, _ = await joined(board, ben)
    await again.disconnect()


def test_the_history_has_them() -> None:
    board, [anna, ben] = make_board()
    with transaction.atomic():
        changed = rooms.member_changed(ben.pk, "guest", actor_id=anna.pk)
        rooms.append_all(
            {rooms.room_of(board): [rooms.updated({"a": 1}, actor_id=anna.pk), changed]}
        )
    client = Client()
    client.force_login(anna)
    page = client.get(reverse("admin:realtime_event_changelist"), {"q": "anna@"})
    assert "2 events" in page.content.decode()
    assert "role of ben@example.org" in page.content.decode()
    assert f"board:{board.pk}" in page.content.decode()
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(anna)}")
    events = api.get(f"/api/boards/{board.pk}/events/").json()["events"]
    assert events[0]["user"] == {"id": str(anna.pk), "username": "anna"}


def test_a_task_is_of_who_started_it() -> None:
    board, [anna, _] = make_board()
    request = state.Request("t", "count", rooms.room_of(board), anna.pk, "", "")
    assert state.admit(request) == "t"
    assert state.mark_completed("t", anna.pk)
    assert TaskState.objects.get().user == anna


def test_they_sign_in_by_session(realtime_client: Callable[..., RealtimeClient]) -> None:
    board, [anna, _] = make_board()
    browser = Client()
    browser.force_login(anna)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    headers = {"cookie": cookie, "origin": "http://testserver"}
    client = realtime_client(headers=headers)
    assert client.join(board)["user_id"] == str(anna.pk)
    client.expect_nothing("error")
    browser.logout()
    assert client.closed() == 4102


def test_the_document_says_so() -> None:
    types = {"board": registry.key_type("board").on_wire}
    document = asyncapi.document(types, keys.of_users().on_wire)
    key = str(Guest().pk)
    for user_id, is_right in ((key, True), (7, False)):
        left = {"type": "user_left", "payload": {"board_id": key, "user_id": user_id}}
        assert (mistakes_by(document, left) == []) is is_right


def test_checks_have_nothing_to_say() -> None:
    assert BoardRoom.kind in registry.kinds()
    assert [
        message for message in run_checks(databases=[]) if str(message.id).startswith("realtime")
    ] == []
