"""The sockets of the load generator, on picows."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from time import perf_counter

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.load.dialects import Dialect, Seat

TIMEOUT = 60.0
"""Seconds for one socket to connect and join, under whatever load."""

Delivered = Callable[["Client", bytes], None]


class Client(WSListener):
    """One socket: joins its room, then hands every delivered update to `delivered`."""

    def __init__(self, dialect: Dialect, seat: Seat, delivered: Delivered) -> None:
        super().__init__()
        self.seat = seat
        self.errors = 0
        self.on_error: Callable[[], object] | None = None
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dialect = dialect
        self._delivered = delivered
        self._steps = dialect.steps(seat)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._advance()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("closed before it had joined"))

    def _advance(self) -> None:
        """Send what is due, up to the next frame that must be waited for."""
        while self._steps:
            if (frame := self._steps[0].send) is not None:
                self.send(frame)
                self._steps[0].send = None
            if self._steps[0].until is not None:
                return
            self._steps.pop(0)
        if not self.joined.done():
            self.joined.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        if frame.msg_type is not WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        if frame.rsv1:  # RFC 7692
            payload = self._inflate.decompress(payload + b"\x00\x00\xff\xff")
        if self._dialect.event in payload:
            self._delivered(self, payload)
        elif (answer := self._dialect.chores.get(payload)) is not None:
            self.send(answer)
        elif self._steps and (self._steps[0].until or b"") in payload:
            self._steps.pop(0)
            self._advance()
        elif b'"error"' in payload:
            self.errors += 1
            if self.on_error is not None:
                self.on_error()

    def send(self, text: str) -> None:
        self._transport.send(WSMsgType.TEXT, text.encode())

    def update(self, text: str) -> None:
        """Send an update to the room."""
        self.send(self._dialect.update(self.seat, text))

    def drop(self) -> None:
        """End the connection without a word, as a lost network does."""
        self._transport.disconnect(graceful=False)


async def open_client(dialect: Dialect, address: str, seat: Seat, delivered: Delivered) -> Client:
    """Connect a socket and return it once it has joined its room."""
    _, client = await ws_connect(
        lambda: Client(dialect, seat, delivered),
        address + dialect.path(seat),
        websocket_handshake_timeout=TIMEOUT,
        extra_headers=dialect.headers,
    )
    assert isinstance(client, Client)
    async with asyncio.timeout(TIMEOUT):
        await client.joined
    return client


async def open_all(
    dialect: Dialect,
    addresses: Sequence[str],
    seats: Sequence[Seat],
    delivered: Delivered,
    *,
    at_once: int = 16,
    opened: Callable[[float], None] | None = None,
) -> list[Client]:
    """Open a socket for each seat, so many at a time; `opened` hears how long each took."""
    gate = asyncio.Semaphore(at_once)

    async def open_one(index: int, seat: Seat) -> Client:
        async with gate:
            begun = perf_counter()
            address = addresses[index % len(addresses)]
            client = await open_client(dialect, address, seat, delivered)
            if opened is not None:
                opened(perf_counter() - begun)
            return client

    return await asyncio.gather(*(open_one(i, seat) for i, seat in enumerate(seats)))
