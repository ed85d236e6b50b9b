"""Updates of many projects in one transaction."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects import services
from projects.models import Project
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.protocol.messages import UpdateAck
from realtime.rooms import RoomId, room_of


@pytest.mark.django_db
def test_many_take_as_many_statements_as_two() -> None:
    alice = User.objects.create_user("alice")
    made = [services.create_project(user=alice, data={"title": "New"}) for _ in range(20)]
    rooms = [room_of(project) for project in made]

    def statements(chosen: list[RoomId]) -> int:
        wanted = {
            room: [UpdateRequest(alice.pk, {"title": f"{room}"}, 0, idempotency_key="k")]
            for room in chosen
        }
        with CaptureQueriesContext(connection) as queries:
            results = updates.write_together(wanted)
        acks = [ack for [ack] in results.values() if isinstance(ack, UpdateAck)]
        assert [ack.seq for ack in acks] == [1] * len(chosen)
        return len(queries)

    assert statements(rooms[:2]) == statements(rooms[2:])
    for project in Project.objects.all():
        assert project.title == f"{room_of(project)}"
        assert project.updated_by_id == alice.pk
        assert project.updated_at > project.created_at
