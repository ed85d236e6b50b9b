"""What a host may not append: told in words, on either database, and nothing of it stays."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from realtime.events import log
from realtime.events.new_event import NewEvent, updated
from realtime.models import Event, Room, TaskState
from realtime.protocol.room_id import RoomId
from tests.tasks import cases

pytestmark = pytest.mark.django_db

HERE = RoomId("project", 7)
GOOD = updated({"title": "New"})


@pytest.mark.parametrize(
    ("room", "event", "words"),
    [
        (7, GOOD, "Give a RoomId, such as room_of"),
        (RoomId("project", "x" * 256), GOOD, "No project can have the key 'xxx"),
        (RoomId("project", "a\0b"), GOOD, "No project can have the key"),
        (RoomId("project", ""), GOOD, "No project can have the key ''"),
        (HERE, NewEvent("x" * 65, {}), "The type of an event has 1 to 64 characters"),
        (HERE, NewEvent("", {}), "The type of an event"),
        *(
            (HERE, NewEvent("card_added", {}, actor_id=user_id), "No user can have the id")
            for user_id in (2**63, -(2**70), "abc", uuid4(), 1.5j, "")
        ),
    ],
)
def test_an_id_that_no_column_holds_is_refused_in_words(
    room: Any, event: NewEvent, words: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=words), transaction.atomic():
        log.append(room, [event])
    assert not Event.objects.exists()
    assert not Room.objects.filter(seq__gt=0).exists()


def test_what_is_not_saved_yet_has_no_room() -> None:
    with pytest.raises(ValueError, match="A project that is not saved yet has no room"):
        RoomId.of("project", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"user_id": 2**63}, "No user can have the id"),
        ({"user_id": "abc"}, "No user can have the id"),
        ({"subject": "x" * 201}, "A subject has 200 characters at most"),
    ],
)
def test_a_task_is_refused_in_words(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cases.adopted.enqueue(project_id=7, **arguments)
    assert not TaskState.objects.exists()
