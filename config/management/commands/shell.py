"""`manage.py shell`, with the embedded Valkey for what is started from it, such as tasks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import shell

from config import embedded


class Command(shell.Command):
    def handle(self, **options: Any) -> None:
        if settings.EMBEDDED_VALKEY:
            embedded.ensure_running(settings.VAR_DIR)
        super().handle(**options)
