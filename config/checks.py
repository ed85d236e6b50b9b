"""Check for settings that are right for development and wrong in production."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning


@register(Tags.security, deploy=True)
def check_production(**_: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    if settings.SECRET_KEY.startswith("for-development-only"):
        messages.append(
            Error(
                "SECRET_KEY is the public one of development",
                hint="Set SECRET_KEY to 50 random characters; tokens are signed with it.",
                id="config.E001",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        messages.append(
            Error(
                "ALLOWED_HOSTS takes every host",
                hint="Set ALLOWED_HOSTS to the names of this site, separated by commas.",
                id="config.E002",
            )
        )
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        messages.append(
            CheckWarning(
                "SQLite serves one machine, and one writer at a time",
                hint="Set DATABASE_URL, such as postgres://user:password@host/name.",
                id="config.W001",
            )
        )
    return messages
