"""Compiled queries find what the ORM finds, whatever the values, the columns and the thread."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import UUIDField, Value
from pytest_django import DjangoAssertNumQueries

from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.models import Event, Room

pytestmark = pytest.mark.django_db


@CompiledQuery
def heads(rows: Argument) -> Any:
    return Room.objects.filter(AnyOf("pk", rows)).values_list("pk", "seq")


def test_it_is_asked_with_other_values_each_time(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Room.objects.bulk_create(
        Room(pk=number, key=str(number), seq=10 * number) for number in (1, 2, 3)
    )
    with django_assert_num_queries(4):
        assert heads([1, 2]) == [(1, 10), (2, 20)]
        assert heads({3, 4}) == [(3, 30)]
        assert heads({1: "a"}.keys()) == [(1, 10)]
        assert heads([None, 2]) == [(2, 20)]


def test_no_values_are_no_rows_and_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Room.objects.create(pk=1)
    with django_assert_num_queries(0):
        assert heads([]) == []


def test_a_query_that_can_find_nothing_finds_nothing() -> None:
    @CompiledQuery
    def named(ids: Argument) -> Any:
        return User.objects.filter(AnyOf("pk", ids), username__in=[]).values_list("pk")

    assert named([1, 2]) == []


def test_it_is_built_once() -> None:
    calls = []

    @CompiledQuery
    def rooms(rows: Argument) -> Any:
        calls.append(rows)
        return Room.objects.filter(AnyOf("pk", rows)).values_list("pk")

    assert not calls, "models are not loaded yet where it is defined"
    for _ in range(3):
        rooms([1])
    assert len(calls) == 1


def test_each_argument_has_its_place_beside_values_of_the_query() -> None:
    @CompiledQuery
    def named(names: Argument, ids: Argument) -> Any:
        users = User.objects.filter(AnyOf("pk", ids), is_active=True)
        return users.exclude(first_name="x").filter(AnyOf("username", names)).values_list("pk")

    alice, bob = User.objects.create_user("alice"), User.objects.create_user("bob")
    User.objects.create_user("carol", is_active=False)
    assert named(["alice", "carol", '"; --'], [alice.pk, bob.pk]) == [(alice.pk,)]
    assert named(["bob"], [alice.pk]) == []
    assert named(["bob"], [bob.pk]) == [(bob.pk,)]


def test_the_values_of_columns_are_those_of_the_orm() -> None:
    key = uuid.uuid4()
    room = Room.objects.create(kind="plan", key="ü")
    event = Event.objects.create(room=room, seq=1, type="note", payload={"a": [1, {"b": None}]})

    def query(ids: Any) -> Any:
        events = Event.objects.annotate(key=Value(key, output_field=UUIDField()))
        columns = ("key", "payload", "created_at", "id", "room__key")
        return events.filter(AnyOf("id", ids)).values_list(*columns)

    assert CompiledQuery(query)([event.pk]) == list(query([event.pk]))


@pytest.mark.django_db(transaction=True)
def test_threads_may_share_it() -> None:
    Room.objects.create(pk=7, seq=70)
    found: list[Any] = []
    together = threading.Barrier(8)

    @CompiledQuery
    def rooms(rows: Argument) -> Any:
        return Room.objects.filter(AnyOf("pk", rows)).values_list("pk", "seq")

    def ask() -> None:
        together.wait()
        try:
            found.extend(rooms([7]) for _ in range(20))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[(7, 70)]] * 160


@CompiledQuery
def locked_rooms(rows: Argument) -> Any:
    return Room.objects.select_for_update().filter(AnyOf("pk", rows)).order_by("pk")


@pytest.mark.django_db(transaction=True)
def test_it_returns_whole_objects_and_locks_them(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    made = Room.objects.create(kind="project", key="7", seq=9)
    with transaction.atomic(), django_assert_num_queries(1):
        [room] = locked_rooms.objects([made.pk, made.pk + 1])
        assert (room, room.kind, room.key, room.seq) == (made, "project", "7", 9)
        assert room._state.db == "default"
        assert not room._state.adding
    # The ORM would refuse it, too, and only then: the SQL is not made anew.
    with pytest.raises(transaction.TransactionManagementError):
        locked_rooms.objects([made.pk])
