"""What a client is told when it joins, and when it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from realtime.events import log, publication
from realtime.live import joins
from realtime.live.joins import JoinRequest, View
from realtime.models import Event, TaskState
from realtime.protocol.errors import ProtocolError
from realtime.protocol.room_id import RoomId
from realtime.rooms import Access
from tests.boards.models import Board, Membership
from tests.boards.rooms import BoardRoom
from tests.harness.plans import add_member, make_plan, rename, room_of, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def plan(alice: User) -> Board:
    """A plan with four events."""
    plan = make_plan(alice, "0")
    for number in range(1, 5):
        rename(plan, str(number))
    return plan


def missed(plan: Board, user: User, since: int | None) -> list[int] | None:
    [view] = joins.read([JoinRequest(room_of(plan), user.pk, since)])
    assert isinstance(view, View)
    assert (view.seq, view.state["title"]) == (4, "4")
    return None if view.missed is None else [event.seq for event in view.missed]


def test_what_came_after_since_is_replayed_whole(alice: User, plan: Board) -> None:
    assert missed(plan, alice, None) is None
    assert missed(plan, alice, 0) == [1, 2, 3, 4]
    assert missed(plan, alice, 3) == [4]
    assert missed(plan, alice, 4) == []
    assert missed(plan, alice, 5) is None, "a position that the log never had"


def test_what_was_pruned_is_not_replayed_in_part(alice: User, plan: Board) -> None:
    Event.objects.filter(seq=2).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert missed(plan, alice, 0) is None
    assert missed(plan, alice, 1) is None
    assert missed(plan, alice, 2) == [3, 4]


def test_a_clock_that_is_wrong_leaves_no_gap(plan: Board) -> None:
    """Events are stamped by the server that writes them, and clocks differ."""
    Event.objects.filter(seq__in=[1, 3]).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert [event.seq for event in log.tail(row(plan), 0)] == [4]


def test_pruning_keeps_the_tasks_that_run(plan: Board) -> None:
    for state in TaskState.State:
        TaskState.objects.create(task_id=state, room_id=row(plan), task_type="t", state=state)
    TaskState.objects.update(updated_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert set(TaskState.objects.values_list("state", flat=True)) == set(TaskState.OPEN)


def test_a_replay_is_bounded_in_events(settings: Settings, alice: User, plan: Board) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 2}
    assert missed(plan, alice, 1) is None
    assert missed(plan, alice, 2) == [3, 4]


def test_a_replay_is_bounded_in_bytes(settings: Settings, alice: User, plan: Board) -> None:
    """What does not fit into a socket's unsent bytes would close it, again and again."""
    size = len(publication.from_event(log.tail(row(plan), 3)[0], room_of(plan)).text)
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 2 * 2 * size}
    assert missed(plan, alice, 1) is None
    assert missed(plan, alice, 2) == [3, 4]


def test_strangers_and_members_are_told_apart_in_one_reading(alice: User, plan: Board) -> None:
    dave = User.objects.create_user("dave")
    view, refusal = joins.read(
        [
            JoinRequest(room_of(plan), alice.pk),
            JoinRequest(room_of(plan), dave.pk, 0),
        ]
    )
    assert isinstance(view, View)
    assert view.role == "owner"
    assert isinstance(refusal, ProtocolError)
    assert refusal.code == "PLAN_NOT_FOUND"


