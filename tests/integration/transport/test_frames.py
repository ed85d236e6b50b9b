"""Frames on the servers that are known, in both directions; also where a wrapper hides the server.

These tests, with the versions that are installed, hold what `realtime.transport.daphne` and
`realtime.transport.uvicorn` use of a server's inside: where an upgrade has moved it, they fail.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.frames import Frame, Opcode

from tests.harness.measure import MEGABYTE, memory
from tests.harness.servers import Daphne, Uvicorn, WebServer
from tests.harness.writing_app import FRAMES, burst_text

APPLICATION = "tests.harness.writing_app:application"
Run = Callable[[str], WebServer]
SERVERS: dict[str, tuple[type[WebServer], tuple[str, ...]]] = {
    "daphne": (Daphne, ()),
    "uvicorn": (Uvicorn, ()),
    "uvicorn on asyncio": (Uvicorn, ("--loop", "asyncio")),
    "uvicorn --ws websockets": (Uvicorn, ("--ws", "websockets")),
}


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
    async with asyncio.timeout(30):
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
            assert await receive(websocket) == burst_text(number, size)
        assert await receive(websocket) == "last"


async def test_nothing_is_written_after_a_close(server: WebServer) -> None:
    async with plain(server) as websocket:
        await websocket.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            await receive(websocket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4203


class Offer(ClientPerMessageDeflateFactory):
    """Offers compression, and notes of each message that comes whether it was compressed."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.compressed: list[bool] = []

    def process_response_params(self, *arguments: Any) -> PerMessageDeflate:
        extension = super().process_response_params(*arguments)
        decode = extension.decode

        def noted(frame: Frame, **options: Any) -> Frame:
            if frame.opcode is Opcode.TEXT:
                self.compressed.append(frame.rsv1)
            return decode(frame, **options)

        extension.decode = noted  # type: ignore[method-assign]
        return extension


def compressing(server: WebServer, offer: Offer) -> connect:
    """Connect and offer compression, as a browser does."""
    return connect(
        server.websocket_url, extensions=[offer], compression=None, proxy=None, max_size=2**24
    )


LARGE = "a large text for a room " * 400


async def test_with_compression_the_quick_way_stays(server: WebServer) -> None:
    async with compressing(server, Offer()) as websocket:
        # Daphne agrees to none.
        assert bool(websocket.protocol.extensions) is isinstance(server, Uvicorn)
        await websocket.send("how?")
        assert await receive(websocket) == "directly"
        await websocket.send(LARGE)  # what comes may be compressed
        assert await receive(websocket) == LARGE


@pytest.mark.parametrize("is_context_kept", [True, False])
async def test_what_is_large_and_for_a_room_comes_compressed(
    server: WebServer, is_context_kept: bool
) -> None:
    offer = Offer(server_no_context_takeover=not is_context_kept)
    async with compressing(server, offer) as websocket:
        for size in (100, 50_000, 4095, 4096):
            await websocket.send(f"burst 2 {size}")
        await websocket.send(LARGE)  # for one socket alone
        for size in (100, 50_000, 4095, 4096):
            for number in range(2):
                assert await receive(websocket) == burst_text(number, size)
        assert await receive(websocket) == LARGE
        if isinstance(server, Uvicorn):
            assert offer.compressed == [False] * 2 + [True] * 2 + [False] * 2 + [True] * 2 + [False]


async def test_what_the_server_sends_itself_may_come_between(server: WebServer) -> None:
    """A client could not read what refers to earlier messages, where others came between."""
    offer = Offer()
    texts = [f"by ASGI {burst_text(0, 5000)}", f"by ASGI {burst_text(1, 5000)}"]
    async with compressing(server, offer) as websocket:
        for text in texts * 2:
            await websocket.send(text)
            await websocket.send("burst 1 5000")
        for text in texts * 2:
            assert await receive(websocket) == text
            assert await receive(websocket) == burst_text(0, 5000)
        if isinstance(server, Uvicorn):
            assert offer.compressed == [False, True] * 4


async def test_a_client_with_a_small_window_gets_plain_frames(server: WebServer) -> None:
    offer = Offer(server_max_window_bits=9)
    async with compressing(server, offer) as websocket:
        await websocket.send("burst 3 50000")
        for number in range(3):
            assert await receive(websocket) == burst_text(number, 50_000)
        assert not any(offer.compressed)


# --- every server and wrapper: what comes is counted, and who does not read is closed


