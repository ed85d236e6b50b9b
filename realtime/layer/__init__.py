"""Provide Redis's pub/sub as a channel layer that takes many messages at the cost of few.

It is the layer of `channels_redis`, with its names, its bytes on the wire and its options;
consumers and `group_send` work as with that one. The connections to Redis are our own, `shard`:
messages go out in one write, and one that comes in is handed on as it is read, without a task, a
queue and a timer for each. Both layers can run beside each other on one Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close, decode_hosts

from realtime.layer.shard import Shard

logger = logging.getLogger(__name__)

Receive = Callable[[bytes], None]


class PubSubChannelLayer(RedisPubSubChannelLayer):
    """Add to a channel layer: many messages in one call, and a function that takes messages in."""

    def __init__(self, *args: Any, hosts: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, hosts=decode_hosts(hosts), **kwargs)

    def _get_layer(self) -> LoopLayer:
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            self._layers[loop] = LoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        layer: LoopLayer = self._layers[loop]
        return layer

    async def group_send_all(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Send messages to their groups, in order and without a wait between them."""
        await self._get_layer().group_send_all(messages)

    async def listen(self, receive: Receive) -> str:
        """Return a new channel whose messages go to a function, for `deserialize`, as they come."""
        return await self._get_layer().listen(receive)

    async def forget(self, channel: str) -> None:
        """Take a channel out of all its groups, and hand on no message to it any more."""
        await self._get_layer().forget(channel)


class LoopLayer(RedisPubSubLoopLayer):
    """Serve one event loop."""

    def __init__(self, hosts: Any = None, **kwargs: Any) -> None:
        super().__init__(hosts=hosts, **kwargs)
        self._shards = [Shard(host, self._hand_on) for host in decode_hosts(hosts)]
        self._receivers: dict[str, Receive] = {}

    async def group_send_all(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
        shares: dict[Shard, list[tuple[str, bytes]]] = {}
        for group, message in messages:
            name = self._get_group_channel_name(group)
            content = self.channel_layer.serialize(message)
            shares.setdefault(self._get_shard(name), []).append((name, content))
        await asyncio.gather(*(shard.publish_all(share) for shard, share in shares.items()))

    async def listen(self, receive: Receive) -> str:
        channel: str = await self.new_channel()
        self._receivers[channel] = receive
        return channel

    async def _subscribe_to_channel(self, channel: str) -> None:
        try:
            await super()._subscribe_to_channel(channel)
        except BaseException:
            # Nobody has its name yet. The next attempt takes another, however long Redis is away.
            await self.forget(channel)
            raise

    async def forget(self, channel: str) -> None:
        self._receivers.pop(channel, None)
        if self.channels.pop(channel, None) is not None:
            await self._get_shard(channel).unsubscribe(channel)
        for name in [name for name, members in self.groups.items() if channel in members]:
            self.groups[name].discard(channel)
            if not self.groups[name]:
                del self.groups[name]
                await self._get_shard(name).unsubscribe(name)

    async def flush(self) -> None:
        self._receivers.clear()
        await super().flush()

    def _hand_on(self, name: str, content: bytes) -> None:
        """Hand a message to the channels that have its name, or are in the group of that name."""
        channels = [name] if name in self.channels else list(self.groups.get(name, ()))
        for channel in channels:
            if (receive := self._receivers.get(channel)) is not None:
                try:
                    receive(content)
                except Exception:
                    logger.exception("A message was dropped", extra={"action": "internal_error"})
            elif channel in self.channels:
                self.channels[channel].put_nowait(content)
