"""Operators' orders to close all sockets of a user.

An order is a row. Every server process reads all of them, again and again, and closes the sockets
that it has of that user with 4005: nobody has to know which process has which user, and Redis is
not needed.

A socket knows the orders that were there when it signed in; one that it does not know is for it.
So an order ends each socket once, and none that was opened after it, whatever a process's start,
the order of commits, or the clocks say. Only how long rows are kept goes by a clock: the
database's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.models import Disconnection
from realtime.protocol.errors import ErrorCode, ProtocolError

_KEPT = timedelta(minutes=10)
"""Far longer than `ACCESS_TIMEOUT`: a process that could not look for so long has no sockets."""


def order(user_ids: Iterable[Any]) -> None:
    """Have the sockets that these users have now closed, in every process."""
    Disconnection.objects.bulk_create(
        Disconnection(user_id=user_id, created_at=Now()) for user_id in user_ids
    )
    Disconnection.objects.filter(created_at__lt=Now() - 2 * _KEPT).delete()


def orders() -> dict[Any, set[int]]:
    """Return the ids of the orders that are to be carried out, by user: one query."""
    return _by_user(_recent())


def known(user_ids: Collection[Any]) -> dict[Any, set[int]]:
    """Return the ids of the orders that there are already, for users who sign in: one query."""
    return _by_user(_of_users(user_ids))


def answer() -> ProtocolError:
    return ProtocolError(ErrorCode.DISCONNECTED, "An operator has ended this connection")


def _by_user(rows: Iterable[tuple[Any, ...]]) -> dict[Any, set[int]]:
    found: dict[Any, set[int]] = defaultdict(set)
    for key, user_id in rows:
        found[user_id].add(key)
    return found


@CompiledQuery
def _recent() -> Any:
    recent = Disconnection.objects.filter(created_at__gt=Now() - _KEPT)
    return recent.order_by().values_list("id", "user_id")


@CompiledQuery
def _of_users(user_ids: Argument) -> Any:
    return Disconnection.objects.filter(AnyOf("user_id", user_ids)).values_list("id", "user_id")