def test_whose_access_ends_while_they_join_is_not_let_in_behind_it(
    alice: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either they get no view, or one from before the event that puts them out."""
    bob = User.objects.create_user("bob")
    add_member(plan, bob, "editor")
    read_access = BoardRoom.access

    def revoke_after_reading(
        self: BoardRoom, keys: Collection[Any], user_ids: Collection[Any]
    ) -> Mapping[tuple[Any, Any], Access]:
        access = read_access(self, keys, user_ids)
        Membership.objects.filter(board=plan, user=bob).delete()
        return access

    monkeypatch.setattr(BoardRoom, "access", revoke_after_reading)
    results: list[Any] = joins.read(
        [
            JoinRequest(room_of(plan), bob.pk),
            JoinRequest(room_of(plan), alice.pk),
        ]
    )
    assert isinstance(results[0], ProtocolError) or results[0].seq < 5
    assert log.tail(row(plan), 4)[0].type == "member_changed"


# --- several plans in one reading


@pytest.fixture
def others(alice: User) -> list[Board]:
    """Two more plans of alice's; with two events, and with none."""
    two = make_plan(alice, "other 0")
    for number in (1, 2):
        rename(two, f"other {number}")
    return [two, make_plan(alice, "new")]


class Meanwhile:
    """Does something between the reading of the states and what follows, and notes what was read.

    With `rounds`, so many times.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], rounds: int = 1
    ) -> None:
        self.action = action
        self.rounds = rounds
        self.looks: list[set[Any]] = []
        read = BoardRoom.snapshots

        def snapshots(host: BoardRoom, keys: Collection[Any]) -> Mapping[Any, Any]:
            self.looks.append(set(keys))
            found = read(host, keys)
            if len(self.looks) <= self.rounds:
                self.action()
            return found

        monkeypatch.setattr(BoardRoom, "snapshots", snapshots)


def seqs(answer: joins.Answer) -> list[int] | None:
    assert isinstance(answer, View)
    return None if answer.missed is None else [event.seq for event in answer.missed]


def summary(answer: joins.Answer) -> Any:
    if isinstance(answer, View):
        return answer.seq, answer.role, answer.state["title"]
    return answer and answer.code


def test_each_of_several_plans_is_answered_for_itself(
    alice: User, plan: Board, others: list[Board]
) -> None:
    bob = User.objects.create_user("bob")
    add_member(others[0], bob, "viewer")
    answers = joins.read(
        [
            JoinRequest(room_of(plan), alice.pk),
            JoinRequest(RoomId.of("plan", uuid4()), alice.pk),
            JoinRequest(room_of(others[0]), bob.pk),
            JoinRequest(room_of(plan), bob.pk),
            JoinRequest(room_of(others[1]), alice.pk, 0),
            JoinRequest(RoomId.of("plan", uuid4()), bob.pk, 5),
        ]
    )
    assert list(map(summary, answers)) == [
        (4, "owner", "4"),
        "PLAN_NOT_FOUND",
        (2, "viewer", "other 2"),
        "PLAN_NOT_FOUND",
        (0, "owner", "new"),
        "PLAN_NOT_FOUND",
    ]


def test_many_plans_take_no_more_queries_than_one(
    alice: User, plan: Board, others: list[Board], django_assert_num_queries: Any
) -> None:
    # Access, heads twice, tasks, replays; and of the state the plan, its labels and its cards.
    for plans in ([plan], [plan, *others]):
        with django_assert_num_queries(8):
            joins.read([JoinRequest(room_of(each), alice.pk, 0) for each in plans])


def test_running_tasks_are_told_of_their_own_plan(
    alice: User, plan: Board, others: list[Board]
) -> None:
    for number, owner in enumerate([plan, others[0], plan]):
        fields: Any = {"task_type": "t", "state": "running", "progress": number, "message": "m"}
        TaskState.objects.create(task_id=str(number), room_id=row(owner), **fields)
    views = joins.read([JoinRequest(room_of(each), alice.pk) for each in (plan, *others)])
    tasks = [[task.task_id for task in view.tasks] for view in views if isinstance(view, View)]
    assert tasks == [["0", "2"], ["1"], []]


def test_one_plan_is_deleted_while_all_are_read(
    alice: User, plan: Board, others: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has said so by then: whoever joined before it is put out by that event."""
    pk = others[0].pk
    look = Meanwhile(monkeypatch, others[0].delete)
    first, gone, last = joins.read(
        [JoinRequest(room_of(each), alice.pk) for each in (plan, *others)]
    )
    assert [summary(first), summary(last)] == [(4, "owner", "4"), (0, "owner", "new")]
    assert summary(gone) == "PLAN_NOT_FOUND"
    assert look.looks == [{plan.pk, pk, others[1].pk}], "nobody is left to ask about"


def test_only_a_plan_that_moves_is_looked_at_again(
    alice: User, plan: Board, others: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Meanwhile(monkeypatch, lambda: rename(plan, "5"))
    moved, other = joins.read(
        [
            JoinRequest(room_of(plan), alice.pk, 2),
            JoinRequest(room_of(others[0]), alice.pk, 1),
        ]
    )
    assert [summary(moved), summary(other)] == [(5, "owner", "5"), (2, "owner", "other 2")]
    assert [seqs(moved), seqs(other)] == [[3, 4, 5], [2]]
    assert look.looks == [{plan.pk, others[0].pk}, {plan.pk}]


def test_a_plan_that_keeps_moving_is_told_at_the_earlier_position(
    alice: User, plan: Board, others: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = iter("56789")
    Meanwhile(monkeypatch, lambda: rename(plan, next(titles)), rounds=5)
    moving, other = joins.read(
        [
            JoinRequest(room_of(plan), alice.pk, 4),
            JoinRequest(room_of(others[0]), alice.pk),
        ]
    )
    assert [summary(moving), summary(other)] == [(6, "owner", "6"), (2, "owner", "other 2")]
    assert seqs(moving) == [5, 6], "and what came after the position is for the room to bring"


def test_each_plan_is_replayed_from_where_its_clients_were(
    settings: Settings, alice: User, plan: Board, others: list[Board]
) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 3}
    wanted = [
        (plan, 1, [2, 3, 4]),
        (others[0], 0, [1, 2]),
        (plan, 4, []),
        (others[1], 0, []),
        (plan, 0, None),
        (others[0], 2, []),
        (plan, 3, [4]),
        (others[0], None, None),
        (others[1], 1, None),
    ]
    answers = joins.read([JoinRequest(room_of(each), alice.pk, since) for each, since, _ in wanted])
    assert [seqs(answer) for answer in answers] == [expected for _, _, expected in wanted]
    for answer, (each, _, _) in zip(answers, wanted, strict=True):
        assert isinstance(answer, View)
        for event in answer.missed or []:
            assert json.loads(event.text)["payload"]["plan_id"] == str(each.pk)


def test_more_replays_than_go_together_wait_for_the_next_reading(
    alice: User, plan: Board, others: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "MAX_REPLAYED", 3)
    first, second, without = joins.read(
        [
            JoinRequest(room_of(plan), alice.pk, 0),  # four: but the first always goes
            JoinRequest(room_of(others[0]), alice.pk, 0),
            JoinRequest(room_of(others[0]), alice.pk),
        ]
    )
    assert seqs(first) == [1, 2, 3, 4]
    assert second is None
    assert summary(without) == (2, "owner", "other 2")


def test_a_plan_that_cannot_be_read_spoils_no_other_join(
    alice: User, plan: Board, others: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = BoardRoom.snapshots

    def snapshots(host: BoardRoom, keys: Collection[Any]) -> Mapping[Any, Any]:
        if plan.pk in keys:
            raise ValueError("a bug of the host")
        return read(host, keys)

    monkeypatch.setattr(BoardRoom, "snapshots", snapshots)
    answers = joins.read(
        [JoinRequest(room_of(each), alice.pk, 0) for each in (others[0], plan, others[1], plan)]
    )
    assert list(map(summary, answers)) == [
        (2, "owner", "other 2"),
        "INTERNAL_ERROR",
        (0, "owner", "new"),
        "INTERNAL_ERROR",
    ]
