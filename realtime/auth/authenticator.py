"""Checks the tokens of sockets that come at once together: a storm is a few queries."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from realtime.aio import LINGER, Batcher
from realtime.auth import tokens
from realtime.db import threads
from realtime.protocol.errors import ProtocolError

_MAX_BATCH = 64

Checks = Batcher[None, str, tokens.Outcome]

_checks: WeakKeyDictionary[asyncio.AbstractEventLoop, Checks] = WeakKeyDictionary()
"""One per server process."""


async def authenticate(token: str) -> tokens.Identity:
    """Return whom a token stands for.

    Raises:
        ProtocolError: as `tokens.authenticate`.
    """
    loop = asyncio.get_running_loop()
    if loop not in _checks:
        _checks[loop] = Batcher(_check, limit=_MAX_BATCH, linger=LINGER)
    outcome = await _checks[loop].submit(None, token)
    if isinstance(outcome, ProtocolError):
        raise outcome
    return outcome


async def _check(_: None, batch: list[str]) -> list[tokens.Outcome]:
    return await threads.run(tokens.authenticate_all, batch)
