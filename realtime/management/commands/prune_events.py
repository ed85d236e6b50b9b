"""Delete old events, which no client will ask for: `manage.py prune_events --days 30`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime.events import log


class Command(BaseCommand):
    help = (
        "Delete events, receipts and ended tasks older than a number of days. A client that was "
        "away for longer gets a snapshot instead of a replay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=float, default=30)

    def handle(self, *, days: float, **_: Any) -> None:
        if days < 0:
            raise CommandError("--days must not be negative")
        count = log.prune(timedelta(days=days))
        self.stdout.write(f"Deleted {count} events, receipts and tasks")
