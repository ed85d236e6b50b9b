"""A project's log over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from projects import services
from projects.models import Project
from realtime.api import EventsView
from realtime.models import Event
from tests.harness.shopping import make_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    """A project with five events."""
    project = services.create_project(user=alice, data={"title": "0"})
    for number in range(1, 6):
        services.update_project(user=alice, project_id=project.pk, data={"title": str(number)})
    return project


def ask(user: User, project_id: int, **query: Any) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    return client.get(f"/api/projects/{project_id}/events/", query)


def page(user: User, project_id: int, **query: Any) -> tuple[list[int], bool]:
    answer = ask(user, project_id, **query).json()
    assert answer["seq"] == 5
    return [event["seq"] for event in answer["events"]], answer["complete"]


def test_an_event_is_told_whole(alice: User, project: Project) -> None:
    answer = ask(alice, project.pk, since=4).json()
    [event] = answer["events"]
    assert parse_datetime(event.pop("created_at"))
    assert event == {
        "seq": 5,
        "type": "project_updated",
        "payload": {
            "project_id": project.pk,
            "changes": {"title": "5"},
            "updated_by": str(alice.pk),
        },
        "user": {"id": alice.pk, "username": "alice"},
    }


def test_pages(alice: User, project: Project) -> None:
    assert page(alice, project.pk) == ([1, 2, 3, 4, 5], True)
    assert page(alice, project.pk, limit=2) == ([4, 5], True)
    assert page(alice, project.pk, since=0, limit=2) == ([1, 2], True)
    assert page(alice, project.pk, since=2, limit=2) == ([3, 4], True)
    assert page(alice, project.pk, since=5) == ([], True)
    assert page(alice, project.pk, since=6) == ([], False)  # the log never came that far


def test_what_was_pruned_is_told(alice: User, project: Project) -> None:
    old = timezone.now() - timedelta(days=40)
    Event.objects.filter(seq__lte=2).update(created_at=old)
    call_command("prune_events", days=30)
    assert page(alice, project.pk, since=0) == ([3, 4, 5], False)
    assert page(alice, project.pk, since=1) == ([3, 4, 5], False)
    assert page(alice, project.pk, since=2) == ([3, 4, 5], True)
    assert page(alice, project.pk, limit=3) == ([3, 4, 5], True)
    assert page(alice, project.pk) == ([3, 4, 5], False)
    Event.objects.all().delete()
    assert page(alice, project.pk, since=4) == ([], False)
    assert page(alice, project.pk, since=5) == ([], True)


def test_an_event_without_a_user(alice: User, project: Project) -> None:
    alice.delete()
    bob = User.objects.create_user("bob")
    project.memberships.create(user=bob)
    assert {event["user"] for event in ask(bob, project.pk).json()["events"]} == {None}


def test_strangers_get_what_is_said_of_no_project(project: Project) -> None:
    dave = User.objects.create_user("dave")
    hidden, missing = ask(dave, project.pk), ask(dave, project.pk + 1)
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content == missing.content
    assert ask(dave, 2**64).status_code == 404
    assert ask(dave, project.pk, since="x").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [("since", "-1"), ("since", "x"), ("since", 2**63), ("limit", "0"), ("limit", "1001")],
)
def test_a_wrong_parameter_is_named(alice: User, project: Project, name: str, value: Any) -> None:
    answer = ask(alice, project.pk, **{name: value})
    assert answer.status_code == 400
    assert answer.json().keys() == {name}


def test_it_asks_the_backend_alone(shopping: None) -> None:
    """Another host routes the same view."""
    list_id, _ = make_list("erin")
    request = APIRequestFactory().get("/")
    force_authenticate(request, User.objects.get(username="erin"))
    assert EventsView.as_view()(request, project_id=list_id).data["events"] == []
