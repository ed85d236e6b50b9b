"""A TCP proxy before a server, which a test may cut, stall and close; it can speak TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import Self

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, 0 s. To close such a socket sends RST."""


class Proxy:
    """Forwards to a port of the loopback interface, and keeps its own port."""

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._is_tearing = False
        self.port = 0
        self.accepted = 0
        """Connections so far."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Cut all connections and take no more until `open`."""
        assert self._server is not None
        self._server.close()
        self.cut()
        self._flowing.set()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Reset all connections, at both ends; what is under way is lost."""
        for writer in tuple(self._writers):
            raw: socket.socket = writer.get_extra_info("socket")
            if raw.fileno() == -1:
                continue  # the last cut, or one of the ends, was quicker
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    def tear(self) -> None:
        """Cut all connections in the middle of whatever one of them brings next."""
        self._is_tearing = True

    def stall(self) -> None:
        """Keep the connections open, and let nothing through until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            self._writers.discard(writer)
            return
        self._writers.add(up_writer)
        try:
            await asyncio.gather(self._forward(reader, up_writer), self._forward(up_reader, writer))
        finally:
            self._writers -= {writer, up_writer}

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                if self._is_tearing:
                    self._is_tearing = False
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()
        else:
            writer.close()
