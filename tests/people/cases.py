"""Rooms for users of `tests.people.models.User`. Run by `tests/integration/auth/test_people.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime.db import threads
from realtime.models import Event, Room
from tests.harness.rooms import serve
from tests.harness.sockets import Socket
from tests.host.models import ShoppingList
from tests.host.rooms import ShoppingRoom
from tests.people.models import Phone

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]

Person: Any = get_user_model()


def make_list() -> tuple[int, list[Any]]:
    shopping = ShoppingList.objects.create(items={"bread": 1})
    people = [Person.objects.create(phone=Phone(f"4930{n}")) for n in (1, 2)]
    shopping.shoppers.set(people)
    return shopping.pk, people


def token_of(person: Any) -> str:
    return str(AccessToken.for_user(person))


async def joined(list_id: int, person: Any) -> tuple[Socket, dict[str, Any]]:
    socket = await Socket.connect(await threads.run(token_of, person))
    return socket, await socket.join(list_id)


async def test_a_room_works() -> None:
    list_id, [anna, ben] = await threads.run(make_list)
    first, _ = await joined(list_id, anna)
    second, ack = await joined(list_id, ben)
    names = sorted((member["user_id"], member["username"]) for member in ack["members"])
    assert names == [(anna.pk, "+49301"), (ben.pk, "+49302")]
    assert (await first.update(list_id, {"milk": 1}, idempotency_key="once"))["type"] == "ack"
    assert (await second.until("project_updated"))["payload"]["updated_by"] == str(anna.pk)
    for socket in (first, second):
        await socket.disconnect()


def close(person: Any) -> None:
    person.is_closed = True
    person.save()


@pytest.mark.parametrize("end", [close, Person.delete])
async def test_who_may_not_be_here_any_more_is_put_out(end: Callable[[Any], None]) -> None:
    list_id, [anna, ben] = await threads.run(make_list)
    sockets = [(await joined(list_id, person))[0] for person in (anna, ben)]
    await threads.run(ShoppingList.shoppers.through.objects.filter(user=ben).delete)
    await sockets[1].until("access_revoked")
    await threads.run(ShoppingList.shoppers.through.objects.filter(user=anna).delete)
    await threads.run(end, anna)
    assert (await sockets[0].until("error"))["payload"]["code"] == "USER_INACTIVE"
    assert await sockets[0].closed() == 4003
    assert (await sockets[1].call("ping"))["type"] == "pong"
    for socket in sockets:
        await socket.disconnect()


def test_the_history_can_be_searched_and_read() -> None:
    list_id, [anna, _] = make_list()
    payload = {"project_id": list_id, "changes": {"milk": 1}, "updated_by": str(anna.pk)}
    room = Room.objects.create(kind="project", key=list_id, seq=2)
    for seq in (1, 2):
        Event.objects.create(
            room=room, seq=seq, type="project_updated", payload=payload, actor=anna
        )
    client = Client()
    client.force_login(anna)
    page = client.get(reverse("admin:realtime_event_changelist"), {"q": "49301"})
    assert page.status_code == 200
    assert "2 events" in page.content.decode()
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(anna)}")
    events = api.get(f"/api/projects/{list_id}/events/").json()["events"]
    assert events[0]["user"] == {"id": anna.pk, "username": "+49301"}


def test_people_are_disconnected_from_the_console() -> None:
    _, [anna, _] = make_list()
    client = Client()
    client.force_login(anna)
    url = reverse("admin:realtime_room_disconnect", args=[anna.pk])
    page = client.post(url, follow=True)
    assert "The connections of +49301 are being closed." in page.content.decode()


class NamedRoom(ShoppingRoom):
    def display_name(self, user: Any) -> str:
        return f"Person {user.pk}"


async def test_a_host_says_which_name_others_see(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, NamedRoom)
    list_id, [anna, _] = await threads.run(make_list)
    socket, ack = await joined(list_id, anna)
    assert [member["username"] for member in ack["members"]] == [f"Person {anna.pk}"]
    assert (await socket.until("user_joined"))["payload"]["username"] == f"Person {anna.pk}"
    await socket.disconnect()


def test_checks_have_nothing_to_say() -> None:
    assert [
        message for message in run_checks(databases=[]) if str(message.id).startswith("realtime")
    ] == []


def test_tokens_bound_to_a_password_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_settings, "CHECK_REVOKE_TOKEN", True)
    assert "realtime.E008" in {message.id for message in run_checks(databases=[])}
