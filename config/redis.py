"""Find the Redis of this project: the server of `REDIS_URL`, or the development Valkey."""

from __future__ import annotations

from django.conf import settings


def ensure_running() -> None:
    """Start the development Valkey for this process, unless `REDIS_URL` names a server.

    Raises:
        realtime.development.valkey.EmbeddedValkeyError: if it does not answer.
    """
    if settings.EMBEDDED_VALKEY:
        from realtime.development import valkey  # production has none of it

        valkey.ensure_running(settings.VAR_DIR)
