"""An orderly end of a server process: clients are told, presence is cleared, in bounded time.

Daphne ends by cancelling every connection's task, without a close frame. What is installed
here runs just before that. uvicorn closes every connection with its own code, 1012, and then
ends the application's lifespan; there presence is cleared.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from realtime import hub

logger = logging.getLogger(__name__)

TIMEOUT = 3.0
"""Seconds that the end of a process may take."""


def install() -> None:
    """Have Daphne, if this process is one, drain before it stops. Call at import of asgi.py."""
    if "daphne.server" not in sys.modules:
        return
    from twisted.internet import defer, reactor

    def drain() -> defer.Deferred[None]:
        return defer.Deferred.fromFuture(asyncio.ensure_future(_end(hub.current())))

    reactor.addSystemEventTrigger("before", "shutdown", drain)  # type: ignore[arg-type]


async def lifespan(_scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of `lifespan`, for servers that have one."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await _end(hub.current())
    await send({"type": "lifespan.shutdown.complete"})


async def _end(current: hub.Hub) -> None:
    # Up to the first await this runs before Daphne's own trigger takes effect.
    current.drain()
    try:
        async with asyncio.timeout(TIMEOUT):
            await current.close()
    except TimeoutError:
        logger.warning("Could not end in time", extra={"action": "shutdown"})
