"""Make plans of the third host, served by `ModelRoom`: rooms with members and roles."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from realtime import rooms
from realtime.events import log
from realtime.rooms import RoomId
from tests.boards.models import Board, Membership


def make_plan(owner: User, title: str, **fields: Any) -> Board:
    """Return a new plan, of which nothing has been told yet."""
    with rooms.quiet():
        plan = Board.objects.create(title=title, **fields)
        add_member(plan, owner, "owner")
    return plan


def add_member(plan: Board, user: User, role: str) -> None:
    with rooms.quiet():
        Membership.objects.create(board=plan, user=user, role=role)


def rename(plan: Board, title: str, user: User | None = None) -> None:
    """Make one event."""
    plan.title = title
    with rooms.acting(user):
        plan.save()


def row(plan: Board) -> int:
    """Return the primary key of a plan's room; it is made if there is none yet."""
    return log.row_of(room_of(plan))


def room_of(plan: Board) -> RoomId:
    return rooms.room_of(plan)
