"""Operators' orders to close all sockets of a user.

An order is a row. Every server process looks for new ones, again and again, and closes the
sockets that it has of that user with 4005: nobody has to know which process has which user, and
Redis is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from realtime.models import Disconnection
from realtime.protocol import ErrorCode, ProtocolError

_KEPT = timedelta(minutes=1)
"""Far longer than any process takes to look."""


def order(user_ids: Iterable[int]) -> None:
    """Have the sockets that these users have now closed, in every process."""
    Disconnection.objects.bulk_create(Disconnection(user_id=user_id) for user_id in user_ids)
    Disconnection.objects.filter(created_at__lt=timezone.now() - 2 * _KEPT).delete()


class Watch:
    """One process's view of the orders: tells each of them once."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def look(self) -> set[int]:
        """Return the users whose sockets are to be closed.

        What is new is told by ids, since neither clocks nor the order of commits can be trusted.
        To a process that has just begun, the orders of the last minute are new.
        """
        rows = dict(
            Disconnection.objects.filter(created_at__gt=timezone.now() - _KEPT).values_list(
                "id", "user_id"
            )
        )
        new = rows.keys() - self._known
        self._known = set(rows)
        return {rows[key] for key in new}


def answer() -> ProtocolError:
    return ProtocolError(ErrorCode.DISCONNECTED, "An operator has ended this connection")
