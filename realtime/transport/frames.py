"""Make frames of RFC 6455 once for all sockets, and count the frames that clients send.

With ASGI every message goes to the server in a dictionary, through a coroutine, and is framed
anew for every socket: most of the cost of a delivery. A frame is the same bytes for all sockets,
so it is made once and handed to each connection.

That holds for compressed frames, too (RFC 7692), if nothing is compressed that refers back to
earlier messages: a client can read those whatever it has read before. On a connection with
compression, a frame without it is as good.

ASGI shows an application whole messages only. Pings, pongs and the parts of a message cost the
server as much to read, and it reads without a limit. So they are counted before it reads them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import lru_cache

from realtime.conf import Rate
from realtime.limits import Bucket

_TEXT = 0x81
"""A whole message (FIN) of text: RFC 6455, section 5.2."""
_COMPRESSED = 0x40
"""Marks a compressed message (RSV1): RFC 7692, section 6."""
COMPRESSED_FROM = 4096
"""Bytes from which a frame for a whole room is compressed, for sockets that have agreed to it.

Below, it costs a room of three more than it saves: 70 µs for 4 KiB.
"""
WINDOW_BITS = 12
"""Window that a client must have to read what is compressed here; of 15 at most."""
_LEVEL, _MEMORY = 1, 5
_END_OF_BLOCK = b"\x00\x00\xff\xff"
"""Ends what zlib has flushed; it is left out on the wire (RFC 7692, section 7.2.1)."""
_LENGTH_16, _LENGTH_64 = 126, 127
"""Stand in place of a length, which follows in 16 or 64 bits."""
_MASKED = 0x80
_LENGTH = 0x7F
_MASK_SIZE = 4


@lru_cache(maxsize=8)
def framed(texts: tuple[str, ...], is_compressed: bool = False) -> bytes:  # noqa: FBT001, FBT002
    """Return the frames of texts; cached for as long as a room is served with them."""
    return b"".join(map(_compressed if is_compressed else _plain, texts))


def _plain(text: str) -> bytes:
    return _frame(_TEXT, text.encode())


@lru_cache(maxsize=16)
def _compressed(text: str) -> bytes:
    """Return a text's frame, compressed if it is large and becomes smaller."""
    payload = text.encode()
    if len(payload) < COMPRESSED_FROM:
        return _frame(_TEXT, payload)
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY)
    smaller = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    if len(smaller) >= len(payload):
        return _frame(_TEXT, payload)
    return _frame(_TEXT | _COMPRESSED, smaller.removesuffix(_END_OF_BLOCK))


def _frame(first: int, payload: bytes) -> bytes:
    """Return a server's frame, which is not masked."""
    size = len(payload)
    if size < _LENGTH_16:
        return struct.pack("!BB", first, size) + payload
    if size < 2**16:
        return struct.pack("!BBH", first, _LENGTH_16, size) + payload
    return struct.pack("!BBQ", first, _LENGTH_64, size) + payload


class FrameLimit:
    """Count the frames of one client by where they begin, and stop at the one too many."""

    def __init__(self, rate: Rate) -> None:
        self._bucket = Bucket(rate)
        self._head = b""
        """A header that is not complete yet."""
        self._left = 0
        """Bytes of the current frame, its mask included, that are still to come."""
        self._on_excess: Callable[[], None] | None = None
        self.is_exceeded = False

    def watch(self, on_excess: Callable[[], None]) -> None:
        """Have a function called when too many have come; at once if they have already."""
        self._on_excess = on_excess
        if self.is_exceeded:
            on_excess()

    def admit(self, data: bytes) -> bytes:
        """Return the data to read: all, or only the frames within the limit."""
        if self.is_exceeded:
            return b""
        position, size = 0, len(data)
        while position < size:
            if self._left:
                step = min(self._left, size - position)
                self._left -= step
                position += step
                continue
            if not self._head and self._bucket.take():
                self.is_exceeded = True
                if self._on_excess is not None:
                    self._on_excess()
                return data[:position]
            position += self._begin(data, position)
        return data

    def _begin(self, data: bytes, position: int) -> int:
        """Take in a header, or the part of it that is there; return the number of its bytes."""
        had = len(self._head)
        head = self._head + data[position : position + _LONGEST_HEAD - had]
        header = _header_size(head)
        if header is None:
            self._head = head
            return len(head) - had
        self._head = b""
        self._left = _payload_size(head, header) + (_MASK_SIZE if head[1] & _MASKED else 0)
        return header - had


_LONGEST_HEAD = 10
"""Bytes of the longest header, without the mask."""


def _header_size(head: bytes) -> int | None:
    """Return the size of a header without its mask; None if too little of it is there."""
    if len(head) < 2:  # noqa: PLR2004
        return None
    size = 2 + {_LENGTH_16: 2, _LENGTH_64: 8}.get(head[1] & _LENGTH, 0)
    return size if len(head) >= size else None


def _payload_size(head: bytes, header: int) -> int:
    return int.from_bytes(head[2:header], "big") if header > 2 else head[1] & _LENGTH  # noqa: PLR2004
