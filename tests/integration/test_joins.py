"""What a client is told when it joins, and when it comes back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from projects import services
from projects.models import Project
from projects.realtime import ProjectBackend
from realtime import hints, joins, log
from realtime.backend import Access
from realtime.joins import JoinRequest, View
from realtime.models import Event, TaskState
from realtime.protocol import ErrorCode, ProtocolError

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
    [view] = joins.read(project.pk, [JoinRequest(user.pk, since)])
    assert isinstance(view, View)
    assert (view.seq, view.project["title"]) == (4, "4")
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


def test_a_clock_that_is_wrong_leaves_no_hole(project: Project) -> None:
    """Events are stamped by the server that writes them, and clocks differ."""
    Event.objects.filter(seq__in=[1, 3]).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert [event.seq for event in log.tail(project.pk, 0)] == [4]


def test_pruning_keeps_the_tasks_that_run(project: Project) -> None:
    for state in TaskState.State:
        TaskState.objects.create(task_id=state, project_id=project.pk, task_type="t", state=state)
    TaskState.objects.update(updated_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    assert set(TaskState.objects.values_list("state", flat=True)) == {"queued", "running"}


def test_a_replay_is_bounded_in_events(settings: Settings, alice: User, project: Project) -> None:
    settings.REALTIME = settings.REALTIME | {"REPLAY_LIMIT": 2}
    assert missed(project, alice, 1) is None
    assert missed(project, alice, 2) == [3, 4]


def test_a_replay_is_bounded_in_bytes(settings: Settings, alice: User, project: Project) -> None:
    """What does not fit into a socket's unsent bytes would close it, again and again."""
    size = len(hints.from_event(log.tail(project.pk, 3)[0]).text)
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 2 * 2 * size}
    assert missed(project, alice, 1) is None
    assert missed(project, alice, 2) == [3, 4]


def test_strangers_and_members_are_told_apart_in_one_reading(alice: User, project: Project) -> None:
    dave = User.objects.create_user("dave")
    view, refusal = joins.read(project.pk, [JoinRequest(alice.pk, None), JoinRequest(dave.pk, 0)])
    assert isinstance(view, View)
    assert view.role == "owner"
    assert isinstance(refusal, ProtocolError)
    assert refusal.code is ErrorCode.PROJECT_NOT_FOUND


def test_whose_access_ends_while_they_join_is_not_let_in_behind_it(
    alice: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either they get no view, or one from before the event that puts them out."""
    bob = User.objects.create_user("bob")
    project.memberships.create(user=bob, role="editor")
    read_access = ProjectBackend.access

    def revoke_after_reading(
        self: ProjectBackend, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        access = read_access(self, project_ids, user_ids)
        if (project.pk, bob.pk) in access:
            services.set_role(project_id=project.pk, user_id=bob.pk, role=None, actor_id=alice.pk)
        return access

    monkeypatch.setattr(ProjectBackend, "access", revoke_after_reading)
    results: list[Any] = joins.read(
        project.pk, [JoinRequest(bob.pk, None), JoinRequest(alice.pk, None)]
    )
    assert isinstance(results[0], ProtocolError) or results[0].seq < 5
    assert log.tail(project.pk, 4)[0].type == "member_changed"
