"""What a process writes, its own rooms see without the channel layer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime.db import threads
from realtime.events import broadcast
from realtime.live import process
from realtime.models import Event
from tests.boards.models import Board
from tests.harness.plans import make_plan, rename, room_of
from tests.harness.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


class Layer(InMemoryChannelLayer):
    """Keeps the durable events that it was given; can be down."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.carried: list[dict[str, Any]] = []
        self.is_down = False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.is_down:
            raise ConnectionError("the layer is down")
        if "events" in message:
            self.carried.append(message)
        await super().group_send(group, message)


@pytest.fixture
def layer(settings: Settings) -> Layer:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.Layer"}}
    settings.REALTIME = settings.REALTIME | {"REPAIR_INTERVAL": 3600.0}
    layer = get_channel_layer()
    assert isinstance(layer, Layer)
    return layer


def new_plan() -> tuple[Board, str]:
    alice = User.objects.create_user("alice")
    return make_plan(alice, "New"), str(AccessToken.for_user(alice))


async def joined(token: str, plan: Board) -> Socket:
    socket = await Socket.connect(token)
    await socket.join(str(plan.pk), "plan")
    await socket.until("user_joined")
    return socket


async def test_edits_are_seen_while_the_layer_is_down(layer: Layer) -> None:
    plan, token = await threads.write(new_plan)
    one, other = [await joined(token, plan) for _ in range(2)]
    layer.is_down = True
    await one.update(str(plan.pk), {"title": "By socket"}, "plan")
    await threads.write(rename, plan, "By a view")
    for socket in (one, other):
        for seq, title in enumerate(("By socket", "By a view"), start=1):
            updated = await socket.until("plan_updated")
            assert (updated["seq"], updated["payload"]["changes"]) == (seq, {"title": title})
        await socket.disconnect()


async def test_what_comes_back_is_dropped_and_what_comes_from_others_is_not(layer: Layer) -> None:
    plan, token = await threads.write(new_plan)
    socket = await joined(token, plan)
    await socket.update(str(plan.pk), {"title": "Once"}, "plan")
    assert (await socket.until("plan_updated"))["seq"] == 1
    assert await socket.is_silent()

    [message] = layer.carried
    following = message | {"events": [[2, '{"type": "next"}']]}
    await layer.group_send(room_of(plan).group, following)
    assert await socket.is_silent()
    await layer.group_send(room_of(plan).group, following | {"from": "another process"})
    assert await socket.expect("next")
    await socket.disconnect()


async def test_nothing_is_published_by_a_process_that_ends_and_the_log_has_it(layer: Layer) -> None:
    plan, token = await threads.write(new_plan)
    socket = await joined(token, plan)
    try:
        await process.current().close()
        await asyncio.to_thread(rename, plan, "Late")
        await asyncio.to_thread(broadcast.progress, room_of(plan), "task", 50, "half")
    finally:
        broadcast.use(None)
    assert layer.carried == []
    assert await threads.run(Event.objects.filter(room__key=plan.pk).count) == 1
    await socket.disconnect()
