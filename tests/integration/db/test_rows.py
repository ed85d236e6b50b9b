"""Rows that are written without the ORM's compiler are those that the ORM would have written."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import FieldError
from django.db import DataError, connection
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy
from pytest_django import DjangoAssertNumQueries

from realtime.db.rows import insert, save_fields
from realtime.events import log
from realtime.live import updates
from realtime.models import Event, Receipt, Room
from tests.boards.models import Article, Board, Card

pytestmark = pytest.mark.django_db

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
VALUES: list[dict[str, Any]] = [
    {
        "text": gettext_lazy("A card"),
        "position": -3,
        "done": True,
        "price": Decimal("12.30"),
        "weight": 0.25,
        "number": 2**53,
        "due": MOMENT.date(),
        "starts_at": MOMENT,
        "at": MOMENT.time(),
        "takes": dt.timedelta(days=1, microseconds=7),
        "token": uuid.UUID(int=5),
        "data": {"a": [None, "ä%s", 1.5]},
        "mail": "a@example.org",
        "address": "2001:db8::1",
        "color": "red",
    },
    dict.fromkeys(
        "price weight number due starts_at at takes token data address".split()  # noqa: SIM905
    ),
    {"data": [], "text": "100 %"},
]


def stored(model: type[Model]) -> list[tuple[Any, ...]]:
    """Return all rows without their keys, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY id")  # noqa: S608
        return [row[1:] for row in cursor.fetchall()]


def events() -> list[Event]:
    room, _ = Room.objects.get_or_create(kind="project", key="1")
    user, _ = User.objects.get_or_create(username="alice")
    contents: Sequence[tuple[Any, Any, Any]] = [
        ({"a": "ä%s"}, None, None),
        ({"a": [1, None]}, {"a": 1}, user),
        ({}, {}, user),
    ]
    return [
        Event(
            room=room,
            seq=seq,
            type="project_updated",
            size=2**31 - 1,
            payload=payload,
            outline=before,
            before=before,
            actor=actor,
        )
        for seq, (payload, before, actor) in enumerate(contents, start=1)
    ]


EVENT = "room_id seq type size payload outline before actor_id created_at".split()  # noqa: SIM905


def test_an_insert_writes_as_bulk_create(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MOMENT)
    Event.objects.bulk_create(events())
    expected = stored(Event)
    Event.objects.all().delete()
    made = events()
    with django_assert_num_queries(1):
        insert(made, tuple(EVENT), using="default")
    assert stored(Event) == expected
    found = list(Event.objects.order_by("seq"))
    assert found == made  # by their keys
    assert [each.created_at for each in made] == [MOMENT] * 3
    assert not any(each._state.adding for each in made)


def test_more_rows_than_a_statement_takes() -> None:
    room = Room.objects.create(kind="project", key="1")
    user = User.objects.create(username="alice")
    insert(
        [Receipt(room=room, user=user, key=str(n), seq=n, changes={}) for n in range(200)],
        ("room_id", "user_id", "key", "seq", "changes", "created_at"),
        using="default",
    )
    assert Receipt.objects.count() == 200
    insert([], ("room_id",), using="default")


def test_fields_are_saved_as_by_bulk_update(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    boards = [Board.objects.create(title="x") for _ in VALUES]
    cards = [Card.objects.create(text="x", board=board, price=1) for board in boards]
    names = [*VALUES[0], "board"]

    def change() -> None:
        for card, values in zip(cards, VALUES, strict=True):
            card.board = boards[0]
            for name, value in values.items():
                setattr(card, name, value)

    others = Card.objects.create(text="untouched")
    change()
    Card.everything.bulk_update(cards, names)
    expected = stored(Card)
    Card.everything.exclude(pk=others.pk).update(
        text="x", position=0, price=1, data={}, board=None, done=False, due=MOMENT, takes=None
    )
    assert stored(Card) != expected
    with django_assert_num_queries(1):
        save_fields(cards, names)
    assert stored(Card) == expected


def test_a_field_of_today_is_set_if_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    boards = [Board.objects.create(title=str(number)) for number in range(200)]
    monkeypatch.setattr(timezone, "now", lambda: MOMENT)
    for board in boards:
        board.title = "new"
    save_fields(boards, ["title", "saved_at"])
    assert set(Board.objects.values_list("title", "saved_at")) == {("new", MOMENT)}


def test_a_column_of_another_table_is_refused() -> None:
    owner = User.objects.create(username="alice")
    article = Article.objects.create(title="A", body="B", owner=owner)
    with pytest.raises(FieldError, match=r"boards\.Article\.title is no column of"):
        save_fields([article], ["title"])


@pytest.mark.postgres
def test_a_value_that_is_too_long_is_not_cut_off() -> None:
    card = Card.objects.create(text="x")
    card.text = "x" * 201
    with pytest.raises(DataError, match="too long"):
        save_fields([card], ["text"])


@pytest.mark.parametrize(
    ("model", "columns"), [(Event, log._COLUMNS), (Receipt, updates._RECEIPT_COLUMNS)]
)
def test_no_field_of_ours_is_left_out(model: type[Model], columns: Sequence[str]) -> None:
    assert {"id", *columns} == {field.attname for field in model._meta.concrete_fields}
