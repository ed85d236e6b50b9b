"""No update makes a room too large to be joined; whatever else did, members can make it smaller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from realtime import rooms
from realtime.protocol.messages import UpdateAck
from realtime.rooms import hosts, registry
from realtime.rooms.model_room import ModelRoom
from realtime.rooms.places import TooManyRows
from realtime.rooms.size import measured
from tests.boards.models import Article, Board, Card, Label, Note
from tests.boards.rooms import BoardRoom
from tests.integration.rooms.conftest import Json, Watched
from tests.integration.rooms.test_model_room import refused, send

pytestmark = pytest.mark.django_db

LIMIT = 8_000


@pytest.fixture(autouse=True)
def plan(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelRoom]:
    """Have rooms of this kind be full soon."""
    room = registry.kinds()["plan"]
    assert isinstance(room, ModelRoom)
    monkeypatch.setattr(BoardRoom, "max_size", LIMIT)
    room.__dict__.pop("size_limit", None)
    yield room
    room.__dict__.pop("size_limit", None)


def size(obj: Any) -> int:
    return len(msgspec.json.encode(hosts.snapshots([rooms.room_of(obj)])[rooms.room_of(obj)]))


def fill(board: Board, user: User, data: Json) -> int:
    """Send the same update until it is refused; return how often it was not."""
    for number in range(1000):
        [result] = send(board, user, data)
        if not isinstance(result, UpdateAck):
            assert "8000 bytes" in refused(result)["__all__"][0]
            return number
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    "data",
    [
        {"cards": {"+": {"text": "\u20ac" * 200, "data": ["\\" * 300]}}},
        {
            "cards": {
                "+": {"text": "x", "notes": {f"+{n}": {"text": f"{n}" * 20} for n in range(9)}}
            }
        },
        {"cards": {f"+{n}": {"text": "x"} for n in range(15)}},
    ],
    ids=["rows", "rows in rows", "many rows"],
)
def test_rows_are_made_until_the_room_is_full(board: Board, anna: User, data: Json) -> None:
    watched = Watched(board)
    assert fill(board, anna, data)
    assert LIMIT / 3 < size(board) < LIMIT * 4 / 3
    assert watched.state != watched.snapshot()
    watched.changes()
    # Whoever cannot add can still change and take away.
    card = Card.objects.latest("pk")
    [less] = send(board, anna, {"cards": {str(card.pk): None}})
    assert isinstance(less, UpdateAck)


def test_a_json_field_grows_until_the_room_is_full(board: Board, anna: User) -> None:
    for number in range(100):
        [result] = send(board, anna, {"style": {f"{number}": "x" * 600}})
        if not isinstance(result, UpdateAck):
            break
    refused(result)
    assert LIMIT / 3 < size(board) < LIMIT * 4 / 3


def test_lists_of_other_rows_count(board: Board, anna: User, plan: ModelRoom) -> None:
    board.labels.set([Label.objects.create(name=str(n)) for n in range(100)])
    before = measured(plan.place, board.pk)
    board.labels.clear()
    assert before - measured(plan.place, board.pk) >= 100 * len("1234,")


def test_what_is_too_large_already_can_be_made_smaller(board: Board, anna: User) -> None:
    Card.objects.bulk_create(Card(board=board, text="x" * 200) for _ in range(200))
    card = Card.objects.latest("pk")
    [more] = send(board, anna, {"cards": {"+": {"text": "one more"}}})
    refused(more)
    for data in (
        {"cards": {str(card.pk): {"text": "less"}}},
        {"cards": {str(card.pk): None}},
        {"title": "same"},  # as long as before
    ):
        [result] = send(board, anna, data)
        assert isinstance(result, UpdateAck), result


def test_each_room_is_measured_seldom(
    board: Board, anna: User, plan: ModelRoom, django_assert_max_num_queries: Any
) -> None:
    send(board, anna, {"title": "Plans"})
    queries = []
    for number in range(20):
        with django_assert_max_num_queries(100) as counted:
            send(board, anna, {"title": "Plans" + "x" * number})
        queries.append(len(counted))
    assert len(set(queries[1:])) == 1, queries


@pytest.mark.parametrize("text", ["x" * 200, "\u20ac" * 200, '"' * 200, "\u0001" * 190 + "x"])
def test_what_is_measured_is_no_less_than_what_is_sent(
    board: Board, plan: ModelRoom, text: str
) -> None:
    card = Card.objects.create(board=board, text=text, price=1, weight=0.1, data={"a": [text]})
    Note.objects.create(card=card, text="1")
    assert size(board) <= measured(plan.place, board.pk) < 2 * size(board) + 500


def test_fields_that_are_inherited_count(anna: User) -> None:
    article = Article.objects.create(title="x" * 100, body="y" * 1000, owner=anna)
    room = registry.kinds()["article"]
    assert isinstance(room, ModelRoom)
    assert 1100 < measured(room.place, article.pk) < 1300


@pytest.mark.parametrize("made", ["rows", "ids"])
def test_a_room_that_cannot_be_sent_is_not_read_to_its_end(
    board: Board, settings: Settings, django_assert_max_num_queries: Any, made: str
) -> None:
    """The host's own code may make it of any size. Another room is read all the same."""
    another = Board.objects.create(title="Another")
    with rooms.quiet():
        if made == "rows":
            Card.objects.bulk_create(Card(board=board, text="x") for _ in range(300))
        else:
            board.labels.set(Label.objects.bulk_create(Label(name=f"{n}") for n in range(300)))
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 2 * 400}
    with django_assert_max_num_queries(100) as queries, pytest.raises(TooManyRows):
        hosts.snapshots([rooms.room_of(board), rooms.room_of(another)])
    limits = [int(n) for n in re.findall(r" LIMIT (\d+)", " ".join(q["sql"] for q in queries))]
    assert max(limits) <= 201
    assert hosts.snapshots([rooms.room_of(another)])
