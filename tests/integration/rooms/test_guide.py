"""docs/models.md: its code is run, and its messages are sent."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from realtime import rooms
from realtime.models import Event
from realtime.rooms import registry
from realtime.testing import RealtimeClient
from tests import boards
from tests.boards import models
from tests.boards.models import Board, Card
from tests.harness import guide
from tests.harness.rooms import serve_only

PAGE = guide.page("docs/models.md")
DECLARATION = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
CALLS = re.findall(r"^    (?:rooms\.|with ).*\n(?:     +.*\n)*", PAGE, re.MULTILINE)
MESSAGES = re.findall(r'`(\{"cards": .*?\})`[:;. )]', PAGE)

pytestmark = pytest.mark.django_db


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Declare the page's room, as an app of the name that it has there."""
    serve_only(monkeypatch)
    monkeypatch.setitem(sys.modules, "boards", boards)
    monkeypatch.setitem(sys.modules, "boards.models", models)
    module = ModuleType("boards.rooms")
    exec(DECLARATION, module.__dict__)  # noqa: S102  (that is what the test is for)
    yield
    registry.unregister(module.BoardRoom)


@pytest.fixture
def client(
    declared: None, board: Board, anna: User, realtime_client: Callable[..., RealtimeClient]
) -> RealtimeClient:
    client = realtime_client(anna)
    client.join(rooms.RoomId("board", str(board.pk)))
    return client


def test_what_members_send(client: RealtimeClient, board: Board) -> None:
    card = Card.objects.create(board=board, text="Buy milk")
    key = str(card.pk)
    changed, deleted, made, refused = [
        json.loads(text.replace('"12"', f'"{key}"').replace("{…}", '{"text": "Two"}'))
        for text in MESSAGES
    ]
    room = rooms.RoomId("board", str(board.pk))
    client.update(room, changed)
    card.refresh_from_db()
    assert card.text == "Buy bread"
    empty = {"board_id": room.key, "data": {"cards": {key: {"text": ""}}}}
    assert client.call("update_board", empty)["payload"]["details"] == refused
    client.update(room, made)
    client.update(room, deleted)
    assert [row.text for row in Card.objects.order_by("pk")] == ["Buy milk", "Two"]


def test_what_a_site_calls(client: RealtimeClient, board: Board, anna: User) -> None:
    def load(file: str) -> None:
        Board.objects.update(title=file)

    card = SimpleNamespace(pk=3, move=lambda column: Board.objects.update(text=column))
    objects = {"Board": Board, "board": board, "card": card, "user": anna, "load": load}
    texts = {"file": "Loaded", "column": "Done"}

    def call(what: str) -> list[Any]:
        """Do what the page has, and return what the client receives."""
        [code] = [each for each in CALLS if what in each]
        code = re.sub(r"^    ", "", code, flags=re.MULTILINE).replace("filter(…)", "all()")
        told = Event.objects.filter(room__kind="board")
        before = told.count()
        exec(code, {"rooms": rooms, "transaction": transaction, **objects, **texts})  # noqa: S102
        types = told.order_by("seq").values_list("type", flat=True)[before:]
        return [client.receive(type_)["payload"] for type_ in types]

    assert call("rooms.refresh(Board")[-1]["changes"]["title"] == "Plan"
    assert call("rooms.quiet") == []
    board.title = "Saved"
    [saved] = call("rooms.acting")
    assert saved["changes"] == {"title": "Saved"}
    assert saved["updated_by"] == str(anna.pk)
    changed, moved = call("rooms.append")
    assert changed["changes"] == {"text": "Done"}
    assert moved["card_id"] == card.pk
