"""Own all that lives as long as one server process, and end it in order.

A server process makes its `ServerProcess` when it starts, and hands it to each connection. The
first socket begins its clocks, so a process without any asks nothing of the database or Redis.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from realtime import conf, extras
from realtime.aio import Tasks
from realtime.auth.authenticator import Authenticator
from realtime.db import threads
from realtime.db.outages import is_outage
from realtime.events import broadcast
from realtime.limits import UserLimit
from realtime.live import updates
from realtime.live.access import AccessMonitor, Connection
from realtime.live.hub import Hub
from realtime.models import Room
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.transport import daphne
from realtime.transport.http import BoundedHTTP

logger = logging.getLogger(__name__)

Step = Callable[[], Coroutine[Any, Any, None]]

TIMEOUT = 2.0
"""Seconds that Daphne gives to HTTP under way, and to leaving the rooms meanwhile."""
LAST_RESORT = 2.7
"""Seconds after which a Daphne that should end is ended, whatever it still waits for."""
LIFESPAN_TIMEOUT = 1.0
"""The same as TIMEOUT for servers that end a lifespan: they have waited for HTTP before."""


class Gauges(NamedTuple):
    """Hold the gauges of one server process."""

    sockets: int = 0
    """Open sockets of users who signed in."""
    joined: int = 0
    """Of these, sockets that are in a room."""
    rooms: int = 0
    subscriptions: int = 0
    """Sockets in rooms: one that is in two counts twice."""
    behind: int = 0
    """Rooms that wait for an event from the log."""
    unsent: int = 0
    """Bytes that wait for slow clients, of all sockets."""
    largest_unsent: int = 0
    """Bytes that wait for the slowest client."""
    unchecked: float = 0.0
    """Seconds for which the access of some socket has not been checked."""
    is_draining: bool = False


class ServerProcess:
    """Own the hub, the writer, the token checks and the clocks of one server process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.hub = Hub()
        self.writer = updates.Writer()
        self.user_limit = UserLimit(conf.get().USER_RATE)
        self.authenticator = Authenticator()
        self.is_draining = False
        self._access = AccessMonitor(self.hub.revoke)
        self._server = broadcast.LocalServer(loop, self.hub.process, self.hub.show)
        self._has_begun = False
        """True from the first socket on: the clocks go."""
        self._tasks = Tasks()
        self._question: asyncio.Task[bool] | None = None

    # --- sockets

    async def connect(self, connection: Connection) -> None:
        """Take a socket in.

        Raises:
            ProtocolError: RATE_LIMITED, if its user has too many.
        """
        if self.is_draining:
            connection.drain()
            return
        self._begin()
        # Before the await: while Redis counts, the access of this socket is checked already, and
        # `disconnect` knows that it is to be counted off.
        self._access.add(connection)
        if not await self.hub.presence.connect(connection.identity.user_id):
            raise ProtocolError(ErrorCode.RATE_LIMITED, "You have too many connections open")

    def disconnect(self, connection: Connection) -> None:
        """Take a socket out, of all its rooms too."""
        if connection in self._access:
            self._access.discard(connection)
            self.hub.presence.disconnect(connection.identity.user_id)
        for room in list(connection.socket.rooms):
            self.hub.leave(connection.socket, room)

    # --- clocks

    def _begin(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        broadcast.use(self._server)
        self._access.begin()
        settings = conf.get()
        # Each goes by a clock of its own: with a database that hangs, presence must go on.
        clocks: list[tuple[float, Step]] = [
            (settings.REPAIR_INTERVAL, self.hub.repair.check),
            (settings.ACCESS_INTERVAL, self._access.check),
            (settings.REPAIR_INTERVAL, self.hub.subscriptions.settle_all),
            (self.hub.presence.interval, self.hub.presence.tick),
        ]
        if extras.has("celery"):
            clocks.append((settings.TASK_LEASE / 3, _task_sweep()))
        for interval, step in clocks:
            self._tasks.spawn(_every(interval, step))

    async def look(self) -> None:
        """Compare rooms and access with the database now, without waiting for the clocks."""
        if self._has_begun:
            await self._access.check()
            await self.hub.repair.check()

    # --- what operators see

    def gauges(self) -> Gauges:
        """Return the gauges of this process; from any thread."""
        connections, rooms = tuple(self._access), tuple(self.hub.rooms.values())
        unsent = [connection.socket.outbox.unsent for connection in connections]
        counts = [len(connection.socket.rooms) for connection in connections]
        return Gauges(
            sockets=len(connections),
            joined=sum(1 for count in counts if count),
            rooms=len(rooms),
            subscriptions=sum(counts),
            behind=sum(room.has_gap for room in rooms),
            unsent=sum(unsent),
            largest_unsent=max(unsent, default=0),
            unchecked=self._access.unchecked if self._has_begun else 0.0,
            is_draining=self.is_draining,
        )

    def ask_database(self) -> asyncio.Task[bool]:
        """Return the one open question to the database, or ask a new one.

        A query cannot be taken back. So while one hangs, all who ask wait for that one, and a
        database that hangs costs one thread, however often it is asked.
        """
        if self._question is None or self._question.done():
            self._question = self.loop.create_task(threads.run(Room.objects.exists))
        return self._question

    # --- the end

    def drain(self) -> None:
        """Close every connection with `server_draining`, and any that still arrives."""
        self.is_draining = True
        for connection in self._access:
            connection.drain()

    async def close(self) -> None:
        """Give up every subscription and the lease; the process is about to end.

        From here on it sends nothing but the departures of its users.
        """
        if self._server.is_stopped:
            return
        self._server.stop()
        broadcast.use(self._server)
        if not self._has_begun:
            return
        # The clocks first: none of their steps may find what is closed below.
        await self._tasks.cancel()
        await self._access.close()
        await self.hub.close()


_current: ServerProcess | None = None


def current() -> ServerProcess:
    """Return the server process of the running event loop; the first call makes it."""
    global _current  # noqa: PLW0603  (the one of this process)
    loop = asyncio.get_running_loop()
    if _current is None or _current.loop is not loop:  # a test has a loop of its own
        _current = ServerProcess(loop)
    return _current


def running() -> ServerProcess | None:
    """Return this server process, from any thread; None where none was made, as in a worker."""
    return _current if _current is not None and _current.loop.is_running() else None


def gauges() -> Gauges:
    """Return the gauges of this process, from any thread; all 0 where it serves no sockets."""
    server = running()
    return Gauges() if server is None else server.gauges()


def _task_sweep() -> Step:
    """Return the step that ends the tasks of lost workers."""
    from realtime.tasks import lease  # absent where Celery is
    from realtime.tasks.queues import QueueProbe

    probe = QueueProbe()

    async def sweep_tasks() -> None:
        await threads.run(lease.sweep, probe)

    return sweep_tasks


async def _every(interval: float, step: Step) -> None:
    """Take a step at every interval, as long as the process lives; no error ends this."""
    while True:
        await asyncio.sleep(interval)
        try:
            await step()
        except Exception as error:  # the next step may fare better; without any, rooms go stale
            name, extra = step.__qualname__, {"action": "tick"}
            if is_outage(error):
                logger.warning("%s: the database is away: %s", name, error, extra=extra)
            else:
                logger.exception("%s failed", name, extra=extra)


# --- the server's start and end


class Lifetime:
    """Make the server process when its server starts, and end it in bounded time.

    Daphne ends by cancelling every connection's task, without a close frame, and then waits for
    every thread, also for one that waits for its event loop, which is gone. What `watch_daphne`
    installs runs just before that. uvicorn closes every connection with its own code, 1012, waits
    for HTTP as long as it was told to, and ends the application's lifespan; there presence is
    cleared.
    """

    def __init__(self, http: BoundedHTTP) -> None:
        self._http = http

    def watch_daphne(self) -> None:
        """Have Daphne, if this process is one, drain before it stops. Call at import of asgi.py."""

        def end() -> Coroutine[Any, Any, None]:
            last_resort = threading.Timer(LAST_RESORT, _exit)
            last_resort.daemon = True
            last_resort.start()
            return self._end(TIMEOUT)

        daphne.watch(current, end)

    async def lifespan(self, _scope: Any, receive: Any, send: Any) -> None:
        """Serve ASGI's `lifespan`, for servers that have one."""
        while (await receive())["type"] == "lifespan.startup":
            current()
            await send({"type": "lifespan.startup.complete"})
        await self._end(LIFESPAN_TIMEOUT)
        await send({"type": "lifespan.shutdown.complete"})

    async def _end(self, timeout: float) -> None:
        server = current()
        # Up to the first await this runs before Daphne's own trigger takes effect.
        server.drain()
        ending = [asyncio.ensure_future(server.close()), asyncio.ensure_future(self._http.finish())]
        # A task that does not end is left behind: to cancel it could take as long.
        done, late = await asyncio.wait(ending, timeout=timeout)
        for task in done:
            if error := task.exception():
                logger.error("Could not end in order", exc_info=error, extra={"action": "shutdown"})
        if late:
            logger.warning("Could not end in time", extra={"action": "shutdown"})


def _exit() -> None:
    """End a process whose threads hang; their open transactions are not committed."""
    try:
        logger.warning("Ended with work under way", extra={"action": "shutdown"})
    finally:
        os._exit(0)
