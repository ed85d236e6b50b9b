"""Very many joins at once: more than go together, in more projects than go together."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.contrib.auth.models import User

from projects import services
from realtime.db import threads
from realtime.live import joins
from realtime.live.joins import JoinRequest, Joins
from tests.harness.rooms import project as project_room

pytestmark = pytest.mark.django_db(transaction=True)

PROJECTS = 110
CLIENTS = 10


def make_projects() -> tuple[list[int], int]:
    """Return projects, number 0, 1, 2, … with 0, 1, 2, 0, … events; and their owner."""
    alice = User.objects.create_user("alice")
    projects = [
        services.create_project(user=alice, data={"title": f"{number} at 0"})
        for number in range(PROJECTS)
    ]
    for number, project in enumerate(projects):
        for seq in range(1, number % 3 + 1):
            data = {"title": f"{number} at {seq}"}
            services.update_project(user=alice, project_id=project.pk, data=data)
    return [project.pk for project in projects], alice.pk


async def test_a_thousand_joins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joins, "_MAX_REPLAYED", 40)  # so that some replays have to wait
    project_ids, user_id = await threads.run(make_projects)
    reads = Joins()
    requests = [
        JoinRequest(project_room(project_id), user_id, None if client % 2 else client % 3)
        for client in range(CLIENTS)
        for project_id in project_ids
    ]
    async with asyncio.timeout(60):
        views = await asyncio.gather(*map(reads.view, requests))
    for request, view in zip(requests, views, strict=True):
        number = project_ids.index(int(request.room.key))
        head = number % 3
        assert view.seq == head
        assert view.role == "owner"
        assert (view.state["id"], view.state["title"]) == (
            request.room.key,
            f"{number} at {head}",
        )
        if request.since is None or request.since > head:
            assert view.missed is None
        else:
            titles = [json.loads(hint.text)["payload"]["changes"] for hint in view.missed or []]
            assert titles == [
                {"title": f"{number} at {seq}"} for seq in range(request.since + 1, head + 1)
            ]
