"""One parameter for many values: equal to what `__in` finds, on whichever database is in use."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import UUIDField, Value
from pytest_django import DjangoAssertNumQueries

from realtime.db.queries import AnyOf
from realtime.models import Room
from tests.host.models import ShoppingList

pytestmark = pytest.mark.django_db


def test_it_finds_the_rows_that_have_one_of_the_values() -> None:
    Room.objects.bulk_create(Room(pk=pk, key=str(pk)) for pk in (-1, 1, 2, 3, 2**62))
    for values in ([2, 3, 4], {2, 3}, range(2, 4), [2, 2, 3, None], {2: "two", 3: "three"}.keys()):
        found = Room.objects.filter(AnyOf("id", values))
        assert {room.pk for room in found} == {2, 3}
        assert {room.pk for room in Room.objects.exclude(AnyOf("pk", values))} == {-1, 1, 2**62}
    assert Room.objects.filter(AnyOf("id", [-1, 2**62])).count() == 2


def test_no_values_are_equal_to_nothing() -> None:
    Room.objects.create(pk=1)
    User.objects.create_user("alice")
    assert not Room.objects.filter(AnyOf("pk", [])).exists()
    assert not User.objects.filter(AnyOf("username", [])).exists()
    assert Room.objects.exclude(AnyOf("pk", [])).count() == 1


def test_there_may_be_any_number_of_values(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """40,000 are more than SQLite takes as parameters."""
    Room.objects.create(pk=39_999)
    User.objects.create_user("user 39999")
    with django_assert_num_queries(2):
        assert Room.objects.filter(AnyOf("pk", range(40_000))).count() == 1
        names = [f"user {number}" for number in range(40_000)]
        assert User.objects.filter(AnyOf("username", names)).count() == 1


def test_an_integer_that_the_column_cannot_hold_is_equal_to_nothing() -> None:
    alice = User.objects.create_user("alice")
    assert list(User.objects.filter(AnyOf("pk", [alice.pk, 2**40, -(2**40)]))) == [alice]


def test_values_may_be_of_the_column_behind_a_relation() -> None:
    shopping = ShoppingList.objects.create()
    alice = User.objects.create_user("alice")
    shopping.shoppers.add(alice)
    shoppers = ShoppingList.shoppers.through.objects
    for field in ("user", "user_id", "user__pk"):
        assert shoppers.filter(AnyOf(field, [alice.pk])).count() == 1
        assert shoppers.filter(AnyOf(field, [str(alice.pk)])).count() == 1
    assert shoppers.filter(AnyOf("user__username", ["alice", "bob"])).count() == 1


@pytest.mark.parametrize(
    "text",
    [
        "a,b",
        '"',
        '"a"',
        "\\",
        '\\"',
        "{a}",
        "NULL",
        "null",
        "",
        " a ",
        "'",
        "%s",
        "a\nb",
        "ü",
        "😀",
    ],
)
def test_a_text_is_compared_as_it_is(text: str) -> None:
    User.objects.create_user("anb")
    User.objects.create_user("a", first_name="elsewhere")
    wanted = User.objects.create_user("wanted", first_name=text)
    named = User.objects.filter(AnyOf("first_name", [text, "x" * 200]))
    assert list(named.filter(username="wanted")) == [wanted]
    others = User.objects.filter(AnyOf("username", [text, "b", "b\\"]))
    assert list(others) == []


def test_values_may_be_uuids() -> None:
    User.objects.create_user("alice")
    key: Any = uuid.uuid4()
    users = User.objects.annotate(key=Value(key, output_field=UUIDField()))
    assert users.filter(AnyOf("key", [uuid.uuid4(), key])).count() == 1
    assert users.filter(AnyOf("key", [str(key)])).count() == 1
    assert users.filter(AnyOf("key", [uuid.uuid4()])).count() == 0
