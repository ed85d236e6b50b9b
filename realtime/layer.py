"""Provide Redis's pub/sub as a channel layer that survives a silent network.

If the machine of Redis is lost, or a firewall forgets a connection, nothing closes the connection:
the kernel gives it up after a while, with ETIMEDOUT. In Python that is a `TimeoutError`, which
redis-py takes for the end of its own wait for a message: it keeps the dead connection.
`channels_redis` then reads from it again at once, for ever, and blocks the event loop and the whole
server process.
"""

from __future__ import annotations

from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts
from redis.asyncio.connection import DefaultParser
from redis.exceptions import ConnectionError as ConnectionFailed


class PubSubChannelLayer(RedisPubSubChannelLayer):
    """Replace connections that went silent; otherwise the layer of `channels_redis`."""

    def __init__(self, *args: Any, hosts: Any = None, **kwargs: Any) -> None:
        hosts = [{"parser_class": Parser, **host} for host in decode_hosts(hosts)]
        super().__init__(*args, hosts=hosts, **kwargs)


class Parser(DefaultParser):  # type: ignore[misc, valid-type]  # one of two, by what is installed
    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read as redis-py does; report a connection that the kernel gave up as lost.

        Raises:
            ConnectionFailed: redis-py then connects and subscribes again.
        """
        try:
            return await super().read_response(*args, **kwargs)
        except TimeoutError as error:  # from the kernel: a time limit of asyncio cancels instead
            raise ConnectionFailed("The connection went silent") from error
