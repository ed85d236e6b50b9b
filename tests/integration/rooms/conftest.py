from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from realtime import merge_patch, rooms
from realtime.events import log
from realtime.models import Event
from realtime.protocol.room_id import Id, RoomId
from realtime.rooms import hosts
from tests.boards.models import Board, Membership

Json = dict[str, Any]


class Watched:
    """A room from now on, as one sees it who is told every event."""

    def __init__(self, obj: Any) -> None:
        self.id = rooms.room_of(obj)
        self.head = log.heads([self.id])[self.id].seq  # first, as joins do
        self.state = self.snapshot()

    @classmethod
    def elsewhere(cls, kind: str, key: Id, head: int, state: Json) -> Watched:
        """Return a room as another process has seen it."""
        found = cls.__new__(cls)
        found.id, found.head, found.state = RoomId(kind, key), head, state
        return found

    def snapshot(self) -> Json:
        return hosts.snapshots([self.id])[self.id]

    def events(self) -> list[Event]:
        row, _ = log.heads([self.id])[self.id]
        return list(Event.objects.filter(room_id=row, seq__gt=self.head).order_by("seq"))

    def changes(self) -> list[Json]:
        """Return the changes of the events, and look that they lead to what there is now."""
        found = [event.payload["changes"] for event in self.events() if "changes" in event.payload]
        state = self.state
        for changes in found:
            state = merge_patch.apply(state, changes)
        now = self.snapshot()
        assert merge_patch.difference(state, now) == {}
        assert state == now
        return found

    def befores(self) -> list[Any]:
        return [event.before for event in self.events()]


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna")


@pytest.fixture
def board(anna: User) -> Board:
    board = Board.objects.create(title="Plan", style={"color": "red", "size": 1})
    Membership.objects.create(board=board, user=anna)
    return board
