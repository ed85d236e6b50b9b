"""Check the settings of this app and of the channel layer."""

from __future__ import annotations

from inspect import signature
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from redis import Redis

from realtime import conf, extras
from realtime.auth import origins


@register(Tags.compatibility)
def check_settings(**_: Any) -> list[CheckMessage]:
    try:
        given = conf.get()
    except (ImproperlyConfigured, TypeError) as error:
        return [Error(str(error), id="realtime.E001")]
    if given.ACCESS_TIMEOUT <= 2 * given.ACCESS_INTERVAL:
        return [
            Error(
                'REALTIME["ACCESS_TIMEOUT"] leaves no time for a check of access to fail once',
                hint="Set it to more than twice ACCESS_INTERVAL, in seconds.",
                id="realtime.E007",
            )
        ]
    return [
        Error(
            f'REALTIME["ALLOWED_ORIGINS"]: {text!r} matches no page: {problem}',
            hint="An origin is a scheme, a host and perhaps a port, and nothing after it: "
            "https://front.example:3000, or https://*.front.example.",
            id="realtime.E004",
        )
        for text in given.ALLOWED_ORIGINS
        if (problem := origins.problem(text))
    ]


@register(Tags.compatibility)
def check_redis_url(**_: Any) -> list[CheckMessage]:
    try:
        if conf.get().REDIS_URL != conf.IN_MEMORY:
            Redis.from_url(conf.get().REDIS_URL)
    except (ImproperlyConfigured, TypeError):  # told by `check_settings`
        return []
    except ValueError as error:
        return [
            Error(
                f'REALTIME["REDIS_URL"] cannot be read: {error}',
                hint="Give redis://:password@host:6379/0, rediss://… or unix:///path?db=0. Of a "
                "Sentinel, give an address that leads to the primary, whichever that is: presence "
                "and tickets do not ask a Sentinel.",
                id="realtime.E030",
            )
        ]
    return []


@register(Tags.compatibility)
def check_http(**_: Any) -> list[CheckMessage]:
    try:
        turns = conf.get().HTTP_CONCURRENCY
    except (ImproperlyConfigured, TypeError):  # told by `check_settings`
        return []
    if turns < 1:
        return [
            Error(
                'With REALTIME["HTTP_CONCURRENCY"] below 1 no HTTP request is ever served',
                hint="Set it to the requests that a server process is to work on at once.",
                id="realtime.E020",
            )
        ]
    size = _pool_size(connection.settings_dict)
    if size is not None and size < turns:
        return [
            CheckWarning(
                f"HTTP has {turns} turns and {size} database connections: requests will wait "
                "for one, and fail where none comes",
                hint='Set max_size of the "pool" in DATABASES to REALTIME["HTTP_CONCURRENCY"] '
                "at least, or lower that.",
                id="realtime.W020",
            )
        ]
    return []


def _pool_size(database: dict[str, Any]) -> int | None:
    """Return the largest size of Django's pool; None if there is no pool."""
    pool = database.get("OPTIONS", {}).get("pool")
    if not pool:
        return None
    given = pool if isinstance(pool, dict) else {}
    least = int(given.get("min_size", 4))  # psycopg's default, for both
    return int(given.get("max_size") or least)


@register(Tags.compatibility)
def check_metrics(**_: Any) -> list[CheckMessage]:
    try:
        is_missing = conf.get().METRICS_TOKEN and not extras.has("prometheus_client")
    except (ImproperlyConfigured, TypeError):  # told by `check_settings`
        return []
    if not is_missing:
        return []
    return [
        CheckWarning(
            'There are no metrics for whoever has the REALTIME["METRICS_TOKEN"]',
            hint='They need prometheus-client: pip install "django-realtime-rooms[metrics]".',
            id="realtime.W043",
        )
    ]


@register(Tags.security, deploy=True)
def check_valkey(**_: Any) -> list[CheckMessage]:
    if not conf.get().VALKEY_DIR:
        return []
    return [
        CheckWarning(
            "Rooms run on a Valkey for development, which is one machine's",
            hint="Set REDIS_URL to the Redis of all server processes and workers.",
            id="realtime.W044",
        )
    ]


@register(Tags.security, deploy=True)
def check_origins(**_: Any) -> list[CheckMessage]:
    return [
        CheckWarning(
            f"{text}: a page that came without TLS may have been changed on its way",
            hint='Name origins with https in REALTIME["ALLOWED_ORIGINS"].',
            id="realtime.W004",
        )
        for text in conf.get().ALLOWED_ORIGINS
        if text.lower().startswith("http:")
    ]


@register(Tags.compatibility)
def check_channel_layer(**_: Any) -> list[CheckMessage]:
    layer = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {})
    name = layer.get("BACKEND", "")
    if not name:
        return [
            Error(
                "There is no default channel layer",
                hint="Set CHANNEL_LAYERS to realtime.layer.PubSubChannelLayer.",
                id="realtime.E003",
            )
        ]
    if name == "channels_redis.core.RedisChannelLayer":
        return [
            CheckWarning(
                "The core channel layer drops messages beyond its capacity",
                hint="Use realtime.layer.PubSubChannelLayer: rooms are exact "
                "with either, but with this one they often wait for the log.",
                id="realtime.W001",
            ),
            *_check_core_timeout(layer),
        ]
    if name == "channels_redis.pubsub.RedisPubSubChannelLayer":
        return [
            CheckWarning(
                "This channel layer stands still, and its process with it, once the network to "
                "Redis has gone silent",
                hint="Use realtime.layer.PubSubChannelLayer: the same, without that.",
                id="realtime.W005",
            )
        ]
    if name == "channels.layers.InMemoryChannelLayer":
        return [
            CheckWarning(
                "The channel layer in memory reaches one process: others find its events in the "
                "log, a second or two later, and no progress and no signals at all",
                hint="Use realtime.layer.PubSubChannelLayer; in memory is for tests.",
                id="realtime.W012",
            )
        ]
    return []


def _check_core_timeout(layer: dict[str, Any]) -> list[CheckMessage]:
    """Look for a connection that redis-py gives up while the core layer still waits on it."""
    from channels_redis.core import RedisChannelLayer
    from channels_redis.utils import decode_hosts
    from redis.asyncio.connection import AbstractConnection

    wait = RedisChannelLayer.brpop_timeout
    default = signature(AbstractConnection).parameters["socket_timeout"].default
    try:
        hosts = decode_hosts(layer.get("CONFIG", {}).get("hosts"))
    except ValueError:  # a text in place of a list, of which the layer tells
        return []
    limits = [host.get("socket_timeout", default) for host in hosts]
    if all(limit is None or limit > wait for limit in limits):
        return []
    return [
        CheckWarning(
            f"redis-py ends a read after {min(filter(None, limits)):g} s, and the core channel "
            f"layer waits {wait} s for a message: a consumer that hears nothing is closed",
            hint='Set it in CHANNEL_LAYERS["default"]["CONFIG"]: '
            '"hosts": [{"address": REDIS_URL, "socket_timeout": 15}].',
            id="realtime.W013",
        )
    ]
