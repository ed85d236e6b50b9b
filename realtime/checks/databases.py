"""Check the databases for settings that would lose edits, or fail under load."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections, router
from django.db.models import Model

from realtime.db.routers import reading_where_written
from realtime.models import alias
from realtime.rooms import registry

_SAMPLES = 20
"""Times that a router is asked: one with several replicas may choose at random."""


def _models() -> list[type[Model]]:
    """Return the models that rooms read: users, and those that the hosts' rooms name."""
    hosts = (room.model for room in registry.registered)
    return [get_user_model(), *(model for model in hosts if model is not None)]


@register(Tags.compatibility)
def check_vendor(**_: Any) -> list[CheckMessage]:
    connection = connections[alias()]
    if connection.vendor in ("postgresql", "sqlite"):
        return []
    return [
        Error(
            f"The log of the rooms cannot be kept in {connection.display_name}",
            hint="Set DATABASES to PostgreSQL, or SQLite for one machine.",
            id="realtime.E006",
        )
    ]


@register(Tags.compatibility)
def check_sqlite(**_: Any) -> list[CheckMessage]:
    used = {alias(), *(router.db_for_write(model) for model in _models())}
    deferring = [
        name
        for name in sorted(used)
        if connections[name].vendor == "sqlite"
        and str(connections[name].settings_dict["OPTIONS"].get("transaction_mode")).upper()
        not in ("IMMEDIATE", "EXCLUSIVE")
    ]
    what = "fails with “database is locked” as soon as two people write: it upgrades read locks"
    if django.VERSION < (5, 1):
        return [
            CheckWarning(
                f"SQLite ({name}) {what}, and this version of Django cannot have it otherwise",
                hint="Use PostgreSQL, or Django 5.1 or newer with transaction_mode IMMEDIATE.",
                id="realtime.W010",
            )
            for name in deferring
        ]
    return [
        Error(
            f"SQLite ({name}) {what}",
            hint=f'Set DATABASES["{name}"]["OPTIONS"] to {{"transaction_mode": "IMMEDIATE", '
            '"timeout": 20, "init_command": "PRAGMA journal_mode=WAL"}.',
            id="realtime.E010",
        )
        for name in deferring
    ]


@register(Tags.compatibility)
def check_one_database(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{model._meta.label} is written in the database {router.db_for_write(model)!r}, and "
            f"the log of its rooms in {alias()!r}: no transaction holds both",
            hint="Have a router send the app `realtime` to the database of its host.",
            id="realtime.E011",
        )
        for model in _models()[1:]
        if router.db_for_write(model) != alias()
    ]


@register(Tags.compatibility)
def check_replicas(**_: Any) -> list[CheckMessage]:
    with reading_where_written():
        stale = [
            model
            for model in _models()
            if any(router.db_for_read(model) != router.db_for_write(model) for _ in range(_SAMPLES))
        ]
    return [
        Error(
            f"Rooms would read {model._meta.label} from a replica, which is behind",
            hint='Put "realtime.db.routers.ReadWhereWritten" first in DATABASE_ROUTERS.',
            id="realtime.E012",
        )
        for model in stale
    ]


@register(Tags.compatibility)
def check_persistent_connections(**_: Any) -> list[CheckMessage]:
    if not getattr(settings, "ASGI_APPLICATION", None):
        return []
    return [
        CheckWarning(
            f'DATABASES["{name}"]: under ASGI each request has a thread of its own, so that with '
            "CONN_MAX_AGE connections pile up",
            hint='Leave CONN_MAX_AGE at 0; with PostgreSQL, set "OPTIONS": {"pool": True}.',
            id="realtime.W011",
        )
        for name in connections
        if connections.settings[name]["CONN_MAX_AGE"] != 0
    ]
