"""Do what ASGI leaves out of a connection: wait for the client, count its frames, cut it off.

All of it uses the own connection of a known server (`daphne`, `uvicorn` beside this module).
Delivery and its limits must not depend on that. If a wrapper around the application hides the
connection, it is found in the coroutine that the server started; frames then go through the
wrapper. With an unknown server, `send` is awaited: if it does not return in time, the client does
not read, and its socket is ended.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Iterator
from contextlib import contextmanager

from realtime.conf import Rate
from realtime.transport.daphne import DaphneConnection
from realtime.transport.frames import FrameLimit
from realtime.transport.server import Connection, Send
from realtime.transport.uvicorn import UvicornConnection

logger = logging.getLogger(__name__)

_SERVERS = (DaphneConnection, UvicornConnection)
_CLOSING_TIME = 2.0
"""Seconds for a client that sent too many frames to learn of its end; it is not read meanwhile."""
_LOOK = 0.25
"""Seconds between two looks at a client that may have left."""
_HANG_UP: int | None = getattr(select, "POLLRDHUP", None)
"""The end of what a client sends, which Linux alone tells before all of it was read."""
_told: set[str] = set()


def limit_frames(send: Send, rate: Rate) -> FrameLimit | None:
    """Count the frames of a connection from now on; return None if the server is not known.

    Call it before anything is awaited, so that the server has not read on.
    """
    connection = _behind(send) or _caller()
    if connection is None:
        return None
    limit = FrameLimit(rate)
    loop = asyncio.get_running_loop()

    def admit(data: bytes) -> bytes:
        was_exceeded = limit.is_exceeded
        admitted = limit.admit(data)
        if limit.is_exceeded:
            connection.pause_reading()
            if not was_exceeded:
                loop.call_later(_CLOSING_TIME, connection.abort)
        return admitted

    connection.intercept(admit)
    return limit


class Transport:
    """Wrap one connection of the server, whichever server that is."""

    def __init__(self, send: Send, *, timeout: float) -> None:
        """`timeout` is the seconds in which a client must answer a close."""
        direct = _behind(send)
        self._connection = direct or _caller()
        self.is_direct = direct is not None and direct.is_steppable
        """True if `send` is the server's own, a coroutine that may be run by hand."""
        self.write = None if direct is None else direct.direct_write()
        """Sends text frames at once if that is possible; None if it never is."""
        self.send = send if self._connection is None else self._connection.waiting(send, timeout)
        """Sends as the server does, but waits while the client does not read."""
        if self._connection is None:
            _tell("This server is not known: frames are neither counted nor sent the quick way")
        elif direct is None:
            _tell("A wrapper around the application hides the server: frames go through it")

    @contextmanager
    def reading_paused(self) -> Iterator[None]:
        """Leave the client's data in its own buffers while something takes its time."""
        connection = self._connection
        if connection is None or not connection.reads_on:
            yield
            return
        connection.pause_reading()
        try:
            yield
        finally:
            connection.resume_reading()

    async def client_stays(self, seconds: float) -> bool:
        """Let time pass; return False as soon as the client has left.

        A server that does not read sees no end either, so this asks the kernel. It does not know
        while the client's own kernel holds more than there is room for here, and nobody can ask
        with a server that is not known, or on another system than Linux: then all of the time
        passes.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            if self._connection is not None and _has_hung_up(self._connection.fileno()):
                return False
            await asyncio.sleep(min(left, _LOOK))
        return True

    def abort(self) -> bool:
        """Cut the connection without waiting for the client; the server then says so.

        Returns:
            True if that could be done.
        """
        if self._connection is None:
            return False
        self._connection.abort()
        return True


def _has_hung_up(fileno: int) -> bool:
    """Return True if a connection has ended, or its client will send nothing more."""
    if fileno < 0:
        return True
    if _HANG_UP is None:
        return False
    question = select.poll()
    question.register(fileno, _HANG_UP)
    return bool(question.poll(0))


def _behind(found: object) -> Connection | None:
    """Return the connection of a server's `send`, or of its protocol; None if it is neither."""
    for server in _SERVERS:
        try:
            if (connection := server.of(found)) is not None:
                return connection
        except AttributeError as error:
            _tell(f"This version of the server is not known: {error}")
    return None


def _caller() -> Connection | None:
    """Return the connection for which the server has started this task; None if none is found.

    The outermost coroutine is the server's own, or the one that got the server's `send`.
    """
    task = asyncio.current_task()
    frame = getattr(task.get_coro(), "cr_frame", None) if task is not None else None
    found = [] if frame is None else frame.f_locals.values()
    return next(filter(None, map(_behind, found)), None)


def _tell(text: str) -> None:
    """Log once what is true of all connections."""
    if text not in _told:
        _told.add(text)
        logger.warning(text, extra={"action": "slow_send"})
