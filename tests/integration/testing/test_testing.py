"""`realtime.testing`: clients in a host's own tests, in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client, TestCase, TransactionTestCase
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime import rooms
from realtime.testing import RealtimeClient, RealtimeTestMixin
from realtime.testing.client import Closed
from tests.boards.models import Board, Membership

Connect = Callable[..., RealtimeClient]


def new_board() -> tuple[Board, User, User]:
    alice, bob = [User.objects.create_user(name) for name in ("alice", "bob")]
    board = Board.objects.create(title="Plans")
    for user in (alice, bob):
        Membership.objects.create(board=board, user=user)
    return board, alice, bob


def rename(board: Board, user: User, title: str) -> None:
    """Change a board as a view of the host does."""
    with rooms.acting(user):
        Board.objects.filter(pk=board.pk).update(title=title)


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
    board, alice, bob = new_board()
    first, second = realtime_client(alice), realtime_client(bob)
    assert first.join(board)["plan"]["title"] == "Plans"
    members = second.join(board)["members"]
    assert {member["username"] for member in members} == {"alice", "bob"}
    assert first.receive("user_joined")["payload"]["username"] == "alice"
    assert first.receive("user_joined")["payload"]["username"] == "bob"

    first.update(board, {"title": "By alice"})
    assert second.receive("plan_updated")["payload"]["changes"] == {"title": "By alice"}
    board.refresh_from_db()
    assert board.title == "By alice"

    rename(board, bob, "By bob")
    for client in (first, second):
        updated = client.receive("plan_updated")
        while updated["payload"]["updated_by"] != str(bob.pk):
            updated = client.receive("plan_updated")
        assert updated["payload"]["changes"] == {"title": "By bob"}
        client.expect_nothing()
    second.close()
    assert first.receive("user_left")["payload"]["user_id"] == bob.pk


def test_what_is_rolled_back_is_never_seen(isolation: str, realtime_client: Connect) -> None:
    board, alice, _ = new_board()
    client = realtime_client(alice)
    client.join(board)
    with transaction.atomic():
        rename(board, alice, "Never")
        transaction.set_rollback(True)
    client.expect_nothing("plan_updated")


def test_an_error_is_a_failure_of_the_test(isolation: str, realtime_client: Connect) -> None:
    board, alice, _ = new_board()
    client = realtime_client(alice)
    client.join(board)
    with pytest.raises(AssertionError, match="VALIDATION_ERROR"):
        client.update(board, {"title": ""})
    error = client.call("update_plan", {"plan_id": str(board.pk), "data": {"title": ""}})
    assert error["payload"]["code"] == "VALIDATION_ERROR"
    with pytest.raises(AssertionError, match="PLAN_NOT_FOUND"):
        realtime_client(User.objects.create_user("dave")).join(board)
    rename(board, alice, "Seen")
    with pytest.raises(AssertionError, match="Seen"):
        client.expect_nothing("plan_updated")


def test_access_ends_at_once(isolation: str, realtime_client: Connect) -> None:
    board, alice, bob = new_board()
    client = realtime_client(bob)
    client.join(board)
    Membership.objects.filter(user=bob).delete()
    client.receive("access_revoked")
    client.expect_nothing()
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.receive("error")["payload"]["code"] == "USER_INACTIVE"
    assert client.closed() == 4003
    with pytest.raises(Closed):
        client.receive()
    assert realtime_client(alice).call("ping")["type"] == "pong"


def test_the_ways_to_sign_in_of_the_site_count(isolation: str, realtime_client: Connect) -> None:
    _, alice, _ = new_board()
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
    _, alice, _ = new_board()
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
    board, alice, _ = new_board()
    assert connection.in_atomic_block
    assert realtime_client(alice).join(board)["role"] == "editor"


class InATransaction(RealtimeTestMixin, TestCase):
    board: Board
    alice: User
    bob: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.board, cls.alice, cls.bob = new_board()

    def test_an_edit_is_seen(self) -> None:
        client = self.realtime_client(self.alice)
        client.join(self.board)
        rename(self.board, self.bob, "Bob's")
        changes = client.receive("plan_updated")["payload"]["changes"]
        self.assertEqual(changes, {"title": "Bob's"})  # noqa: PT009  (unittest's own)


class Committed(RealtimeTestMixin, TransactionTestCase):
    def test_an_edit_is_seen(self) -> None:
        board, alice, bob = new_board()
        client, other = self.realtime_client(alice), self.realtime_client(bob)
        client.join(board)
        other.join(board)
        other.update(board, {"title": "Bob's"})
        changes = client.receive("plan_updated")["payload"]["changes"]
        self.assertEqual(changes, {"title": "Bob's"})  # noqa: PT009  (unittest's own)
