"""What a process writes, its own rooms see without the channel layer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from realtime.db import threads
from realtime.events import broadcast
from realtime.live import process
from realtime.models import Event
from tests.harness.rooms import project as project_room
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


def make_project() -> tuple[int, User, str]:
    alice = User.objects.create_user("alice")
    project = services.create_project(user=alice, data={"title": "New"})
    return project.pk, alice, str(AccessToken.for_user(alice))


def edit_by_rest(user: User, project_id: int, title: str) -> None:
    client = APIClient()
    client.force_authenticate(user)
    answer = client.patch(f"/api/projects/{project_id}/", {"title": title}, format="json")
    assert answer.status_code == 200


async def joined(token: str, project_id: int) -> Socket:
    socket = await Socket.connect(token)
    await socket.join(project_id)
    await socket.until("user_joined")
    return socket


async def test_edits_are_seen_while_the_layer_is_down(layer: Layer) -> None:
    project_id, alice, token = await threads.write(make_project)
    one, other = [await joined(token, project_id) for _ in range(2)]
    layer.is_down = True
    await one.update(project_id, {"title": "By socket"})
    await threads.write(edit_by_rest, alice, project_id, "By REST")
    for socket in (one, other):
        for seq, title in enumerate(("By socket", "By REST"), start=1):
            updated = await socket.until("project_updated")
            assert (updated["seq"], updated["payload"]["changes"]) == (seq, {"title": title})
        await socket.disconnect()


async def test_what_comes_back_is_dropped_and_what_comes_from_others_is_not(layer: Layer) -> None:
    project_id, _, token = await threads.write(make_project)
    socket = await joined(token, project_id)
    await socket.update(project_id, {"title": "Once"})
    assert (await socket.until("project_updated"))["seq"] == 1
    assert await socket.is_silent()

    [message] = layer.carried
    following = message | {"events": [[2, '{"type": "next"}']]}
    await layer.group_send(f"project_{project_id}", following)
    assert await socket.is_silent()
    await layer.group_send(f"project_{project_id}", following | {"from": "another process"})
    assert await socket.expect("next")
    await socket.disconnect()


async def test_nothing_is_published_by_a_process_that_ends_and_the_log_has_it(layer: Layer) -> None:
    project_id, alice, token = await threads.write(make_project)
    socket = await joined(token, project_id)
    try:
        await process.current().close()
        await asyncio.to_thread(edit_by_rest, alice, project_id, "Late")
        await asyncio.to_thread(broadcast.progress, project_room(project_id), "task", 50, "half")
    finally:
        broadcast.use(None)
    assert layer.carried == []
    assert await threads.run(Event.objects.filter(room__key=project_id).count) == 1
    await socket.disconnect()
