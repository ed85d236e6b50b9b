"""Check the settings of Celery; imported only if Celery is installed."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning


@register(Tags.compatibility)
def check_broker(**_: Any) -> list[CheckMessage]:
    """Warn if a Redis that hangs, or its network, would be waited for without an end."""
    settings = current_app.conf
    is_redis = str(settings.broker_url or "").startswith(("redis", "sentinel"))
    if not is_redis or (settings.broker_transport_options or {}).get("socket_timeout"):
        return []
    return [
        CheckWarning(
            "A request that starts a task waits for ever on a Redis that does not answer",
            hint='Set CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, '
            '"socket_connect_timeout": 5}, in seconds; a worker asks more often than that.',
            id="realtime.W050",
        )
    ]
