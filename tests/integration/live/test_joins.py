"""What a client is told when it joins, and when it comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from projects import services
from projects.models import Project
from projects.rooms import ProjectRoom
from projects.services import staff
from realtime.events import log, publication
from realtime.live import joins
from realtime.live.joins import JoinRequest, View
from realtime.models import Event, TaskState
from realtime.protocol.errors import ProtocolError
from realtime.protocol.room_id import RoomId
from realtime.rooms import Access
from tests.harness.rooms import project as project_room
from tests.harness.rooms import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    """A project with four events."""
    project = services.create_project(user=alice, data={"title": "0"})
    for number in range(1, 5):
        services.update_project(user=alice, project_id=project.pk, data={"title": str(number)})
    return project


def missed(project: Project, user: User, since: int | None) -> list[int] | None:
    [view] = joins.read([JoinRequest(project_room(project.pk), user.pk, since)])
    assert isinstance(view, View)
    assert (view.seq, view.state["title"]) == (4, "4")
    return None if view.missed is None else [hint.seq for hint in view.missed]


def test_what_came_after_since_is_replayed_whole(alice: User, project: Project) -> None:
    assert missed(project, alice, None) is None
    assert missed(project, alice, 0) == [1, 2, 3, 4]
    assert missed(project, alice, 3) == [4]
    assert missed(project, alice, 4) == []
    assert missed(project, alice, 5) is None, "a position that the log never had"


def test_what_was_pruned_is_not_replayed_in_part(alice: User, project: Project) -> None:
    Event.objects.filter(seq=2).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert missed(project, alice, 0) is None
    assert missed(project, alice, 1) is None
    assert missed(project, alice, 2) == [3, 4]


def test_a_clock_that_is_wrong_leaves_no_gap(project: Project) -> None:
    """Events are stamped by the server that writes them, and clocks differ."""
    Event.objects.filter(seq__in=[1, 3]).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert [event.seq for event in log.tail(row(project.pk), 0)] == [4]


def test_pruning_keeps_the_tasks_that_run(project: Project) -> None:
    for state in TaskState.State:
        TaskState.objects.create(task_id=state, room_id=row(project.pk), task_type="t", state=state)
    TaskState.objects.update(updated_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert set(TaskState.objects.values_list("state", flat=True)) == set(TaskState.OPEN)


def test_a_replay_is_bounded_in_events(settings: Settings, alice: User, project: Project) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 2}
    assert missed(project, alice, 1) is None
    assert missed(project, alice, 2) == [3, 4]


def test_a_replay_is_bounded_in_bytes(settings: Settings, alice: User, project: Project) -> None:
    """What does not fit into a socket's unsent bytes would close it, again and again."""
    size = len(
        publication.from_event(log.tail(row(project.pk), 3)[0], project_room(project.pk)).text
    )
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 2 * 2 * size}
    assert missed(project, alice, 1) is None
    assert missed(project, alice, 2) == [3, 4]


def test_strangers_and_members_are_told_apart_in_one_reading(alice: User, project: Project) -> None:
    dave = User.objects.create_user("dave")
    view, refusal = joins.read(
        [
            JoinRequest(project_room(project.pk), alice.pk),
            JoinRequest(project_room(project.pk), dave.pk, 0),
        ]
    )
    assert isinstance(view, View)
    assert view.role == "owner"
    assert isinstance(refusal, ProtocolError)
    assert refusal.code == "PROJECT_NOT_FOUND"


