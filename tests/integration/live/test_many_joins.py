"""Very many joins at once: more than go together, in more rooms than go together."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.contrib.auth.models import User

from realtime.db import threads
from realtime.live import joins
from realtime.live.joins import JoinRequest, Joins
from realtime.protocol.room_id import RoomId
from tests.harness.plans import make_plan, rename, room_of

pytestmark = pytest.mark.django_db(transaction=True)

PLANS = 110
CLIENTS = 10


def make_plans() -> tuple[list[RoomId], int]:
    """Return the rooms of plans, number 0, 1, 2, … with 0, 1, 2, 0, … events; and their owner."""
    alice = User.objects.create_user("alice")
    plans = [make_plan(alice, f"{number} at 0") for number in range(PLANS)]
    for number, plan in enumerate(plans):
        for seq in range(1, number % 3 + 1):
            rename(plan, f"{number} at {seq}")
    return [room_of(plan) for plan in plans], alice.pk


async def test_a_thousand_joins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joins, "MAX_REPLAYED", 40)  # so that some replays have to wait
    rooms, user_id = await threads.run(make_plans)
    reads = Joins()
    requests = [
        JoinRequest(room, user_id, None if client % 2 else client % 3)
        for client in range(CLIENTS)
        for room in rooms
    ]
    async with asyncio.timeout(60):
        views = await asyncio.gather(*map(reads.view, requests))
    for request, view in zip(requests, views, strict=True):
        number = rooms.index(request.room)
        head = number % 3
        assert view.seq == head
        assert view.role == "owner"
        assert view.state["title"] == f"{number} at {head}"
        if request.since is None or request.since > head:
            assert view.missed is None
        else:
            titles = [json.loads(event.text)["payload"]["changes"] for event in view.missed or []]
            assert titles == [
                {"title": f"{number} at {seq}"} for seq in range(request.since + 1, head + 1)
            ]
