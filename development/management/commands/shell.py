"""Start the development Valkey for `manage.py shell`, so that tasks can be started from it."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import shell

from config import redis


class Command(shell.Command):
    def handle(self, **options: Any) -> None:
        redis.ensure_running()
        super().handle(**options)
