"""Updates written together: each is answered on its own, and happens once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models.signals import post_save
from pytest_django import Settings

from realtime.db import threads
from realtime.events import log
from realtime.events.new_event import NewEvent, updated
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.models import Event, Receipt
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.protocol.room_id import RoomId
from realtime.rooms import Outcome, Pending
from tests.boards.models import Board
from tests.harness.plans import add_member, make_plan, rename, room_of
from tests.harness.plans import row as row_of
from tests.harness.rooms import project as project_room
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.host.rooms import ShoppingRoom

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def plan(alice: User) -> Board:
    return make_plan(alice, "New", style={"a": 1})


def ack(result: updates.Result) -> UpdateAck:
    assert isinstance(result, UpdateAck), result
    return result


def error(result: updates.Result) -> ProtocolError:
    assert isinstance(result, ProtocolError), result
    return result


def test_one_bad_update_spoils_none(alice: User, plan: Board) -> None:
    viewer = User.objects.create_user("carol")
    add_member(plan, viewer, "viewer")
    one, bad, forbidden, two = updates.write(
        room_of(plan),
        [
            UpdateRequest(alice.pk, {"title": "One"}),
            UpdateRequest(alice.pk, {"title": ""}),
            UpdateRequest(viewer.pk, {"title": "Mine"}),
            UpdateRequest(alice.pk, {"style": {"b": 2}}),
        ],
    )
    assert (ack(one).seq, ack(two).seq) == (1, 2)
    assert error(bad).code is ErrorCode.VALIDATION_ERROR
    assert error(bad).details.keys() == {"title"}
    assert error(forbidden).code is ErrorCode.FORBIDDEN
    plan.refresh_from_db()
    assert (plan.title, plan.style) == ("One", {"a": 1, "b": 2})
    assert [e.payload["changes"] for e in log.tail(row_of(plan), 0)] == [
        {"title": "One"},
        {"style": {"b": 2}},
    ]


def test_a_key_is_answered_again_in_the_same_batch_and_later(alice: User, plan: Board) -> None:
    request = UpdateRequest(alice.pk, {"title": "Once"}, idempotency_key="k")
    other = UpdateRequest(alice.pk, {"title": "Twice"}, idempotency_key="l")
    first, second, again = updates.write(room_of(plan), [request, other, request])
    assert (ack(first).seq, ack(second).seq) == (1, 2)
    assert again == UpdateAck(1, {"title": "Once"}, duplicate=True)
    assert updates.write(room_of(plan), [request]) == [again]
    plan.refresh_from_db()
    assert plan.title == "Twice"
    assert Receipt.objects.count() == 2


def test_what_changes_nothing_is_acknowledged_at_its_place(alice: User, plan: Board) -> None:
    """Not after updates that came later: a client would take them for seen."""
    titles = ["New", "One", "One", "Two"]
    requests = [UpdateRequest(alice.pk, {"title": title}) for title in titles]
    results = updates.write(room_of(plan), requests)
    assert [ack(result).seq for result in results] == [0, 1, 1, 2]


def test_a_key_belongs_to_its_user(alice: User, plan: Board) -> None:
    bob = User.objects.create_user("bob")
    add_member(plan, bob, "editor")
    by_alice = UpdateRequest(alice.pk, {"title": "A"}, idempotency_key="k")
    by_bob = UpdateRequest(bob.pk, {"title": "B"}, idempotency_key="k")
    assert [ack(r).duplicate for r in updates.write(room_of(plan), [by_alice, by_bob])] == [
        False,
        False,
    ]


def test_different_fields_and_keys_do_not_conflict(alice: User, plan: Board) -> None:
    results = updates.write(
        room_of(plan),
        [
            UpdateRequest(alice.pk, {"title": "T"}, base_seq=0),
            UpdateRequest(alice.pk, {"text": "D"}, base_seq=0),
            UpdateRequest(alice.pk, {"style": {"b": 2}}, base_seq=0),
            UpdateRequest(alice.pk, {"style": {"c": 3}}, base_seq=0),
        ],
    )
    assert [ack(result).seq for result in results] == [1, 2, 3, 4]
    plan.refresh_from_db()
    assert plan.style == {"a": 1, "b": 2, "c": 3}


def test_what_changed_since_is_a_conflict_that_tells_how_it_is_now(
    alice: User, plan: Board
) -> None:
    data: dict[str, Any] = {"style": {"a": 3, "x": 1}}
    first, late, informed = updates.write(
        room_of(plan),
        [
            UpdateRequest(alice.pk, {"style": {"a": 2}}),
            UpdateRequest(alice.pk, data, base_seq=0),
            UpdateRequest(alice.pk, data, base_seq=1),
        ],
    )
    assert ack(first).seq == 1
    assert error(late).code is ErrorCode.CONFLICT
    assert error(late).details == {"seq": 1, "current": {"style": {"a": 2, "x": None}}}
    assert ack(informed).seq == 2


class Rounds(ShoppingRoom):
    """Changes a field of its own beside each update."""

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        outcomes = super().update(pending)
        for key, (locked, _) in pending.items():
            locked.items["total"] = sum(n for name, n in locked.items.items() if name != "total")
            locked.save()
            changes = {"total": locked.items["total"]}
            log.append(project_room(key), [updated(changes), NewEvent("noted", {})])
        return outcomes


@pytest.mark.usefixtures("shopping")
def test_a_host_may_log_more_than_its_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, Rounds)
    list_id, _ = make_list("erin")
    erin = User.objects.get(username="erin").pk
    first, same, late, other = updates.write(
        project_room(list_id),
        [
            UpdateRequest(erin, {"milk": 2}, idempotency_key="k"),
            UpdateRequest(erin, {"milk": 2}),
            UpdateRequest(erin, {"total": 9}, base_seq=0),
            UpdateRequest(erin, {"bread": 5}, base_seq=0),
        ],
    )
    assert ack(first) == UpdateAck(1, {"milk": 2}, duplicate=False)
    assert ack(same) == UpdateAck(1, {}, duplicate=False)
    assert error(late).details == {"seq": 3, "current": {"total": 3}}
    assert ack(other) == UpdateAck(4, {"bread": 5}, duplicate=False)
    [again] = updates.write(
        project_room(list_id), [UpdateRequest(erin, {"milk": 2}, idempotency_key="k")]
    )
    assert ack(again) == UpdateAck(1, {"milk": 2}, duplicate=True)


def test_a_conflict_tells_nothing_to_those_who_may_not_change_it(alice: User, plan: Board) -> None:
    """Whose access ends while their update waits for the lock is told no more of the plan."""
    viewer, stranger = User.objects.create_user("carol"), User.objects.create_user("mallory")
    add_member(plan, viewer, "viewer")
    rename(plan, "Secret", alice)
    for user in (viewer, stranger):
        [result] = updates.write(
            room_of(plan), [UpdateRequest(user.pk, {"title": "x"}, base_seq=0)]
        )
        assert error(result).code is ErrorCode.FORBIDDEN
        assert "Secret" not in repr(result)


def test_a_base_that_is_too_old_to_judge_is_a_conflict(
    settings: Settings, alice: User, plan: Board
) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 3}
    for number in range(5):
        updates.write(room_of(plan), [UpdateRequest(alice.pk, {"title": str(number)})])
    old, recent = updates.write(
        room_of(plan),
        [
            UpdateRequest(alice.pk, {"text": "D"}, base_seq=1),
            UpdateRequest(alice.pk, {"text": "D"}, base_seq=2),
        ],
    )
    assert error(old).code is ErrorCode.CONFLICT
    assert ack(recent).seq == 6
    Event.objects.filter(seq__lte=4).delete()
    [pruned] = updates.write(room_of(plan), [UpdateRequest(alice.pk, {"text": "E"}, 3)])
    assert error(pruned).code is ErrorCode.CONFLICT


def test_what_is_rolled_back_was_never_logged(alice: User, plan: Board) -> None:
    with transaction.atomic():
        rename(plan, "Never", alice)
        transaction.set_rollback(True)
    assert log.tail(row_of(plan), 0) == []
    rename(plan, "First", alice)
    assert [event.seq for event in log.tail(row_of(plan), 0)] == [1]


@pytest.mark.parametrize(
    "entry",
    [
        NewEvent("note", {"text": "\ud800"}),
        NewEvent("note", {"thing": object()}),
        NewEvent("member_changed", {"project_id": 1, "user_id": 1, "role": None}),
        NewEvent("task_completed", {"result": 1}),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_what_no_room_could_be_shown_is_not_logged(entry: NewEvent) -> None:
    """Once logged, no socket would get past it."""
    with pytest.raises((TypeError, ValueError)), transaction.atomic():
        log.append(project_room(1), [NewEvent("note", {"text": "fine"}), entry])
    assert not Event.objects.exists()
    assert log.heads([project_room(1)]) == {project_room(1): (0, 0)}


class BreaksOnPoison:
    """A backend whose transaction breaks where a poisoned update is among the others."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def write(self, _: RoomId, requests: list[UpdateRequest]) -> list[updates.Result]:
        self.calls += 1
        if any("poison" in request.data for request in requests):
            raise self.error
        return [UpdateAck(1, request.data, duplicate=False) for request in requests]