@pytest.fixture(scope="module", params=SERVERS)
def any_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Returns how to run one of the servers with an application of `writing_app`."""
    kind, options = SERVERS[request.param]
    directory = tmp_path_factory.mktemp("web")
    running: dict[str, WebServer] = {}

    def run(name: str) -> WebServer:
        if name not in running:
            application = f"tests.harness.writing_app:{name}"
            running[name] = kind(
                environment=os.environ,
                directory=directory,
                options=options,
                application=application,
            )
            running[name].start()
        return running[name]

    yield run
    for web in running.values():
        web.stop()


NO_LINGER, RESET = struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)
PING = Frame(Opcode.PING, b"")
FLOODS = {
    "pings": [PING],
    "pongs": [Frame(Opcode.PONG, b"unasked")],
    "an empty message in many parts": [Frame(Opcode.CONT, b"", fin=False)],
    "a message byte by byte": [Frame(Opcode.CONT, b"x", fin=False)],
    "parts, and pings between": [Frame(Opcode.CONT, b"x", fin=False), PING],
}


@pytest.mark.parametrize("name", ["application", "wrapped"])
async def test_18_frames_of_any_kind_are_counted(any_server: Run, name: str) -> None:
    web = any_server(name)
    async with plain(web) as another:
        ends = asyncio.gather(*(end_of_flood(web, frames) for frames in FLOODS.values()))
        for number in range(50):
            await another.send(f"No. {number}")
            assert await receive(another) == f"No. {number}"
        assert await ends == [4201] * len(FLOODS)


async def end_of_flood(web: WebServer, frames: list[Frame]) -> int:
    """Send some frames within the limit, and then very many; return the code of the close."""
    async with plain(web) as websocket:
        await websocket.send("hello")
        assert await receive(websocket) == "hello"
        if frames[0].opcode is Opcode.CONT:
            websocket.transport.write(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
        data = b"".join(frame.serialize(mask=True) for frame in frames)
        websocket.transport.write(data * (FRAMES // len(frames) - 10))
        await asyncio.sleep(0)
        websocket.transport.write(data * 50_000)
        return await end_of(websocket)


@pytest.mark.parametrize("name", ["application", "wrapped"])
async def test_within_the_limit_every_frame_arrives(any_server: Run, name: str) -> None:
    async with plain(any_server(name)) as websocket:
        for _ in range(10):
            await (await websocket.ping())
        await websocket.send(list("in many parts"))
        assert await receive(websocket) == "in many parts"


@pytest.mark.parametrize("name", ["application", "wrapped"])
async def test_delivery_does_not_depend_on_the_servers_inside(any_server: Run, name: str) -> None:
    async with plain(any_server(name)) as websocket:
        await websocket.send("how?")
        if name == "wrapped":
            assert await receive(websocket) == "by ASGI"
        else:
            await receive(websocket)
        await websocket.send("burst 100 50000")
        await websocket.send("close")
        for number in range(100):
            assert (await receive(websocket)).startswith(f"{number} ")
        assert await end_of(websocket) == 4203


@pytest.mark.parametrize("name", ["bounded", "bounded_and_wrapped"])
async def test_21_who_does_not_read_is_told_or_cut_off(any_server: Run, name: str) -> None:
    web = any_server(name)
    late, never = await lazy(web), await lazy(web)
    for websocket in (late, never):
        await websocket.send("burst 400 50000")  # 20 MB: far more than the kernels hold
    texts: list[str] = []
    assert await end_of(late, texts) == 4202
    assert len(texts) < 400
    assert [int(text.split()[0]) for text in texts] == list(range(len(texts))), "no gap"
    with suppress(ConnectionClosed):
        async with asyncio.timeout(30):
            while True:
                await never.ping()
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", ["application", "wrapped"])
async def test_18_a_client_that_leaves_while_it_is_not_read_is_noticed(
    any_server: Run, name: str
) -> None:
    """With nothing behind what waits, with messages that nobody has read, or with a RST."""
    web = any_server(name)
    for text, linger in (("", NO_LINGER), ("more" * 500, NO_LINGER), ("", RESET)):
        websocket = await plain(web)
        await websocket.send("wait")
        for _ in range(20 if text else 0):
            await websocket.send(text)
        raw: socket.socket = websocket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        websocket.transport.abort()
    async with plain(web) as another, asyncio.timeout(20):
        await another.send("who left?")
        while await receive(another) != "3":
            await asyncio.sleep(0.2)
            await another.send("who left?")


async def test_who_is_not_accepted_yet_fills_no_memory(any_server: Run) -> None:
    """What is sent before waits with the client; once it is accepted, all of it is read."""
    web = any_server("hesitant")
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await asyncio.sleep(0.2)
    before = memory(web.pid)
    message = Frame(Opcode.TEXT, b"x" * 500_000).serialize(mask=True)
    for _ in range(80):
        writer.write(message)
    head = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    most = before
    while not head.done():
        most = max(most, memory(web.pid))
        await asyncio.sleep(0.05)
    assert most - before < 6 * MEGABYTE
    assert (await head).startswith(b"HTTP/1.1 101 ")
    async with asyncio.timeout(30):
        await reader.readexactly(80 * 500_000)
    writer.close()


async def end_of(websocket: ClientConnection, texts: list[str] | None = None) -> int:
    """Read to the end; return the code of the close, and what came before it in `texts`."""
    try:
        while True:
            text = await receive(websocket)
            if texts is not None:
                texts.append(text)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, "closed without a close frame"
        return closed.rcvd.code


async def lazy(web: WebServer) -> ClientConnection:
    """Connect with a client whose kernel takes little, and that takes one message from it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    sock.connect(("127.0.0.1", web.port))
    sock.setblocking(False)
    return await connect(
        web.websocket_url,
        sock=sock,
        max_queue=1,
        compression=None,
        ping_interval=None,
        close_timeout=1,
        proxy=None,
    )
