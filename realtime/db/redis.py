"""Make clients of the Redis in ``REALTIME["REDIS_URL"]``, all with the same time limit."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from realtime import conf

TIMEOUT = 2.0
"""Seconds to wait for a connection, and for an answer."""


def client(**options: Any) -> Redis:
    """Return a client for threads, which share its connections."""
    return Redis.from_url(conf.get().REDIS_URL, **_limits(), **options)


def async_client(**options: Any) -> AsyncRedis:
    """Return a client for one event loop. Its owner closes it."""
    return AsyncRedis.from_url(conf.get().REDIS_URL, **_limits(), **options)


def _limits() -> dict[str, Any]:
    return {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
