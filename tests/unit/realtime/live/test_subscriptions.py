"""The groups of a process follow its rooms, however the calls of the layer fall."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from pytest_django import Settings

from realtime.live.subscriptions import Subscriptions
from tests.harness.rooms import project


class SlowLayer(InMemoryChannelLayer):
    """Its calls wait until they are let through, or fail."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_down = False
        self.failing: set[str] = set()
        self.calls: list[str] = []

    async def group_add(self, group: str, channel: str) -> None:
        await self._pass("add", group)
        await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._pass("discard", group)
        await super().group_discard(group, channel)

    async def _pass(self, call: str, group: str) -> None:
        self.calls.append(call)
        await self.gate.wait()
        if self.is_down or group in self.failing:
            raise ConnectionError("the layer is down")


@pytest.fixture
def layer(settings: Settings) -> SlowLayer:
    from channels.layers import get_channel_layer

    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.SlowLayer"}}
    layer = get_channel_layer()
    assert isinstance(layer, SlowLayer)
    return layer


class Rooms:
    """The open rooms, and what the layer brought them."""

    def __init__(self) -> None:
        self.open = {project(1)}
        self.received: list[Any] = []
        self.subscriptions = Subscriptions(self.open, self.received.append)


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_a_room_that_opens_again_while_it_is_given_up_is_heard(layer: SlowLayer) -> None:
    rooms = Rooms()
    await rooms.subscriptions.settle(project(1))
    layer.gate.clear()
    rooms.open.clear()
    leaving = asyncio.create_task(rooms.subscriptions.settle(project(1)))
    await until(lambda: layer.calls == ["add", "discard"])
    rooms.open.add(project(1))
    joining = asyncio.create_task(rooms.subscriptions.settle(project(1)))
    layer.gate.set()
    await asyncio.gather(leaving, joining)

    await layer.group_send("project_1", {"type": "hello"})
    await until(lambda: rooms.received)
    assert rooms.received == [{"type": "hello"}]
    await rooms.subscriptions.close()


async def test_what_failed_is_tried_again(
    layer: SlowLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.live.subscriptions._PAUSE", 0.0)
    rooms = Rooms()
    layer.is_down = True
    await rooms.subscriptions.settle(project(1))  # does not raise
    layer.is_down = False
    await rooms.subscriptions.settle_all()
    await layer.group_send("project_1", {"type": "hello"})
    await until(lambda: rooms.received)

    layer.is_down = True
    rooms.open.clear()
    await rooms.subscriptions.settle(project(1))
    layer.is_down = False
    await rooms.subscriptions.settle_all()
    calls = len(layer.calls)
    await rooms.subscriptions.settle_all()
    assert len(layer.calls) == calls, "nothing is left to do"
    assert not layer.groups
    await rooms.subscriptions.close()


async def test_rooms_that_open_at_once_do_not_wait_for_each_other(layer: SlowLayer) -> None:
    rooms = Rooms()
    layer.gate.clear()
    rooms.open.update(map(project, range(1, 100)))
    joining = asyncio.gather(*map(rooms.subscriptions.settle, rooms.open))
    await until(lambda: len(layer.calls) > 1)
    assert len(layer.calls) == 32, "side by side, and no more of them than that"
    layer.gate.set()
    await joining
    assert layer.groups.keys() == {f"project_{number}" for number in range(1, 100)}
    assert len(layer.calls) == 99
    await rooms.subscriptions.close()


async def test_where_some_of_many_fail_all_is_put_right(
    layer: SlowLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.live.subscriptions._PAUSE", 0.0)
    rooms = Rooms()
    rooms.open.update(map(project, range(1, 50)))
    layer.failing = {"project_7", "project_40"}
    await asyncio.gather(*map(rooms.subscriptions.settle, rooms.open))  # does not raise
    assert not layer.failing & layer.groups.keys()

    layer.failing = set()
    rooms.open -= set(map(project, range(1, 50, 2)))
    await rooms.subscriptions.settle_all()
    assert layer.groups.keys() == {f"project_{number}" for number in range(2, 50, 2)}
    await rooms.subscriptions.close()


async def test_after_a_failure_the_layer_is_left_alone_for_a_while(layer: SlowLayer) -> None:
    rooms = Rooms()
    rooms.open.update(map(project, range(1, 100)))
    layer.is_down = True
    await asyncio.gather(*map(rooms.subscriptions.settle, rooms.open))
    assert len(layer.calls) == 32, "the first that went together"
    await rooms.subscriptions.close()
