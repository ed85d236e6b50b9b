"""Routers as hosts have them; `other` is a database in which nothing is unless it is sent there."""

from __future__ import annotations

from typing import Any

from django.db.models import Model


class Replica:
    """Reads from a replica that is behind for ever."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return "default"

    def allow_relation(self, *_: Any, **hints: Any) -> bool:
        return True


class Moved:
    """Keeps everything in the second database."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "other"

    db_for_write = db_for_read


class Apart:
    """Keeps the rooms in another database than what they show."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "other" if model._meta.app_label == "realtime" else "default"

    db_for_write = db_for_read
