"""Check that the services of rooms answer, and tell what is wrong: `manage.py realtime_check`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.layers import get_channel_layer
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from realtime import conf
from realtime.db import redis
from realtime.events import values
from realtime.models import alias
from realtime.protocol.room_id import RoomId
from realtime.rooms import hosts, registry

_TIMEOUT = 5.0
"""Seconds in which the channel layer must bring a message."""
_GROUP = "realtime_check"
_OLDEST_REDIS = (6, 2)


class Problem(Exception):
    """Report what is wrong, and what to do."""


class Command(BaseCommand):
    help = "Ask the database, Redis, the channel layer and one room for a sign of life."

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


def ask_rooms() -> str:
    """Show and lock the first room of each kind that has any."""
    kinds = registry.kinds()
    if not kinds:
        raise Problem("none are registered: write a rooms.py in an app, see docs/integrate.md")
    return ", ".join(map(_ask_kind, kinds))


def _ask_kind(kind: str) -> str:
    model = registry.kinds()[kind].model
    if model is None:
        return kind
    try:
        first = model._default_manager.order_by("pk").first()
        if first is None:
            return f"{kind} (there is none yet)"
        room = RoomId.of(kind, first.pk)
        snapshot = hosts.snapshots([room]).get(room)
        values.plain(snapshot)
        with transaction.atomic(using=alias()):
            is_locked = room in hosts.lock([room])
            transaction.set_rollback(True, using=alias())
    except Exception as error:  # it is the host's code
        raise Problem(f"{kind}: {type(error).__name__}: {_first_line(error)}") from error
    if snapshot is None or not is_locked:
        raise Problem(f"{room} has its object, but `snapshots` or `lock` does not know it")
    return f"{room} can be shown and locked"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


PROBES: dict[str, Callable[[], str]] = {
    "Database": ask_database,
    "Redis": ask_redis,
    "Channel layer": ask_layer,
    "Rooms": ask_rooms,
}
