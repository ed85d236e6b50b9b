"""Our channel layer, beside that of `channels_redis` and on what may become of a connection."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import channel_layers
from channels_redis.pubsub import RedisPubSubChannelLayer
from pytest_django import Settings
from redis.exceptions import RedisError

from realtime.events import broadcast
from realtime.layer import PubSubChannelLayer, shard
from realtime.live.subscriptions import Subscriptions
from tests.harness.rooms import project
from tests.harness.valkey import Sentinel, Valkey

HELLO = {"type": "hello"}


@asynccontextmanager
async def opened(
    *hosts: Any, backend: type[RedisPubSubChannelLayer] = PubSubChannelLayer, **options: Any
) -> Any:
    layer = backend(hosts=list(hosts), **options)
    try:
        yield layer
    finally:
        await layer.flush()


class Inbox:
    """What came to a channel of our layer."""

    def __init__(self, layer: PubSubChannelLayer) -> None:
        self._layer = layer
        self.channel = ""
        self.messages: list[Any] = []
        self._news = asyncio.Event()

    async def listen(self, *groups: str) -> Inbox:
        self.channel = await self._layer.listen(self._take)
        for group in groups:
            await self._layer.group_add(group, self.channel)
        return self

    def _take(self, content: bytes) -> None:
        self.messages.append(self._layer.deserialize(content))
        self._news.set()

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(30):
            while len(self.messages) < count:
                self._news.clear()
                await self._news.wait()
        return self.messages


@pytest.fixture
async def second(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = Valkey(tmp_path, persistent=False)
    await asyncio.to_thread(server.start)
    yield server
    server.stop()


def send_from_a_task(layer: RedisPubSubChannelLayer, group: str, message: dict[str, Any]) -> None:
    async_to_sync(layer.group_send)(group, message)


@pytest.mark.parametrize("sender", [PubSubChannelLayer, RedisPubSubChannelLayer])
@pytest.mark.parametrize("receiver", [PubSubChannelLayer, RedisPubSubChannelLayer])
async def test_either_layer_reaches_the_other(
    valkey: Valkey, sender: type[RedisPubSubChannelLayer], receiver: type[RedisPubSubChannelLayer]
) -> None:
    options = {"prefix": "site", "symmetric_encryption_keys": ["secret"]}
    async with (
        opened(valkey.url, backend=sender, **options) as one,
        opened(valkey.url, backend=receiver, **options) as other,
    ):
        channel = await other.new_channel()
        await other.group_add("room", channel)
        async with asyncio.timeout(30):
            await one.group_send("room", HELLO)
            assert await other.receive(channel) == HELLO
            await one.send(channel, {"type": "directly"})
            assert await other.receive(channel) == {"type": "directly"}
            await asyncio.to_thread(send_from_a_task, one, "room", {"type": "from a task"})
            assert await other.receive(channel) == {"type": "from a task"}


async def test_messages_go_out_together_and_in_order(valkey: Valkey) -> None:
    async with opened(valkey.url) as one, opened(valkey.url) as other:
        inbox = await Inbox(one).listen(*(f"room_{number}" for number in range(20)))
        await other.group_send("room_0", HELLO)  # so that it is connected
        await inbox.until(1)
        with valkey.client() as client:
            before = client.info("stats")["total_reads_processed"]
            messages = [(f"room_{n % 20}", {"type": "news", "n": n}) for n in range(200)]
            await other.group_send_all(messages)
            reads = client.info("stats")["total_reads_processed"] - before
        found = await inbox.until(201)
        assert [message["n"] for message in found[1:]] == list(range(200))
        assert reads < 20, "for one write, and what else is asked meanwhile"


async def test_groups_are_spread_over_hosts(valkey: Valkey, second: Valkey) -> None:
    names = [f"room_{number}" for number in range(20)]
    hosts = (valkey.url, second.url)
    async with opened(*hosts) as one, opened(*hosts) as other:
        inbox = await Inbox(one).listen(*names)
        await other.group_send_all([(name, {"type": name}) for name in names])
        assert sorted(message["type"] for message in await inbox.until(20)) == sorted(names)
        with valkey.client() as first:
            count = len(first.pubsub_channels("asgi__group__room_*"))
        assert 0 < count < 20


async def test_sentinel_says_where_the_primary_is(second: Valkey, tmp_path: Path) -> None:
    sentinel = Sentinel(tmp_path, second)
    await asyncio.to_thread(sentinel.start)
    try:
        host = {"master_name": "main", "sentinels": [("127.0.0.1", sentinel.port)]}
        async with opened(host) as layer:
            inbox = await Inbox(layer).listen("room")
            await layer.group_send("room", HELLO)
            assert await inbox.until(1) == [HELLO]
    finally:
        sentinel.stop()


async def test_nothing_comes_after_a_group_is_left_or_a_channel_forgotten(valkey: Valkey) -> None:
    async with opened(valkey.url) as layer:
        left, forgotten, last = [await Inbox(layer).listen("room") for _ in range(3)]
        await layer.group_discard("room", left.channel)
        await layer.forget(forgotten.channel)
        await layer.group_send("room", HELLO)
        assert await last.until(1) == [HELLO]
        assert left.messages == forgotten.messages == []
        await layer.forget(last.channel)
        # Redis answers one connection in its order, so an answer to this comes after.
        await layer.group_add("other", await layer.new_channel())
        with valkey.client() as client:
            assert client.pubsub_numsub("asgi__group__room") == [(b"asgi__group__room", 0)]


async def test_a_function_that_raises_loses_its_message_alone(valkey: Valkey) -> None:
    async with opened(valkey.url) as layer:
        inbox = await Inbox(layer).listen("room")

        def take(content: bytes) -> None:
            raise ValueError(content)

        await layer.group_add("room", await layer.listen(take))
        await layer.group_send("room", HELLO)
        with valkey.client() as client:
            client.publish("asgi__group__room", b"\xc1 no message")
        await layer.group_send("room", HELLO)
        assert await inbox.until(2) == [HELLO, HELLO]


async def test_rooms_go_on_after_what_cannot_be_read(valkey: Valkey, settings: Settings) -> None:
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [valkey.url]}}}
    received: asyncio.Queue[Any] = asyncio.Queue()
    subscriptions = Subscriptions({project(1)}, received.put_nowait)
    await subscriptions.settle(project(1))
    with valkey.client() as client:
        for content in (b"", b"\xc1 no message", b"\xff" * 1000):
            assert client.publish("asgi__group__project_1", content) == 1
    await broadcast.asend_all([(project(1), {"key": "one"}), (project(1), {"key": "two"})])
    async with asyncio.timeout(20):
        assert [(await received.get())["key"] for _ in range(2)] == ["one", "two"]
    await subscriptions.close()
    await channel_layers["default"].flush()


async def test_what_redis_refuses_is_an_error_and_the_rest_is_sent(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.acl_setuser(
            "guest", enabled=True, nopass=True, categories=["+@all"], channels=["*__group__mine"]
        )
    url = f"redis://guest:x@127.0.0.1:{valkey.port}"
    async with opened(url) as guest, opened(valkey.url) as owner:
        inbox = await Inbox(owner).listen("mine", "theirs")
        with pytest.raises(RedisError, match="NOPERM"):
            await guest.group_send_all([("theirs", HELLO), ("mine", {"type": "mine"})])
        assert await inbox.until(1) == [{"type": "mine"}]
        with pytest.raises(RedisError, match="NOPERM"):
            await guest.new_channel()


async def test_after_an_outage_all_is_as_before(
    second: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "_PAUSE", 0.01)
    async with opened(second.url) as layer:
        inbox = await Inbox(layer).listen("old")
        await layer.group_send("old", HELLO)
        await inbox.until(1)
        await asyncio.to_thread(second.kill)
        with pytest.raises(RedisError):
            await layer.group_send("old", HELLO)
        with pytest.raises(RedisError):
            await layer.group_add("new", inbox.channel)
        for _ in range(3):
            with pytest.raises(RedisError):
                await layer.new_channel()
        await asyncio.to_thread(second.start)
        await layer.group_add("new", inbox.channel)
        await layer.group_send_all([("old", {"type": "old"}), ("new", {"type": "new"})])
        assert await inbox.until(3) == [HELLO, {"type": "old"}, {"type": "new"}]
        with second.client() as client:
            assert client.pubsub_channels("asgispecific*") == [inbox.channel.encode()]


@pytest.mark.parametrize("lost", ["by the kernel", "without a word"])
async def test_a_connection_that_went_silent_is_replaced(
    second: Valkey, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(shard, "_PAUSE", 0.01)
    monkeypatch.setattr(shard, "PATIENCE", 1.0)
    async with opened(second.url) as layer, AsyncExitStack() as after:
        inbox = await Inbox(layer).listen("room")
        await layer.group_send("room", HELLO)
        await inbox.until(1)
        [only] = layer._shards
        links = [only._subscriber._link, only._publisher._link]
        if lost == "by the kernel":  # where an acknowledgement does not come for long
            for link in links:
                link._transport._fatal_error(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
        else:
            second.pause()
            after.callback(second.resume)
            with pytest.raises(RedisError):
                await layer.group_send("room", {"type": "unheard"})
            await asyncio.wait([links[0].lost])
            monkeypatch.setattr(shard, "PATIENCE", 5.0)
            second.resume()
        async with asyncio.timeout(30):
            while len(inbox.messages) < 2:  # until it is subscribed again
                await asyncio.wait([asyncio.create_task(layer.group_send("room", HELLO))])
                await asyncio.sleep(0.02)
        assert HELLO in inbox.messages[1:]
        assert only._subscriber._link is not links[0]
        assert only._publisher._link is not links[1]
