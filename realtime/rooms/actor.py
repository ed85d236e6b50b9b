"""Keep the user who acts, for the events of what the ORM writes.

The middleware, the socket and a task each name the user for what they run; other code calls
`acting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

from django.http import HttpRequest

_acting: ContextVar[Any] = ContextVar("realtime_acting")
_NOBODY = object()


class Deferred:
    """Find out who acts when the first change asks for it."""

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find

    @cached_property
    def user(self) -> Any:
        return self._find()


@contextmanager
def acting(user: Any) -> Iterator[None]:
    """Name the user who makes the changes inside the block; None is for the system.

    `user` is a user, the primary key of one, or a request. A request means the user who is signed
    in at the moment of a change, as REST framework signs a user in late.
    """
    token = _acting.set(user)
    try:
        yield
    finally:
        _acting.reset(token)


def is_named() -> bool:
    """Return True inside a block of `acting`, be it for the system."""
    return _acting.get(_NOBODY) is not _NOBODY


def actor_id() -> Any:
    """Return the primary key of the user who acts now; None for the system."""
    actor = _acting.get(None)
    # A request has no user before a middleware, or REST framework, has signed one in.
    user = getattr(actor, "user", None) if isinstance(actor, HttpRequest | Deferred) else actor
    # An anonymous user's primary key is None.
    return getattr(user, "pk", None) if hasattr(user, "is_authenticated") else user
