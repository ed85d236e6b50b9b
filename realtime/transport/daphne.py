"""Adapt Daphne, by its internals: one connection, its end, and its access log.

Daphne's `send` never waits: it puts every frame into the transport's buffer, and it queues every
message that comes in, both without a limit. Twisted can tell a producer that the buffer is full
(64 KiB), and can stop reading; this adapter uses both.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from realtime.transport.frames import framed
from realtime.transport.server import Admit, DirectWrite, Send


class DaphneConnection:
    """Implement `server.Connection` with a protocol object of Daphne's."""

    is_steppable = True
    reads_on = True

    @classmethod
    def of(cls, found: Any) -> DaphneConnection | None:
        """Return the connection behind Daphne's `send`, a partial that has the protocol."""
        arguments = found.args if isinstance(found, functools.partial) else ()
        if arguments and type(arguments[0]).__module__ == "daphne.ws_protocol":
            return cls(arguments[0])
        return None

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        # Raises if one is missing, as in another version.
        _ = self._transport.registerProducer, self._transport.abortConnection
        _ = self._transport.fileno
        _ = self._transport.pauseProducing, protocol.dataReceived, protocol.data, protocol.onOpen

    def direct_write(self) -> DirectWrite | None:
        return _direct_writer(self._protocol, self._transport)

    def waiting(self, send: Send, timeout: float) -> Send:
        flow = _Flow()
        self._transport.unregisterProducer()  # of the HTTP request before the upgrade
        self._transport.registerProducer(flow, streaming=True)
        # Autobahn's 1 s is too short for a client that has megabytes to read first.
        self._protocol.closeHandshakeTimeout = timeout

        async def send_when_writable(message: dict[str, Any]) -> None:
            if not flow.writable.is_set():
                await flow.writable.wait()
            await send(message)

        return send_when_writable

    def intercept(self, admit: Admit) -> None:
        protocol, read, opened = self._protocol, self._protocol.dataReceived, self._protocol.onOpen

        def data_received(data: bytes) -> None:
            if admitted := admit(data):
                read(admitted)
            if protocol.state == protocol.STATE_CONNECTING:
                # Until the socket is accepted, Autobahn would keep all data, without a limit.
                self.pause_reading()

        def on_open() -> None:
            self.resume_reading()
            opened()

        # Daphne looks both up on the protocol at every call.
        protocol.dataReceived, protocol.onOpen = data_received, on_open
        # These data came with the handshake; they are read once the socket is accepted.
        protocol.data = admit(protocol.data)

    def pause_reading(self) -> None:
        self._transport.pauseProducing()

    def resume_reading(self) -> None:
        self._transport.resumeProducing()

    def fileno(self) -> int:
        return int(self._transport.fileno())

    def abort(self) -> None:
        self._transport.abortConnection()


def watch(start: Callable[[], object], end: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have Daphne, if this process is one, call `start` first, and wait for `end` before it stops.

    From then on it takes no new connections.
    """
    if "daphne.server" not in sys.modules:
        return
    from twisted.internet import defer
    from twisted.internet import reactor as running
    from twisted.internet.interfaces import IListeningPort

    reactor: Any = running  # a module to mypy

    def before_shutdown() -> defer.Deferred[None]:
        ending = end()
        # A proxy then turns to another process at once, and can be sure nothing was done.
        for reader in reactor.getReaders():
            if IListeningPort.providedBy(reader):
                reader.stopListening()
        return defer.Deferred.fromFuture(asyncio.ensure_future(ending))

    reactor.callLater(0, start)
    reactor.addSystemEventTrigger("before", "shutdown", before_shutdown)


def redact_access_log(redact: Callable[[str], str]) -> None:
    """Pass each request of Daphne's access log through a function, if this process is one.

    The log is written to a stream, past the logging module.
    """
    if "daphne.access" not in sys.modules:
        return
    from daphne.access import AccessLogGenerator

    write_entry = AccessLogGenerator.write_entry

    def write_redacted(self: Any, host: Any, date: Any, request: str, **details: Any) -> None:
        write_entry(self, host, date, redact(request), **details)

    AccessLogGenerator.write_entry = write_redacted


def _direct_writer(protocol: Any, transport: Any) -> DirectWrite | None:
    """Return a writer straight to the kernel: by way of the reactor, each frame costs it a turn.

    Daphne agrees to no compression.
    """
    try:
        write_now, write = transport.writeSomeData, transport.write
        _ = protocol.send_queue, transport.dataBuffer, transport._tempDataBuffer
    except AttributeError:  # TLS, or another version
        return None
    is_open = protocol.STATE_OPEN

    def write_frames(texts: tuple[str, ...], *, is_shared: bool = False) -> bool:  # noqa: ARG001
        if (
            protocol.state != is_open
            or protocol.send_queue
            or transport.disconnecting
            or transport.producerPaused
        ):
            return False
        data = framed(texts)
        if transport.dataBuffer or transport._tempDataBuffer:
            write(data)
            return True
        written = write_now(data)
        if not isinstance(written, int):
            return False  # the connection is lost
        if written < len(data):
            write(data[written:])
        return True

    return write_frames


class _Flow:
    """Act as a Twisted push producer, by duck typing: this module must import without Twisted."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.writable.set()

    def stopProducing(self) -> None:  # noqa: N802
        self.writable.set()
