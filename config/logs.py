"""Format log lines for people, with the fields that a search needs at their end."""

from __future__ import annotations

import logging

FIELDS = ("action", "room", "task_id")
"""Fields that `realtime` logs as `extra`; `docs/operate.md` has the actions."""


class WithoutTraceback(logging.Filter):
    """Drop the traceback of errors that any stranger can cause: the message is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


class LineFormatter(logging.Formatter):
    """Write `2026-01-31 12:00:00,000 WARNING realtime.live.hub: … action=repair room=board:42`."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        fields = [f" {name}={vars(record)[name]}" for name in FIELDS if name in vars(record)]
        return super().formatMessage(record) + "".join(fields)
