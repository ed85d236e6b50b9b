"""An orderly end of a server process: clients are told, presence is cleared, in bounded time.

Daphne ends by cancelling every connection's task, without a close frame, and then waits for
every thread, also for one that waits for its event loop, which is gone. What is installed here
runs just before that. uvicorn closes every connection with its own code, 1012, waits for HTTP
as long as it was told to, and ends the application's lifespan; there presence is cleared.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from typing import Any

from realtime.live import hub
from realtime.transport import http

logger = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Seconds that Daphne gives to HTTP under way, and to leaving the rooms meanwhile."""
LAST_RESORT = 2.7
"""Seconds after which a Daphne that should end is ended, whatever it still waits for."""
LIFESPAN_TIMEOUT = 1.0
"""The same as TIMEOUT for servers that end a lifespan: they have waited for HTTP before."""


def install() -> None:
    """Have Daphne, if this process is one, drain before it stops. Call at import of asgi.py."""
    if "daphne.server" not in sys.modules:
        return
    from twisted.internet import defer
    from twisted.internet import reactor as running
    from twisted.internet.interfaces import IListeningPort

    reactor: Any = running  # a module to mypy

    def drain() -> defer.Deferred[None]:
        last_resort = threading.Timer(LAST_RESORT, _exit)
        last_resort.daemon = True
        last_resort.start()
        # A proxy then turns to another process at once, and can be sure that nothing was done.
        for reader in reactor.getReaders():
            if IListeningPort.providedBy(reader):
                reader.stopListening()
        return defer.Deferred.fromFuture(asyncio.ensure_future(_end(hub.current(), TIMEOUT)))

    reactor.addSystemEventTrigger("before", "shutdown", drain)


async def lifespan(_scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of `lifespan`, for servers that have one."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await _end(hub.current(), LIFESPAN_TIMEOUT)
    await send({"type": "lifespan.shutdown.complete"})


async def _end(current: hub.Hub, timeout: float) -> None:
    # Up to the first await this runs before Daphne's own trigger takes effect.
    current.drain()
    ending = [asyncio.ensure_future(current.close()), asyncio.ensure_future(http.finish())]
    # Whatever does not end is left behind: to cancel it could take as long.
    done, late = await asyncio.wait(ending, timeout=timeout)
    for task in done:
        if error := task.exception():
            logger.error("Could not end in order", exc_info=error, extra={"action": "shutdown"})
    if late:
        logger.warning("Could not end in time", extra={"action": "shutdown"})


def _exit() -> None:
    """End a process whose threads wait for what does not come; what they wrote is not committed."""
    try:
        logger.warning("Ended with work under way", extra={"action": "shutdown"})
    finally:
        os._exit(0)
