from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from django.core.management import CommandError, call_command
from rest_framework import serializers

from realtime import rooms
from realtime.protocol.errors import ErrorCode
from realtime.protocol.typescript import type_of
from tests.boards.models import Board, Card
from tests.boards.rooms import ArticleRoom, BoardRoom
from tests.harness.rooms import serve_only

CLIENT = Path(__file__).parents[4] / "client"
GENERATED = CLIENT / "test" / "rooms.ts"
"""Which `npm --prefix client run check` compiles, with what test/types.ts says of it."""


def printed() -> str:
    out = StringIO()
    call_command("realtime_types", stdout=out)
    return out.getvalue()


class Item(TypedDict):
    id: int
    done: NotRequired[bool]


class Listing(TypedDict):
    items: dict[str, Item]
    tags: list[Literal["a", "b"]]
    more: dict[str, Any]


class Added(msgspec.Struct):
    item: Item
    at: str | None


class Move(msgspec.Struct):
    item_id: int
    position: int


class Position(TypedDict):
    x: float
    y: float


class Shown(TypedDict):
    color: str
    cursor: Position


class Prices(TypedDict):
    total: float


class ShoppingRoom(rooms.Room):
    """Say all that a room may say; it has services of its own, so nothing else does."""

    kind = "shopping_list"
    key_type = str
    state_type = Listing
    event_types = {"item_added": Added, "odd-name": Item}
    result_types = {"compare_prices": Prices, "print_list": None}
    signal_type = Position
    presence_type = Shown
    role_type = Literal["owner", "guest"]

    @rooms.command
    def move_item(self, locked: Any, user_id: int, payload: Move) -> None: ...

    @rooms.command
    def clear(self, locked: Any, user_id: int) -> None: ...


def test_the_types_that_tsc_looks_at_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    serve_only(monkeypatch, BoardRoom, ArticleRoom, ShoppingRoom)
    assert GENERATED.read_text() == printed(), (
        "client/test/rooms.ts is out of date: copy what this test got"
    )


@pytest.mark.parametrize(
    ("type_", "wanted"),
    [
        (Any, "any"),
        (int | str | None, "number | string | null"),
        (list[int | str], "(number | string)[]"),
        (Literal["a", 'b"'], '"a" | "b\\""'),
        (Literal[1, 2], "1 | 2"),
        (dict[str, list[float]], "Record<string, number[]>"),
        (Item, "{\n  done?: boolean;\n  id: number;\n}"),
    ],
)
def test_a_type_of_python_in_typescript(type_: Any, wanted: str) -> None:
    found = type_of(msgspec.json.schema(type_))
    assert sorted(found.split(" | ")) == sorted(wanted.split(" | "))


class CardSerializer(serializers.ModelSerializer[Card]):
    class Meta:
        model = Card
        fields = ["id", "text", "position", "due", "price"]


def test_a_serializer_says_which_fields_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class SerializedRoom(rooms.ModelRoom):
        kind = "card"
        model = Card
        serializer_class = CardSerializer

    serve_only(monkeypatch, SerializedRoom)
    state, patch = printed().split("patch:")
    assert "text: string;" in state
    assert "position: number;" in state
    assert "due?: string;" in state
    assert "due?: string | null;" in patch
    assert " id" not in patch


def test_a_declaration_that_cannot_be_served_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Misspelt(rooms.ModelRoom):
        model = Board
        fields = ["titel"]

    serve_only(monkeypatch, Misspelt)
    with pytest.raises(CommandError, match=r"Misspelt cannot be served: .*'titel'"):
        printed()


def test_a_type_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(rooms.Room):
        kind = "wrong"
        signal_type = Path

    serve_only(monkeypatch, Wrong)
    with pytest.raises(CommandError, match=r"(?s)Wrong declares what is no JSON: .*Path"):
        printed()


def test_the_client_names_every_error_code() -> None:
    union = (CLIENT / "src" / "errors.js").read_text().partition("ServerErrorCode")[0]
    codes = set(re.findall(r'"([A-Z_]+)"', union.partition("@typedef")[2]))
    assert codes == set(ErrorCode)
