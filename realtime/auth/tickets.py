"""Tickets: what opens one WebSocket, soon, in place of an access token in the URL.

A ticket stands in Redis under ``realtime:ticket:<ticket>`` with the access token that asked for
it, until it is used or out of date. So any server process takes it, once. The token is signed, and
is verified like any other when the ticket is used: whoever writes to Redis signs in as nobody.
"""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from redis import Redis
from redis.exceptions import RedisError

from realtime import conf
from realtime.protocol.errors import ErrorCode, ProtocolError


def issue(token: str) -> str:
    """Return a new ticket for the bearer of an access token.

    Raises:
        RedisError, OSError: where Redis cannot be reached.
    """
    ticket = secrets.token_urlsafe(32)
    lifetime = conf.get().TICKET_LIFETIME
    _redis().set(_key(ticket), token, px=round(lifetime * 1000))
    return ticket


def redeem(ticket: str) -> str:
    """Return the access token that a ticket stands for, and use it up. It is not verified yet.

    Raises:
        ProtocolError: TOKEN_INVALID, or UNAVAILABLE where Redis cannot be reached.
    """
    try:
        found: Any = _redis().getdel(_key(ticket))
    except (RedisError, OSError):
        raise ProtocolError(
            ErrorCode.UNAVAILABLE, "Tickets cannot be checked now; try again", retry_after=1.0
        ) from None
    if found is None:
        raise ProtocolError(
            ErrorCode.TOKEN_INVALID, "The ticket is not valid, or was used; get a new one"
        )
    token: str = found.decode("utf-8", "replace")
    return token


def _key(ticket: str) -> str:
    return f"realtime:ticket:{ticket}"


@cache
def _redis() -> Redis:
    # Its pool serves the threads of the views and of the server alike.
    return Redis.from_url(conf.get().REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "REALTIME":
        _redis.cache_clear()


setting_changed.connect(_forget, dispatch_uid="realtime.auth.tickets")
