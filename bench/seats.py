"""Rooms and their members in our database, and the tokens that let them in.

Each socket is a user of its own, who may edit the one project that is its room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.load.dialects import Seat

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_PASSWORD = "!"  # noqa: S105  (nobody signs in with it)


def make(rooms: int, sockets: int) -> list[Seat]:
    """Make so many rooms of so many members, and return their seats, room by room.

    Django must be set up.
    """
    from rest_framework_simplejwt.tokens import AccessToken

    from projects.models import Membership, Project, Role

    projects = Project.objects.bulk_create(
        Project(title=f"Room {number}") for number in range(rooms)
    )
    users = _users(rooms * sockets)
    members = Membership.objects.bulk_create(
        Membership(project=projects[index // sockets], user=user, role=Role.EDITOR)
        for index, user in enumerate(users)
    )
    _make_documents()
    return [
        Seat(room=member.project_id, token=str(AccessToken.for_user(member.user)))
        for member in members
    ]


def _users(count: int) -> list[User]:
    from django.contrib.auth.models import User

    known = User.objects.count()
    User.objects.bulk_create(
        User(username=f"member-{number}", password=_PASSWORD) for number in range(known, count)
    )
    return list(User.objects.order_by("pk")[:count])


def _make_documents() -> None:
    """Give the peers that have a database one row per room, with the same members."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO site_document (id, title, updated_at) "
            "SELECT id, '', now() FROM projects_project ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO site_document_members (document_id, user_id) "
            "SELECT project_id, user_id FROM projects_membership ON CONFLICT DO NOTHING"
        )
