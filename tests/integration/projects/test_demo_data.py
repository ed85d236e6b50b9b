"""`manage.py demo_data` makes what is not there, and changes nothing that is."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import Settings

from projects.demo.people import PASSWORD, PEOPLE
from projects.models import Canvas, Membership, Project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def debug(settings: Settings) -> None:
    settings.DEBUG = True


def everything() -> list[object]:
    """All rows of the tables concerned."""
    models = (User, Project, Membership, Canvas)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_it_makes_people_and_a_project() -> None:
    call_command("demo_data")
    project = Project.objects.get()
    roles = Membership.objects.filter(project=project).values_list("user__username", "role")
    assert dict(roles) == {"alice": "owner", "bob": "editor", "carol": "viewer"}
    assert Canvas.objects.filter(project=project, uploaded_by__username="alice").count() == 3
    users = User.objects.order_by("username")
    assert [user.username for user in users] == list(PEOPLE)
    assert all(user.check_password(PASSWORD) for user in users)
    assert [user.username for user in users if user.is_staff or user.is_superuser] == ["alice"]


def test_a_second_time_changes_nothing() -> None:
    call_command("demo_data")
    before = everything()
    call_command("demo_data")
    assert everything() == before


@pytest.mark.parametrize("username", PEOPLE)
def test_somebody_who_is_there_already_stays_as_they_are(username: str) -> None:
    User.objects.create_user(username, password="their own", first_name="Some")
    before = User.objects.filter(username=username).values().get()
    call_command("demo_data")
    assert User.objects.filter(username=username).values().get() == before


def test_a_project_that_is_there_already_is_the_only_one() -> None:
    Project.objects.create(title="Of somebody's own")
    call_command("demo_data")
    assert Project.objects.get().title == "Of somebody's own"


def test_without_debug_it_does_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.DEBUG = False
    before = everything()
    call_command("demo_data")
    assert everything() == before
    assert "Without DEBUG" in capsys.readouterr().err
