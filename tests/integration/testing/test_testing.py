"""`realtime.testing`: clients in a host's own tests, in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from projects.models import Membership, Project, Role
from realtime.testing import RealtimeClient, RealtimeTestMixin
from realtime.testing.client import Closed

Connect = Callable[..., RealtimeClient]


def new_project() -> tuple[Project, User, User]:
    alice, bob = [User.objects.create_user(name) for name in ("alice", "bob")]
    project = services.create_project(user=alice, data={"title": "Plans"})
    services.add_member(user=alice, project_id=project.pk, member=bob, role=Role.EDITOR)
    return project, alice, bob


@pytest.fixture(
    params=[
        pytest.param("rolled back", marks=pytest.mark.django_db),
        pytest.param("committed", marks=pytest.mark.django_db(transaction=True)),
    ]
)
def isolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_clients_see_the_rows_of_the_test_and_each_other(
    isolation: str, realtime_client: Connect
) -> None:
    assert connection.in_atomic_block is (isolation == "rolled back")
    project, alice, bob = new_project()
    first, second = realtime_client(alice), realtime_client(bob)
    assert first.join(project)["project"]["title"] == "Plans"
    members = second.join(project)["members"]
    assert {member["username"] for member in members} == {"alice", "bob"}
    assert first.receive("user_joined")["payload"]["username"] == "alice"
    assert first.receive("user_joined")["payload"]["username"] == "bob"

    first.update(project, {"title": "By alice"})
    assert second.receive("project_updated")["payload"]["changes"] == {"title": "By alice"}
    project.refresh_from_db()
    assert project.title == "By alice"

    services.update_project(user=bob, project_id=project.pk, data={"title": "By bob"})
    for client in (first, second):
        updated = client.receive("project_updated")
        while updated["payload"]["updated_by"] != str(bob.pk):
            updated = client.receive("project_updated")
        assert updated["payload"]["changes"] == {"title": "By bob"}
        client.expect_nothing()
    second.close()
    assert first.receive("user_left")["payload"]["user_id"] == bob.pk


def test_what_is_rolled_back_is_never_seen(isolation: str, realtime_client: Connect) -> None:
    project, alice, _ = new_project()
    client = realtime_client(alice)
    client.join(project)
    with transaction.atomic():
        services.update_project(user=alice, project_id=project.pk, data={"title": "Never"})
        transaction.set_rollback(True)
    client.expect_nothing("project_updated")


def test_an_error_is_a_failure_of_the_test(isolation: str, realtime_client: Connect) -> None:
    project, alice, _ = new_project()
    client = realtime_client(alice)
    client.join(project)
    with pytest.raises(AssertionError, match="VALIDATION_ERROR"):
        client.update(project, {"title": ""})
    error = client.call("update_project", {"project_id": project.pk, "data": {"title": 1}})
    assert error["payload"]["code"] == "VALIDATION_ERROR"
    with pytest.raises(AssertionError, match="PROJECT_NOT_FOUND"):
        realtime_client(User.objects.create_user("dave")).join(project)
    services.update_project(user=alice, project_id=project.pk, data={"title": "Seen"})
    with pytest.raises(AssertionError, match="Seen"):
        client.expect_nothing("project_updated")


def test_access_ends_at_once(isolation: str, realtime_client: Connect) -> None:
    project, alice, bob = new_project()
    client = realtime_client(bob)
    client.join(project)
    Membership.objects.filter(user=bob).delete()  # past the services
    client.receive("access_revoked")
    client.expect_nothing()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.receive("error")["payload"]["code"] == "USER_INACTIVE"
    assert client.closed() == 4003
    with pytest.raises(Closed):
        client.receive()
    assert realtime_client(alice).call("ping")["type"] == "pong"


def test_the_ways_to_sign_in_of_the_site_count(isolation: str, realtime_client: Connect) -> None:
    _, alice, _ = new_project()
    token = AccessToken.for_user(alice)
    assert realtime_client(path=f"/ws/?token={token}").call("ping")["type"] == "pong"
    assert realtime_client(path="/ws/?token=none").closed() == 4101
    with pytest.raises(Closed, match="4101"):
        realtime_client().call("ping")


def test_a_session_counts_where_the_site_takes_it(
    isolation: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.REALTIME = settings.REALTIME | {
        "AUTHENTICATION_CLASSES": ["realtime.auth.sessions.SessionAuthentication"]
    }
    _, alice, _ = new_project()
    browser = Client()
    browser.force_login(alice)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    headers = {"cookie": cookie, "origin": "http://localhost", "host": "localhost"}
    client = request.getfixturevalue("realtime_client")(headers=headers)
    assert client.call("ping")["type"] == "pong"
    browser.logout()
    assert client.closed() == 4102


async def test_a_coroutine_is_told_that_it_is_none(realtime_client: Connect) -> None:
    with pytest.raises(RuntimeError, match="not coroutines"):
        realtime_client(path="/ws/")


def test_without_a_mark_the_database_is_there(realtime_client: Connect) -> None:
    project, alice, _ = new_project()
    assert connection.in_atomic_block
    assert realtime_client(alice).join(project)["role"] == "owner"


class InATransaction(RealtimeTestMixin, TestCase):
    project: Project
    alice: User
    bob: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.project, cls.alice, cls.bob = new_project()

    def test_an_edit_is_seen(self) -> None:
        client = self.realtime_client(self.alice)
        client.join(self.project)
        services.update_project(user=self.bob, project_id=self.project.pk, data={"title": "Bob's"})
        changes = client.receive("project_updated")["payload"]["changes"]
        self.assertEqual(changes, {"title": "Bob's"})  # noqa: PT009  (unittest's own)


class Committed(RealtimeTestMixin, TransactionTestCase):
    def test_an_edit_is_seen(self) -> None:
        project, alice, bob = new_project()
        client, other = self.realtime_client(alice), self.realtime_client(bob)
        client.join(project)
        other.join(project)
        other.update(project, {"title": "Bob's"})
        changes = client.receive("project_updated")["payload"]["changes"]
        self.assertEqual(changes, {"title": "Bob's"})  # noqa: PT009  (unittest's own)