def test_whose_access_ends_while_they_join_is_not_let_in_behind_it(
    alice: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either they get no view, or one from before the event that puts them out."""
    bob = User.objects.create_user("bob")
    project.memberships.create(user=bob, role="editor")
    read_access = ProjectRoom.access

    def revoke_after_reading(
        self: ProjectRoom, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        access = read_access(self, project_ids, user_ids)
        if (project.pk, bob.pk) in access:
            staff.update_member(project_id=project.pk, user_id=bob.pk, role=None, actor_id=alice.pk)
        return access

    monkeypatch.setattr(ProjectRoom, "access", revoke_after_reading)
    results: list[Any] = joins.read(
        [
            JoinRequest(project_room(project.pk), bob.pk),
            JoinRequest(project_room(project.pk), alice.pk),
        ]
    )
    assert isinstance(results[0], ProtocolError) or results[0].seq < 5
    assert log.tail(row(project.pk), 4)[0].type == "member_changed"


# --- several projects in one reading


@pytest.fixture
def others(alice: User) -> list[Project]:
    """Two more projects of alice's; with two events, and with none."""
    two = services.create_project(user=alice, data={"title": "other 0"})
    for number in (1, 2):
        data = {"title": f"other {number}"}
        services.update_project(user=alice, project_id=two.pk, data=data)
    return [two, services.create_project(user=alice, data={"title": "new"})]


class Meanwhile:
    """Does something between the reading of the states and what follows, and notes what was read.

    With `rounds`, so many times.
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], rounds: int = 1
    ) -> None:
        self.action = action
        self.rounds = rounds
        self.looks: list[set[int]] = []
        read = ProjectRoom.snapshots

        def snapshots(host: ProjectRoom, project_ids: Collection[int]) -> dict[int, Any]:
            self.looks.append(set(project_ids))
            found = read(host, project_ids)
            if len(self.looks) <= self.rounds:
                self.action()
            return found

        monkeypatch.setattr(ProjectRoom, "snapshots", snapshots)


def seqs(answer: joins.Answer) -> list[int] | None:
    assert isinstance(answer, View)
    return None if answer.missed is None else [hint.seq for hint in answer.missed]


def summary(answer: joins.Answer) -> Any:
    if isinstance(answer, View):
        return answer.seq, answer.role, answer.state["title"]
    return answer and answer.code


def test_each_of_several_projects_is_answered_for_itself(
    alice: User, project: Project, others: list[Project]
) -> None:
    bob = User.objects.create_user("bob")
    others[0].memberships.create(user=bob, role="viewer")
    answers = joins.read(
        [
            JoinRequest(project_room(project.pk), alice.pk),
            JoinRequest(project_room(10**9), alice.pk),
            JoinRequest(project_room(others[0].pk), bob.pk),
            JoinRequest(project_room(project.pk), bob.pk),
            JoinRequest(project_room(others[1].pk), alice.pk, 0),
            JoinRequest(RoomId.of("project", 2**63 - 1), bob.pk, 5),
        ]
    )
    assert list(map(summary, answers)) == [
        (4, "owner", "4"),
        "PROJECT_NOT_FOUND",
        (2, "viewer", "other 2"),
        "PROJECT_NOT_FOUND",
        (0, "owner", "new"),
        "PROJECT_NOT_FOUND",
    ]


def test_many_projects_take_no_more_queries_than_one(
    alice: User, project: Project, others: list[Project], django_assert_num_queries: Any
) -> None:
    for projects in ([project], [project, *others]):
        with django_assert_num_queries(6):
            joins.read([JoinRequest(project_room(each.pk), alice.pk, 0) for each in projects])


def test_running_tasks_are_told_of_their_own_project(
    alice: User, project: Project, others: list[Project]
) -> None:
    for number, owner in enumerate([project, others[0], project]):
        fields: Any = {"task_type": "t", "state": "running", "progress": number, "message": "m"}
        TaskState.objects.create(task_id=str(number), room_id=row(owner.pk), **fields)
    views = joins.read(
        [JoinRequest(project_room(each.pk), alice.pk) for each in (project, *others)]
    )
    tasks = [[task.task_id for task in view.tasks] for view in views if isinstance(view, View)]
    assert tasks == [["0", "2"], ["1"], []]


def test_one_project_is_deleted_while_all_are_read(
    alice: User, project: Project, others: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has said so by then: whoever joined before it is put out by that event."""
    pk = others[0].pk
    look = Meanwhile(monkeypatch, lambda: services.delete_project(user=alice, project_id=pk))
    first, gone, last = joins.read(
        [JoinRequest(project_room(each.pk), alice.pk) for each in (project, *others)]
    )
    assert [summary(first), summary(last)] == [(4, "owner", "4"), (0, "owner", "new")]
    assert summary(gone) == "PROJECT_NOT_FOUND"
    assert look.looks == [{project.pk, others[0].pk, others[1].pk}], "nobody is left to ask about"


def test_only_a_project_that_moves_is_looked_at_again(
    alice: User, project: Project, others: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    def update() -> None:
        services.update_project(user=alice, project_id=project.pk, data={"title": "5"})

    look = Meanwhile(monkeypatch, update)
    moved, other = joins.read(
        [
            JoinRequest(project_room(project.pk), alice.pk, 2),
            JoinRequest(project_room(others[0].pk), alice.pk, 1),
        ]
    )
    assert [summary(moved), summary(other)] == [(5, "owner", "5"), (2, "owner", "other 2")]
    assert [seqs(moved), seqs(other)] == [[3, 4, 5], [2]]
    assert look.looks == [{project.pk, others[0].pk}, {project.pk}]


def test_a_project_that_keeps_moving_is_told_at_the_earlier_position(
    alice: User, project: Project, others: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = iter("56789")

    def update() -> None:
        data = {"title": next(titles)}
        services.update_project(user=alice, project_id=project.pk, data=data)

    Meanwhile(monkeypatch, update, rounds=5)
    moving, other = joins.read(
        [
            JoinRequest(project_room(project.pk), alice.pk, 4),
            JoinRequest(project_room(others[0].pk), alice.pk),
        ]
    )
    assert [summary(moving), summary(other)] == [(6, "owner", "6"), (2, "owner", "other 2")]
    assert seqs(moving) == [5, 6], "and what came after the position is for the room to bring"


def test_each_project_is_replayed_from_where_its_clients_were(
    settings: Settings, alice: User, project: Project, others: list[Project]
) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 3}
    wanted = [
        (project, 1, [2, 3, 4]),
        (others[0], 0, [1, 2]),
        (project, 4, []),
        (others[1], 0, []),
        (project, 0, None),
        (others[0], 2, []),
        (project, 3, [4]),
        (others[0], None, None),
        (others[1], 1, None),
    ]
    answers = joins.read(
        [JoinRequest(project_room(each.pk), alice.pk, since) for each, since, _ in wanted]
    )
    assert [seqs(answer) for answer in answers] == [expected for _, _, expected in wanted]
    for answer, (each, _, _) in zip(answers, wanted, strict=True):
        assert isinstance(answer, View)
        for hint in answer.missed or []:
            assert json.loads(hint.text)["payload"]["project_id"] == each.pk


def test_more_replays_than_go_together_wait_for_the_next_reading(
    alice: User, project: Project, others: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "_MAX_REPLAYED", 3)
    first, second, without = joins.read(
        [
            JoinRequest(project_room(project.pk), alice.pk, 0),  # four: but the first always goes
            JoinRequest(project_room(others[0].pk), alice.pk, 0),
            JoinRequest(project_room(others[0].pk), alice.pk),
        ]
    )
    assert seqs(first) == [1, 2, 3, 4]
    assert second is None
    assert summary(without) == (2, "owner", "other 2")


def test_a_project_that_cannot_be_read_spoils_no_other_join(
    alice: User, project: Project, others: list[Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ProjectRoom.snapshots

    def snapshots(host: ProjectRoom, project_ids: Collection[int]) -> dict[int, Any]:
        if project.pk in project_ids:
            raise ValueError("a bug of the host")
        return read(host, project_ids)

    monkeypatch.setattr(ProjectRoom, "snapshots", snapshots)
    answers = joins.read(
        [
            JoinRequest(project_room(each.pk), alice.pk, 0)
            for each in (others[0], project, others[1], project)
        ]
    )
    assert list(map(summary, answers)) == [
        (2, "owner", "other 2"),
        "INTERNAL_ERROR",
        (0, "owner", "new"),
        "INTERNAL_ERROR",
    ]
