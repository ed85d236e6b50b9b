"""Adapt one connection of uvicorn, by the internals of any of its WebSocket protocols.

Its own `send` waits for a client that does not read, and it stops reading while a message waits for
the application; so this adapter does neither.
"""

from __future__ import annotations

from typing import Any

from realtime.transport.frames import framed
from realtime.transport.server import Admit, DirectWrite, Send

_SANS_IO = "uvicorn.protocols.websockets.websockets_sansio_impl"


class UvicornConnection:
    """Implement `server.Connection` with a protocol object of uvicorn's."""

    reads_on = False

    @classmethod
    def of(cls, found: Any) -> UvicornConnection | None:
        """Return the connection behind uvicorn's `send`, a method of the protocol."""
        protocol = getattr(found, "__self__", found)
        if type(protocol).__module__.startswith("uvicorn.protocols.websockets."):
            return cls(protocol)
        return None

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        # Raises if one is missing, as in another version.
        _ = self._transport.set_protocol, self._transport.abort
        _ = self._transport.pause_reading, protocol.data_received
        _ = self._transport.is_closing, self._transport.get_extra_info("socket").fileno
        self.is_steppable = type(protocol).__module__ == _SANS_IO
        self.write = _direct_writer(protocol, self._transport) if self.is_steppable else None

    def waiting(self, send: Send, timeout: float) -> Send:  # noqa: ARG002  (Daphne needs it)
        return send

    def intercept(self, admit: Admit) -> None:
        protocol, read = self._protocol, self._protocol.data_received

        def data_received(data: bytes) -> None:
            if admitted := admit(data):
                read(admitted)

        protocol.data_received = data_received
        self._transport.set_protocol(protocol)  # uvloop keeps the method that it has found

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def fileno(self) -> int:
        if self._transport.is_closing():
            return -1
        return int(self._transport.get_extra_info("socket").fileno())

    def abort(self) -> None:
        self._transport.abort()


def _direct_writer(protocol: Any, transport: Any) -> DirectWrite | None:
    try:
        if protocol.conn.extensions:  # compression was agreed on
            return None
        is_writable, write = protocol.writable.is_set, transport.write
        _ = protocol.disconnected, protocol.close_sent, protocol.handshake_complete
    except AttributeError:  # another version
        return None

    def write_frames(texts: tuple[str, ...]) -> bool:
        if (
            protocol.disconnected
            or protocol.close_sent
            or not protocol.handshake_complete
            or not is_writable()
        ):
            return False
        write(framed(texts))
        return True

    return write_frames
