"""Several people in the description of a project, over the socket, REST and the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from projects import services
from projects.models import Project
from projects.services import staff
from projects.validation import MAX_DESCRIPTION
from realtime.events import log
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.protocol.errors import ErrorCode, ProtocolError
from tests.harness.rooms import project as room_of
from tests.harness.rooms import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    return services.create_project(user=alice, data={"title": "New", "description": "One. Two."})


def write(project: Project, user: User, *operation: tuple[int, int, str]) -> Any:
    request = UpdateRequest(user.pk, {}, 0, operations={"description": operation})
    [result] = updates.write(room_of(project.pk), [request])
    return result


def by_rest(project: Project, alice: User, description: str) -> None:
    client = APIClient()
    client.force_authenticate(alice)
    reply = client.patch(
        f"/api/projects/{project.pk}/", {"description": description}, format="json"
    )
    assert reply.status_code == 200, reply.content


def by_staff(project: Project, alice: User, description: str) -> None:
    staff.update_project(user=alice, project_id=project.pk, data={"description": description})


@pytest.mark.parametrize("edit", [by_rest, by_staff])
def test_a_description_saved_whole_wipes_out_nothing_of_those_who_type(
    project: Project, alice: User, edit: Any
) -> None:
    edit(project, alice, "The one. Two.")
    result = write(project, alice, (9, 0, " Three."))
    assert result.changes == {"description": [[13, 0, " Three."]]}
    project.refresh_from_db()
    assert project.description == "The one. Two. Three."
    assert [event.operations for event in log.tail(row(project.pk), 0)] == [
        {"description": [[0, 3, "The one"]]},
        {"description": [[13, 0, " Three."]]},
    ]


def test_an_operation_is_held_to_the_rules_of_the_field(project: Project, alice: User) -> None:
    for operation in ((0, 0, "x" * MAX_DESCRIPTION), (10, 0, "x")):
        result = write(project, alice, operation)
        assert isinstance(result, ProtocolError)
        assert result.code is ErrorCode.VALIDATION_ERROR
        assert result.details.keys() == {"description"}
    project.refresh_from_db()
    assert project.description == "One. Two."
    assert log.tail(row(project.pk), 0) == []
