"""The proxy that the tests of both networks and clients go through."""

from __future__ import annotations

import asyncio

from tests.harness.proxy import Proxy


async def test_a_cut_may_follow_on_a_cut_at_once() -> None:
    """A test that cuts again and again must not stop cutting at the first connection that died."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        for _ in range(3):
            proxy.cut()
            await asyncio.sleep(0)
        writer.close()
