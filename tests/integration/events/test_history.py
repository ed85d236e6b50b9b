"""A room's log over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIRequestFactory, force_authenticate

from realtime.api import EventsView
from realtime.events import log
from realtime.models import Event
from tests.boards.models import Board
from tests.harness.plans import add_member, make_plan, rename
from tests.harness.shopping import make_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def plan(alice: User) -> Board:
    """A plan with five events."""
    plan = make_plan(alice, "0")
    for number in range(1, 6):
        rename(plan, str(number), alice)
    return plan


def ask(user: User, plan_id: Any, **query: Any) -> Any:
    request = APIRequestFactory().get("/", query)
    force_authenticate(request, user)
    return EventsView.as_view()(request, plan_id=plan_id).render()


def read(user: User, plan_id: Any, **query: Any) -> Any:
    return json.loads(ask(user, plan_id, **query).content)


def page(user: User, plan_id: Any, **query: Any) -> tuple[list[int], bool]:
    answer = read(user, plan_id, **query)
    assert answer["seq"] == 5
    return [event["seq"] for event in answer["events"]], answer["complete"]


def test_an_event_is_told_whole(alice: User, plan: Board) -> None:
    answer = read(alice, plan.pk, since=4)
    [event] = answer["events"]
    assert parse_datetime(event.pop("created_at"))
    assert event == {
        "seq": 5,
        "type": "plan_updated",
        "payload": {
            "plan_id": str(plan.pk),
            "changes": {"title": "5"},
            "updated_by": str(alice.pk),
        },
        "user": {"id": alice.pk, "username": "alice"},
    }


def test_what_an_event_replaced_is_told_where_the_view_shows_it(alice: User, plan: Board) -> None:
    request = APIRequestFactory().get("/", {"since": 0})
    force_authenticate(request, alice)
    view = EventsView.as_view(shows_before=True)
    events = json.loads(view(request, plan_id=plan.pk).render().content)["events"]
    assert [event["before"] for event in events] == [{"title": f"{n}"} for n in range(5)]
    # It counts against the size of a page, as it is sent.
    Event.objects.filter(seq__in=(2, 4)).update(before={"title": "x" * log.MAX_READ})
    first = json.loads(view(request, plan_id=plan.pk).render().content)["events"]
    assert [event["seq"] for event in first] == [1]


def test_pages(alice: User, plan: Board) -> None:
    assert page(alice, plan.pk) == ([1, 2, 3, 4, 5], True)
    assert page(alice, plan.pk, limit=2) == ([4, 5], True)
    assert page(alice, plan.pk, since=0, limit=2) == ([1, 2], True)
    assert page(alice, plan.pk, since=2, limit=2) == ([3, 4], True)
    assert page(alice, plan.pk, since=5) == ([], True)
    assert page(alice, plan.pk, since=6) == ([], False)  # the log never came that far


def test_what_was_pruned_is_told(alice: User, plan: Board) -> None:
    old = timezone.now() - timedelta(days=40)
    Event.objects.filter(seq__lte=2).update(created_at=old)
    call_command("prune_events", days=30)
    assert page(alice, plan.pk, since=0) == ([3, 4, 5], False)
    assert page(alice, plan.pk, since=1) == ([3, 4, 5], False)
    assert page(alice, plan.pk, since=2) == ([3, 4, 5], True)
    assert page(alice, plan.pk, limit=3) == ([3, 4, 5], True)
    assert page(alice, plan.pk) == ([3, 4, 5], False)
    Event.objects.all().delete()
    assert page(alice, plan.pk, since=4) == ([], False)
    assert page(alice, plan.pk, since=5) == ([], True)


def test_an_event_without_a_user(alice: User, plan: Board) -> None:
    alice.delete()
    bob = User.objects.create_user("bob")
    add_member(plan, bob, "editor")
    assert {event["user"] for event in read(bob, plan.pk)["events"]} == {None}


def test_strangers_get_what_is_said_of_no_room(plan: Board) -> None:
    dave = User.objects.create_user("dave")
    hidden, missing = ask(dave, plan.pk), ask(dave, uuid4())
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content == missing.content
    assert ask(dave, 2**64).status_code == 404
    assert ask(dave, plan.pk, since="x").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [("since", "-1"), ("since", "x"), ("since", 2**63), ("limit", "0"), ("limit", "1001")],
)
def test_a_wrong_parameter_is_named(alice: User, plan: Board, name: str, value: Any) -> None:
    answer = ask(alice, plan.pk, **{name: value})
    assert answer.status_code == 400
    assert answer.data.keys() == {name}


def test_it_asks_the_backend_alone(shopping: None) -> None:
    """Another host routes the same view."""
    list_id, _ = make_list("erin")
    request = APIRequestFactory().get("/")
    force_authenticate(request, User.objects.get(username="erin"))
    assert EventsView.as_view()(request, project_id=list_id).data["events"] == []
