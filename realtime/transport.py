"""What ASGI leaves out of a connection: waiting for the client, and cutting it off.

Daphne's `send` never waits: it puts every frame into the transport's buffer, however long that
is, and it queues every message that comes in, however many those are. Twisted does tell a
producer when the buffer is full (64 KiB), and can stop reading; so both are asked for here.
uvicorn does these of itself.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from realtime import frames
from realtime.outbox import Send


class Transport:
    """One connection of the server that runs this: Daphne, uvicorn or another."""

    def __init__(self, send: Send, *, timeout: float) -> None:
        """`timeout` is how long a client that is told of the end may take to answer."""
        self.send = send
        """Sends as the server does, but waits while the client does not read."""
        protocol, self._transport = _connection(send)
        self.write = frames.writer(protocol, self._transport)
        """Sends a text frame at once if that is possible; None where it never is."""
        self._is_twisted = hasattr(self._transport, "registerProducer")
        if self._is_twisted:
            flow = _Flow()
            self._transport.unregisterProducer()  # that of the HTTP request before the upgrade
            self._transport.registerProducer(flow, streaming=True)
            self.send = functools.partial(_send_when_writable, send, flow)
            # Autobahn's 1 s is too short for one that has megabytes to read before.
            protocol.closeHandshakeTimeout = timeout

    @contextmanager
    def reading_paused(self) -> Iterator[None]:
        """Leave what the client sends in its own buffers while something takes its time."""
        if self._is_twisted:
            self._transport.pauseProducing()
        try:
            yield
        finally:
            if self._is_twisted:
                self._transport.resumeProducing()

    def abort(self) -> None:
        """Cut the connection without waiting for the client; the server then says so."""
        if self._is_twisted:
            self._transport.abortConnection()
        elif hasattr(self._transport, "abort"):
            self._transport.abort()


def _connection(send: Send) -> tuple[Any, Any]:
    """Return the protocol and the transport behind a server's `send`, None for what is not found.

    Daphne's is a partial that has the protocol, uvicorn's a method of the protocol.
    """
    is_partial = isinstance(send, functools.partial) and send.args
    protocol = send.args[0] if is_partial else getattr(send, "__self__", None)  # type: ignore[attr-defined]
    return protocol, getattr(protocol, "transport", None)


async def _send_when_writable(send: Send, flow: _Flow, message: dict[str, Any]) -> None:
    if not flow.writable.is_set():
        await flow.writable.wait()
    await send(message)


class _Flow:
    """A Twisted push producer, by duck typing: this module must import without Twisted."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.writable.set()

    def stopProducing(self) -> None:  # noqa: N802
        self.writable.set()
