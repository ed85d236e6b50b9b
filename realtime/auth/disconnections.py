"""Carry operators' requests to close all sockets of a user to every server process.

A request is a row. Every process polls the rows and closes its sockets of that user with 4005. So
no process has to know where a user is connected, and Redis is not needed.

A socket remembers the requests that existed when it signed in; any other request is meant for it.
So a request ends each socket once, and no socket that was opened later, regardless of when a
process started, in which order transactions committed, and what the clocks say. Only the deletion
of old rows depends on a clock: the database's.
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
from realtime.protocol.room_id import Id, to_id

_KEPT = timedelta(minutes=10)
"""Far longer than `ACCESS_TIMEOUT`: a process that could not poll for so long has no sockets."""


def request(user_ids: Iterable[Any]) -> None:
    """Ask every process to close the sockets that these users have now."""
    Disconnection.objects.bulk_create(
        Disconnection(user_id=user_id, created_at=Now()) for user_id in user_ids
    )
    Disconnection.objects.filter(created_at__lt=Now() - 2 * _KEPT).delete()


def pending() -> dict[Id, set[int]]:
    """Return the ids of recent requests, by user: one query."""
    return _by_user(_recent())


def pending_for(user_ids: Collection[Id]) -> dict[Id, set[int]]:
    """Return the ids of the existing requests for users who sign in: one query."""
    return _by_user(_of_users(user_ids))


def to_error() -> ProtocolError:
    return ProtocolError(ErrorCode.DISCONNECTED, "An operator has ended this connection")


def _by_user(rows: Iterable[tuple[Any, ...]]) -> dict[Id, set[int]]:
    found: dict[Id, set[int]] = defaultdict(set)
    for key, user_id in rows:
        found[to_id(user_id)].add(key)
    return found


@CompiledQuery
def _recent() -> Any:
    recent = Disconnection.objects.filter(created_at__gt=Now() - _KEPT)
    return recent.order_by().values_list("id", "user_id")


@CompiledQuery
def _of_users(user_ids: Argument) -> Any:
    return Disconnection.objects.filter(AnyOf("user_id", user_ids)).values_list("id", "user_id")
