"""Adapt one connection of uvicorn, by the internals of any of its WebSocket protocols.

Its own `send` waits for a client that does not read, and it stops reading while a message waits for
the application; so this adapter does neither.
"""

from __future__ import annotations

from typing import Any

from realtime.transport.frames import WINDOW_BITS, framed
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

    def direct_write(self) -> DirectWrite | None:
        return _direct_writer(self._protocol, self._transport) if self.is_steppable else None

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
        is_writable, write = protocol.writable.is_set, transport.write
        _ = protocol.disconnected, protocol.close_sent, protocol.handshake_complete
        may_compress = _take_over_compression(protocol.conn)
    except AttributeError:  # another version
        return None
    if may_compress is None:
        return None

    def write_frames(texts: tuple[str, ...], *, is_shared: bool = False) -> bool:
        if (
            protocol.disconnected
            or protocol.close_sent
            or not protocol.handshake_complete
            or not is_writable()
        ):
            return False
        write(framed(texts, is_shared and may_compress))
        return True

    return write_frames


def _take_over_compression(conn: Any) -> bool | None:
    """Have uvicorn compress nothing that it sends; return True if frames may come compressed.

    A client's window holds what it has read compressed. So a message that refers back, as those of
    uvicorn do, could not be read any more once one of ours has come between.

    Returns:
        None if something else than compression was agreed on.
    """
    if not conn.extensions:
        return False
    [extension, *others] = conn.extensions
    if others or extension.name != "permessage-deflate":
        return None
    may_compress = bool(extension.local_max_window_bits >= WINDOW_BITS)
    conn.extensions = [_OnlyIncoming(extension)]
    return may_compress


class _OnlyIncoming:
    """Act as an extension of `websockets` that reads compressed messages and sends none."""

    def __init__(self, extension: Any) -> None:
        self.name = extension.name
        self.decode = extension.decode
        vars(extension).pop("encoder", None)  # 32 KiB for each socket

    def encode(self, frame: Any) -> Any:
        return frame
