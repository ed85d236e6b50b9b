"""What a host's pages change reaches the rooms, and is told as made by whoever is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from realtime.models import Room, TaskState
from tests.boards.models import Board, Card, Label, Note
from tests.boards.tasks import rename
from tests.integration.rooms.conftest import Json, Watched

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.boards.urls"


@pytest.fixture
def card(board: Board) -> Card:
    return Card.objects.create(board=board, text="Buy milk")


@pytest.fixture
def client(anna: User) -> Client:
    User.objects.filter(pk=anna.pk).update(is_staff=True, is_superuser=True)
    anna.refresh_from_db()
    client = Client()
    client.force_login(anna)
    return client


def generic_update(client: Client, card: Card) -> Any:
    return client.post(f"/cards/{card.pk}/", {"board": card.board_id, "text": "Buy bread"})


def drf_patch(client: Client, card: Card) -> Any:
    return Client(headers={"X-User": "anna"}).patch(
        f"/api/cards/{card.pk}/", {"text": "Buy bread"}, content_type="application/json"
    )


def drf_put(client: Client, card: Card) -> Any:
    return Client(headers={"X-User": "anna"}).put(
        f"/api/cards/{card.pk}/",
        {"board": str(card.board_id), "text": "Buy bread"},
        content_type="application/json",
    )


def admin_change(client: Client, card: Card) -> Any:
    data = {"board": card.board_id, "text": "Buy bread", **_formset("notes")}
    return client.post(f"/admin/boards/card/{card.pk}/change/", data)


def admin_list(client: Client, card: Card) -> Any:
    data = {"form-0-id": card.pk, "form-0-text": "Buy bread", **_formset("form", 1), "_save": "1"}
    return client.post("/admin/boards/card/", data)


def _formset(prefix: str, initial: int = 0, total: int | None = None) -> Json:
    total = initial if total is None else total
    return {f"{prefix}-INITIAL_FORMS": initial, f"{prefix}-TOTAL_FORMS": total}


@pytest.mark.parametrize("edit", [generic_update, drf_patch, drf_put, admin_change, admin_list])
def test_an_edit_of_a_page(
    edit: Callable[[Client, Card], Any], client: Client, board: Board, card: Card, anna: User
) -> None:
    watched = Watched(board)
    response = edit(client, card)
    assert response.status_code in (200, 302), response.content
    bread = {"text": "Buy bread", "loud": "BUY BREAD"}
    assert watched.changes() == [{"cards": {str(card.pk): bread}}]
    [event] = watched.events()
    assert event.actor_id == anna.pk


def test_an_asynchronous_view(board: Board, card: Card, client: Client, anna: User) -> None:
    watched = Watched(board)

    async def rename() -> Any:
        visitor = AsyncClient()
        await visitor.aforce_login(anna)
        return await visitor.get(f"/cards/{card.pk}/rename/")

    assert async_to_sync(rename)().status_code == 200
    [event] = watched.events()
    assert event.actor_id == anna.pk
    anonymous = AsyncClient()
    Card.objects.update(text="Other")
    watched = Watched(board)
    async_to_sync(anonymous.get)(f"/cards/{card.pk}/rename/")
    [event] = watched.events()
    assert event.payload["updated_by"] == "system"


def test_the_admin_makes_one_event_of_a_page_with_inlines(
    client: Client, board: Board, card: Card
) -> None:
    label = Label.objects.create(name="urgent")
    note = Note.objects.create(card=card, text="Old")
    gone = Note.objects.create(card=card, text="Gone")
    watched = Watched(board)
    data = {
        "board": card.board_id,
        "text": "Buy bread",
        "labels": [label.pk],
        **_formset("notes", 2, 3),
        "notes-0-id": note.pk,
        "notes-0-card": card.pk,
        "notes-0-text": "Changed",
        "notes-1-id": gone.pk,
        "notes-1-card": card.pk,
        "notes-1-text": "Gone",
        "notes-1-DELETE": "1",
        "notes-2-card": card.pk,
        "notes-2-text": "New",
    }
    response = client.post(f"/admin/boards/card/{card.pk}/change/", data)
    assert response.status_code == 302, response.content
    [changes] = watched.changes()
    new = Note.objects.get(text="New")
    assert changes["cards"][str(card.pk)] == {
        "text": "Buy bread",
        "loud": "BUY BREAD",
        "labels": [label.pk],
        "notes": {
            str(note.pk): {"text": "Changed"},
            str(gone.pk): None,
            str(new.pk): {"text": "New"},
        },
    }


def test_actions_and_deletes(client: Client, board: Board, card: Card, anna: User) -> None:
    watched = Watched(board)
    key = str(card.pk)
    listed = {"_selected_action": [card.pk]}
    client.post("/admin/boards/card/", {"action": "finish", **listed})
    assert watched.changes() == [{"cards": {key: {"done": True}}}]
    Card.everything.update(done=False)
    watched = Watched(board)
    client.post("/admin/boards/card/", {"action": "delete_selected", "post": "yes", **listed})
    assert watched.changes() == [{"cards": {key: None}}]
    other = Card.objects.create(board=board, text="Other")
    watched, key = Watched(board), str(other.pk)
    client.post(f"/cards/{other.pk}/delete/")
    assert watched.changes() == [{"cards": {key: None}}]
    watched = Watched(board)
    client.post("/cards/new/", {"board": board.pk, "text": "New"})
    client.post(
        "/api/cards/",
        {"board": str(board.pk), "text": "New"},
        content_type="application/json",
        headers={"X-User": "anna"},
    )
    assert [event.actor_id for event in watched.events()] == [anna.pk, anna.pk]
    watched = Watched(board)
    client.post(f"/admin/boards/board/{board.pk}/delete/", {"post": "yes"})
    assert [event.type for event in watched.events()] == ["plan_deleted"]


def test_a_request_in_one_transaction_is_one_event(
    client: Client, board: Board, card: Card, anna: User, settings: Settings
) -> None:
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        watched = Watched(board)
        assert drf_patch(client, card).status_code == 200
        [event] = watched.events()
        assert event.actor_id == anna.pk
        assert drf_patch(client, Card(pk=404)).status_code == 404
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_task_acts_for_who_started_it(board: Board, anna: User) -> None:
    watched = Watched(board)
    arguments = {"plan_id": str(board.pk), "title": "By the task"}
    row = Room.objects.create(kind="plan", key="other")
    TaskState.objects.create(task_id="a-task", room=row, task_type="rename", user=anna)
    rename.apply(kwargs=arguments, task_id="a-task").get()
    rename.apply(kwargs=arguments | {"title": "By nobody"}).get()
    rename(**arguments)
    told = [event for event in watched.events() if event.type == "plan_updated"]
    assert [event.actor_id for event in told] == [anna.pk, None, None]
