"""Issue and redeem tickets, each of which opens one WebSocket in place of a token in the URL.

Redis keeps the access token that asked for a ticket under ``realtime:ticket:<ticket>`` until it is
used or expires. So any server process can redeem it, once. The token is signed, and verified when
the ticket is redeemed, so write access to Redis lets nobody sign in as another user.
"""

from __future__ import annotations

import secrets
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from realtime import conf
from realtime.db import redis
from realtime.protocol.errors import ErrorCode, ProtocolError


def issue(token: str) -> str:
    """Return a new ticket for an access token.

    Raises:
        RedisError, OSError: if Redis cannot be reached.
    """
    ticket = secrets.token_urlsafe(32)
    lifetime = conf.get().TICKET_LIFETIME
    _redis().set(_key(ticket), token, px=round(lifetime * 1000))
    return ticket


def redeem(ticket: str) -> str:
    """Return the access token of a ticket, unverified, and delete the ticket.

    Raises:
        ProtocolError: TOKEN_INVALID, or UNAVAILABLE if Redis cannot be reached.
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


@conf.cached
def _redis() -> Redis:
    # One client for the process: the threads of views and of the server share its connections.
    return redis.client()
