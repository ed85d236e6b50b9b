"""The channel layer of Redis's pub/sub, for a network that can go silent.

Where the machine of Redis is lost, or a firewall forgets a connection, nothing closes it: the
kernel gives it up after a while, with the error ETIMEDOUT. In Python that is a `TimeoutError`,
which redis-py takes for the end of the time that it was to wait for a message: it keeps the dead
connection. And `channels_redis` asks it again at once, for ever, so that the event loop, and with
it the whole server process, stands still.
"""

from __future__ import annotations

from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts
from redis.asyncio.connection import DefaultParser
from redis.exceptions import ConnectionError as ConnectionFailed


class PubSubChannelLayer(RedisPubSubChannelLayer):
    """`channels_redis`'s, but a connection that went silent is replaced."""

    def __init__(self, *args: Any, hosts: Any = None, **kwargs: Any) -> None:
        hosts = [{"parser_class": Parser, **host} for host in decode_hosts(hosts)]
        super().__init__(*args, hosts=hosts, **kwargs)


class Parser(DefaultParser):  # type: ignore[misc, valid-type]  # one of two, by what is installed
    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read as redis-py does; what the kernel gave up is no connection any more.

        Raises:
            ConnectionFailed: redis-py then connects and subscribes anew.
        """
        try:
            return await super().read_response(*args, **kwargs)
        except TimeoutError as error:  # a limit of asyncio's would be a cancellation here
            raise ConnectionFailed("The connection went silent") from error
