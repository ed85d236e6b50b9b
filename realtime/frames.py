"""Text frames put straight onto a connection, where the server is one that is known.

By ASGI every message goes to the server in a dictionary, through a coroutine, and is framed
anew for every socket: most of what a delivery costs. A frame without compression is the same
bytes for all sockets, so it is made once and handed to each connection's transport. What
decides whether that is right (the state of the connection, a full buffer) is asked of the
server's own protocol object before every frame; when in doubt, the frame goes by ASGI.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Write = Callable[[tuple[str, ...]], bool]
"""Puts texts onto the connection, behind all earlier ones; False if it put none of them there."""

_TEXT = 0x81
"""A whole message (FIN) of text: RFC 6455, section 5.2."""
_LENGTH_16, _LENGTH_64 = 126, 127
"""In place of a length: it follows in so many bits."""


@lru_cache(maxsize=8)
def framed(texts: tuple[str, ...]) -> bytes:
    """Return the frames of texts; kept just long enough to serve a room with them."""
    return b"".join(map(_frame, texts))


def _frame(text: str) -> bytes:
    """Return a server's frame, which is not masked."""
    payload = text.encode()
    size = len(payload)
    if size < _LENGTH_16:
        return struct.pack("!BB", _TEXT, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", _TEXT, _LENGTH_16, size) + payload
    return struct.pack("!BBQ", _TEXT, _LENGTH_64, size) + payload


def writer(protocol: Any, transport: Any) -> Write | None:
    """Return how to write to a server's connection; None for a server that is not known."""
    known = _WRITERS.get(type(protocol).__module__)
    try:
        return None if known is None else known(protocol, transport)
    except AttributeError:  # another version, or TLS: what is used here is not there
        return None


def _uvicorn(protocol: Any, transport: Any) -> Write | None:
    if protocol.conn.extensions:  # compression was agreed on
        return None
    is_writable, write = protocol.writable.is_set, transport.write

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


def _daphne(protocol: Any, transport: Any) -> Write | None:
    """Write at once what the kernel takes: the reactor's way costs a turn of it per frame."""
    write_now, write = transport.writeSomeData, transport.write
    is_open = protocol.STATE_OPEN
    _ = protocol.send_queue, transport.dataBuffer, transport._tempDataBuffer

    def write_frames(texts: tuple[str, ...]) -> bool:
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


_WRITERS: dict[str, Callable[[Any, Any], Write | None]] = {
    "daphne.ws_protocol": _daphne,
    "uvicorn.protocols.websockets.websockets_sansio_impl": _uvicorn,
}
"""By the module of the server's protocol class."""
