"""`manage.py realtime_check`: ask what rooms need for a sign of life, and say what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.layers import get_channel_layer
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from realtime import conf
from realtime.db import redis
from realtime.models import alias

_TIMEOUT = 5.0
"""Seconds that the channel layer has for a message."""
_GROUP = "realtime_check"
_OLDEST_REDIS = (6, 2)


class Problem(Exception):
    """Say in words what is wrong, and what to do."""


class Command(BaseCommand):
    help = "Ask what rooms need, the database, Redis and the channel layer, for a sign of life."

    def handle(self, **_: Any) -> None:
        problems = 0
        for name, probe in PROBES.items():
            try:
                found, style = probe(), self.style.SUCCESS
            except Problem as problem:
                found, style = str(problem), self.style.ERROR
                problems += 1
            self.stdout.write(style(f"{name}: {found}"))
        if problems:
            raise CommandError(f"{problems} of {len(PROBES)} cannot serve rooms")


def ask_database() -> str:
    connection = connections[alias()]
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes("realtime"))
    except Error as error:
        raise Problem(f"{alias()} cannot be reached: {_first_line(error)}") from error
    if plan:
        raise Problem(f"{len(plan)} migrations are missing: python manage.py migrate")
    return f"{connection.display_name}, {alias()}, has the tables"


def ask_redis() -> str:
    place = _without_password(conf.get().REDIS_URL)
    try:
        info: Any = redis.client().info("server")
    except (RedisError, OSError) as error:
        raise Problem(
            f'{place} does not answer: {_first_line(error)}. Start it, or set REALTIME["REDIS_URL"]'
        ) from error
    version = str(info["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < _OLDEST_REDIS:
        raise Problem(f"{place} is Redis {version}; rooms need 6.2 or newer, or Valkey")
    return f"{place} answers"


def ask_layer() -> str:
    layer = get_channel_layer()
    if layer is None:
        raise Problem("there is none: set CHANNEL_LAYERS to realtime.layer.PubSubChannelLayer")
    try:
        asyncio.run(_send_through(layer))
    except TimeoutError as error:
        raise Problem(f"a message did not come back within {_TIMEOUT:g} s") from error
    except Exception as error:  # every layer has errors of its own
        raise Problem(f"it takes no message: {_first_line(error)}. See CHANNEL_LAYERS") from error
    return "a message came back"


async def _send_through(layer: Any) -> None:
    channel = await layer.new_channel()
    await layer.group_add(_GROUP, channel)
    try:
        async with asyncio.timeout(_TIMEOUT):
            await layer.group_send(_GROUP, {"type": "realtime.check"})
            await layer.receive(channel)
    finally:
        await layer.group_discard(_GROUP, channel)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


PROBES: dict[str, Callable[[], str]] = {
    "Database": ask_database,
    "Redis": ask_redis,
    "Channel layer": ask_layer,
}
