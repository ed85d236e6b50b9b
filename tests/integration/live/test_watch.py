"""What is asked every second, in place of all the rows, sees each change that takes access away.

Made by raw SQL, past the ORM and all of a host's code. The numbers are those of the cases in
`docs/security.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Manager, QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from projects import services
from projects.models import Membership, Role
from projects.rooms import ProjectRoom
from realtime.auth import authenticator, disconnections
from realtime.auth.base import Identity
from realtime.auth.tokens import REFRESH_JTI_CLAIM, JWTAuthentication
from realtime.live import access
from realtime.protocol.room_id import RoomId
from realtime.rooms import ModelRoom
from tests.boards.models import Board
from tests.boards.models import Membership as BoardMembership
from tests.harness.rooms import serve

pytestmark = pytest.mark.django_db


def run(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def identity_of(user: User) -> tuple[Identity, str]:
    """Return a user who has signed in, and the `jti` that a sign-out blacklists."""
    refresh = RefreshToken.for_user(user)
    token: AccessToken = refresh.access_token
    token[REFRESH_JTI_CLAIM] = refresh["jti"]
    [found] = authenticator.authenticate_all([(JWTAuthentication(), str(token))])
    assert isinstance(found, Identity)
    return found, str(refresh["jti"])


def sign_out(jti: str) -> None:
    token = OutstandingToken.objects.get(jti=jti)
    run(
        "INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at) VALUES (%s, %s)",
        token.pk,
        timezone.now(),
    )


def delete(user: User) -> None:
    run("UPDATE token_blacklist_outstandingtoken SET user_id = NULL WHERE user_id = %s", user.pk)
    run("DELETE FROM auth_user WHERE id = %s", user.pk)


USERS: dict[str, Callable[[User, str], None]] = {
    "deactivated": lambda user, _: run(
        "UPDATE auth_user SET is_active = %s WHERE id = %s", False, user.pk
    ),
    "deleted": lambda user, _: delete(user),
    "signed out": lambda _, jti: sign_out(jti),
    "disconnected": lambda user, _: disconnections.request([user.pk]),
}


@pytest.mark.parametrize("change", USERS.values(), ids=USERS)
def test_a_change_of_a_user_is_seen(change: Callable[[User, str], None]) -> None:
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    (first, _), (second, jti) = identity_of(alice), identity_of(bob)
    question = access.watch_identities([first, second])
    assert question is not None
    before = question()
    assert question() == before
    change(bob, jti)
    assert question() != before
    assert set(access.revoked([first, second])) == {second}


def watched(room: RoomId, user: User) -> Callable[[], Hashable]:
    question = access.watch_room_users([(room, user.pk)])
    assert question is not None
    return question


MEMBERSHIPS = {
    "deleted": "DELETE FROM projects_membership WHERE user_id = %s",
    "of nobody's role": "UPDATE projects_membership SET role = 'x' WHERE user_id = %s",
}


@pytest.mark.parametrize("sql", MEMBERSHIPS.values(), ids=MEMBERSHIPS)
def test_a_change_of_a_membership_is_seen(sql: str) -> None:
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    project = services.create_project(user=alice, data={"title": "x"})
    Membership.objects.create(project=project, user=bob, role=Role.EDITOR)
    room = RoomId("project", project.pk)
    question = watched(room, bob)
    before = question()
    assert question() == before
    run(sql, bob.pk)
    assert question() != before
    assert access.lost_access([(room, bob.pk)])


def test_a_change_of_a_model_rooms_members_is_seen(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    alice = User.objects.create_user("alice")
    board = Board.objects.create(title="A board")
    BoardMembership.objects.create(board=board, user=alice)
    room = RoomId.of("plan", board.pk)
    question = watched(room, alice)
    before = question()
    with django_assert_num_queries(1):
        assert question() == before
    run("DELETE FROM boards_membership")
    assert question() != before


def test_a_manager_that_leaves_objects_out_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may go by the time of day, which a query that is compiled once would not."""
    ended: list[Any] = []

    class Lasting(Manager[Board]):
        def get_queryset(self) -> QuerySet[Board]:
            return super().get_queryset().exclude(pk__in=list(ended))

    class Rooms(ModelRoom):
        kind = "board"
        model = Board
        fields = ("title",)
        members = "people"

    manager = Lasting()
    manager.model = Board
    monkeypatch.setitem(vars(Board._meta), "default_manager", manager)
    alice = User.objects.create_user("alice")
    board = Board(title="A board")
    board.save()
    BoardMembership.objects.create(board=board, user=alice)
    room = Rooms()
    assert room.access([board.pk], [alice.pk])
    assert room.watch_access([board.pk], [alice.pk]) is None
    ended.append(board.pk)
    assert not room.access([board.pk], [alice.pk])


def test_who_overrides_access_alone_is_asked_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question of the class above would not see what theirs goes by."""

    class OpenAtNoon(ProjectRoom):
        def access(self, *args: Any) -> Any:
            return super().access(*args) if timezone.now().hour == 12 else {}

    class OwnRules(JWTAuthentication):
        def revoked(self, identities: Any) -> Any:
            return super().revoked(identities)

    alice = User.objects.create_user("alice")
    serve(monkeypatch, OpenAtNoon)
    assert access.watch_room_users([(RoomId("project", 1), alice.pk)]) is None
    identity, _ = identity_of(alice)
    assert access.watch_identities([identity]) is not None
    assert access.watch_identities([identity, identity._replace(method=OwnRules())]) is None


@pytest.mark.parametrize("options", [{"public": True}, {"members": None}])
def test_other_access_has_no_such_question(options: dict[str, Any]) -> None:
    class Rooms(ModelRoom):
        kind = "board"
        model = Board
        fields = ("title",)
        members = "people"

    assert Rooms().watch_access([1], [2]) is not None
    other = type("Other", (Rooms,), options)
    assert other().watch_access([1], [2]) is None
