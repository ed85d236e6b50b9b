"""Mistakes in the arguments of `manage.py watch_room`."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from projects import services

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["project:{id}", "--user=nobody"], "There is no user 'nobody'"),
        (["project:999999", "--user=alice"], "Project 999999 does not exist"),
        (["project:{id}", "--user=dave"], "dave may not see project"),
        (["1", "--user=alice"], "1 names no room: give kind:key, of .*project"),
        (["project:{id}"], "--user"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str) -> None:
    alice, _ = (User.objects.create_user(name) for name in ("alice", "dave"))
    project = services.create_project(user=alice, data={"title": "Watched"})
    with pytest.raises(CommandError, match=message):
        call_command("watch_room", *(each.format(id=project.pk) for each in arguments))
