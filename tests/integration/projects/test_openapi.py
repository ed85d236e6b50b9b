"""The REST API under fire, as its OpenAPI schema describes it: schemathesis, in process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.urls import reverse
from hypothesis import HealthCheck, settings
from rest_framework_simplejwt.tokens import AccessToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from projects import services
from projects.models import Role
from projects.services import staff

schema = schemathesis.openapi.from_wsgi(reverse("schema"), get_wsgi_application())


@dataclass
class Existing:
    """A user with a project, a member and a canvas, so that what is tried can meet something."""

    token: str
    ids: dict[str, int]
    """By the name of the path parameter."""


@pytest.fixture
def existing(transactional_db: None) -> Existing:
    alice, bob = [User.objects.create_user(name) for name in ("alice", "bob")]
    project = services.create_project(user=alice, data={"title": "A project"})
    staff.update_member(project_id=project.pk, user_id=bob.pk, role=Role.EDITOR, actor_id=None)
    ids = {"id": project.pk, "project_id": project.pk, "user_id": bob.pk}
    return Existing(str(AccessToken.for_user(alice)), ids)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_any_request_is_answered_as_the_schema_says(case: Any, existing: Existing) -> None:
    answer_fits(case, existing.token)
    if known := existing.ids.keys() & case.path_parameters.keys():
        case.path_parameters |= {name: existing.ids[name] for name in known}
        answer_fits(case, existing.token)


def answer_fits(case: Any, token: str) -> None:
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ],
    )