GOOD, POISON = UpdateRequest(1, {"title": "x"}), UpdateRequest(1, {"poison": 1})


@pytest.mark.parametrize("fault", [ZeroDivisionError, StopIteration])
async def test_an_update_that_breaks_the_transaction_breaks_only_its_own(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    host = BreaksOnPoison(fault())
    monkeypatch.setattr(updates, "write", host.write)
    async with asyncio.timeout(30):
        first, poisoned, last = await updates.write_batch(project_room(1), [GOOD, POISON, GOOD])
    assert ack(first) == ack(last)
    assert error(poisoned).code is ErrorCode.INTERNAL_ERROR


async def test_nothing_is_tried_again_where_it_may_have_been_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = BreaksOnPoison(OperationalError("server closed the connection unexpectedly"))
    monkeypatch.setattr(updates, "write", host.write)
    results = await updates.write_batch(project_room(1), [GOOD, POISON, GOOD])
    assert {error(result).code for result in results} == {ErrorCode.UNAVAILABLE}
    assert {error(result).retry_after for result in results} == {1.0}
    assert host.calls == 1


@pytest.mark.django_db(transaction=True)
async def test_what_is_committed_is_acknowledged_whatever_a_host_does_after_the_commit() -> None:
    """Written again one by one, they would undo what somebody wrote in between."""
    alice = await threads.run(User.objects.create_user, "alice")
    plan = await threads.run(make_plan, alice, "New")

    def hook() -> None:
        raise ConnectionError("The broker is away")

    def receive(**_: Any) -> None:
        transaction.on_commit(hook)

    requests = [UpdateRequest(alice.pk, {"title": title}) for title in ("One", "Two")]
    post_save.connect(receive, sender=Board)
    try:
        results = await updates.write_batch(room_of(plan), requests)
        [alone] = await updates.write_batch(
            room_of(plan), [UpdateRequest(alice.pk, {"title": "Three"})]
        )
    finally:
        post_save.disconnect(receive, sender=Board)
    assert [ack(result).seq for result in [*results, alone]] == [1, 2, 3]
    assert [event.seq for event in await threads.run(lambda: list(Event.objects.all()))] == [
        1,
        2,
        3,
    ]
