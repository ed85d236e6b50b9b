"""Frames that are put straight onto a connection, on the servers that are known."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.harness.servers import Daphne, Uvicorn, WebServer

APPLICATION = "tests.harness.writing_app:application"


@pytest.fixture(scope="module", params=[Daphne, Uvicorn])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    running: WebServer = request.param(
        environment=os.environ, directory=tmp_path_factory.mktemp("web"), application=APPLICATION
    )
    running.start()
    yield running
    running.stop()


def plain(server: WebServer) -> connect:
    """Connect without compression."""
    return connect(server.websocket_url, compression=None, proxy=None, max_size=2**24)


async def receive(websocket: ClientConnection) -> str:
    async with asyncio.timeout(10):
        text = await websocket.recv()
    assert isinstance(text, str)
    return text


async def test_a_plain_connection_is_written_to_directly(server: WebServer) -> None:
    async with plain(server) as websocket:
        await websocket.send("how?")
        assert await receive(websocket) == "directly"


@pytest.mark.parametrize(
    "text",
    ["a", "b" * 125, "c" * 126, "d" * 65535, "e" * 65536, "é𝄞" * 100],
    ids=lambda text: f"{len(text.encode())} bytes",
)
async def test_a_text_of_any_length_arrives_as_it_is(server: WebServer, text: str) -> None:
    async with plain(server) as websocket:
        await websocket.send(text)
        assert await receive(websocket) == text


async def test_order_is_kept_where_the_client_lags(server: WebServer) -> None:
    count, size = 300, 50_000  # far more than the buffers of the kernel and the server hold
    async with plain(server) as websocket:
        await websocket.send(f"burst {count} {size}")
        await websocket.send("last")
        for number in range(count):
            text = await receive(websocket)
            assert text.startswith(f"{number} ")
            assert len(text) == size
        assert await receive(websocket) == "last"


async def test_nothing_is_written_after_a_close(server: WebServer) -> None:
    async with plain(server) as websocket:
        await websocket.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            await receive(websocket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4203


async def test_a_compressed_connection_is_left_to_the_server(server: WebServer) -> None:
    async with connect(server.websocket_url, proxy=None) as websocket:
        await websocket.send("how?")
        is_compressed = bool(websocket.protocol.extensions)
        assert is_compressed is isinstance(server, Uvicorn)  # Daphne knows no compression
        assert await receive(websocket) == ("by ASGI" if is_compressed else "directly")
