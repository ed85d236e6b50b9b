"""System checks: configuration mistakes, said before they cost anything."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from realtime import conf


@register(Tags.compatibility)
def check_settings(**_: Any) -> list[CheckMessage]:
    try:
        given = conf.get()
    except (ImproperlyConfigured, TypeError) as error:
        return [Error(str(error), id="realtime.E001")]
    try:
        import_string(given.BACKEND)
    except ImportError as error:
        return [
            Error(
                f'REALTIME["BACKEND"] cannot be imported: {error}',
                hint="Name the class that serves realtime with your projects; "
                "see realtime/backend.py.",
                id="realtime.E002",
            )
        ]
    return []


@register(Tags.compatibility)
def check_channel_layer(**_: Any) -> list[CheckMessage]:
    layer = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {})
    name = layer.get("BACKEND", "")
    if not name:
        return [
            Error(
                "There is no default channel layer",
                hint="Set CHANNEL_LAYERS to channels_redis.pubsub.RedisPubSubChannelLayer.",
                id="realtime.E003",
            )
        ]
    if name == "channels_redis.core.RedisChannelLayer":
        return [
            CheckWarning(
                "The core channel layer drops messages beyond its capacity",
                hint="Use channels_redis.pubsub.RedisPubSubChannelLayer: rooms are exact "
                "with either, but with this one they often wait for the log.",
                id="realtime.W001",
            )
        ]
    return []
