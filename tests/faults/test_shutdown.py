"""SIGTERM: clients are told, presence is cleared, the process ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image
from websockets.exceptions import WebSocketException

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client
from tests.harness.measure import people
from tests.harness.pictures import encoded
from tests.harness.servers import Daphne, Uvicorn, WebServer


def start(duo: Duo, server: type[WebServer], **variables: str) -> WebServer:
    """Start one more server, as docs/deploy.md has it."""
    options = ("--timeout-graceful-shutdown", "1") if server is Uvicorn else ()
    environment = duo.stack.environment | variables
    web = server(environment=environment, directory=duo.stack.directory, options=options)
    web.start()
    return web


async def knock(duo: Duo, web: WebServer) -> None:
    """Begin handshakes without a pause, and stay."""
    async with contextlib.AsyncExitStack() as clean_up:
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                await clean_up.enter_async_context(await duo.stack.connect("carol", web))
            await asyncio.sleep(0.01)


async def half_a_request(web: WebServer) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"POST /api/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    return writer


async def joined(client: Client, project_id: int) -> None:
    await client.send("join_project", {"project_id": project_id}, ref="j")
    await client.wait_for("ack")
    await client.drain()


@pytest.mark.parametrize("server", [Daphne, Uvicorn])
async def test_a_server_drains(
    duo: Duo, connect: Connect, project_id: int, server: type[WebServer]
) -> None:
    web = start(duo, server)
    try:
        alice, bob = await connect("alice"), await connect("bob", web)
        await joined(alice, project_id)
        await joined(bob, project_id)
        await alice.drain()
        half = await half_a_request(web)
        knocking = [asyncio.create_task(knock(duo, web)) for _ in range(3)]
        await asyncio.sleep(0.3)

        web.signal(signal.SIGTERM)
        if server is Daphne:
            await bob.expect("server_draining")
            assert await bob.expect_close() == 4203
        else:
            assert await bob.expect_close() == 1012
        await alice.expect("user_left")
        code = await asyncio.to_thread(web.wait, 10)
        assert code == (0 if server is Daphne else -signal.SIGTERM), web.log
        with duo.stack.valkey.client() as redis:
            assert len(people(redis, project_id)) == 1, "without waiting for a lease to end"
        if server is Daphne:  # uvicorn logs that it cut the half request off
            assert "Traceback" not in web.log
        for task in knocking:
            task.cancel()
        await asyncio.gather(*knocking, return_exceptions=True)
        half.close()
    finally:
        web.stop()


class Request:
    """Sends a request again and again, by one connection as long as the server keeps it."""

    def __init__(
        self,
        web: WebServer,
        token: str,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.statuses: list[int] = []
        self._web = web
        self._request = method, path, body
        self._headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.is_set():
            connection = HTTPConnection("127.0.0.1", self._web.port, timeout=20)
            with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
                while not self._is_over.is_set():
                    connection.request(*self._request, headers=self._headers)
                    response = connection.getresponse()
                    response.read()
                    self.statuses.append(response.status)
            time.sleep(0.01)  # where it is refused

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()


@contextlib.contextmanager
def requests(duo: Duo, web: WebServer, project_id: int) -> Iterator[list[Request]]:
    """Have a server read, write, take uploads and start tasks without a pause."""
    token, path = duo.stack.token("alice"), f"/api/projects/{project_id}/"
    picture = encoded(Image.effect_noise((700, 700), 90), "JPEG")
    form = {"title": "Noise", "image": SimpleUploadedFile("noise.jpg", picture, "image/jpeg")}
    upload = f"{path}canvases/", encode_multipart(BOUNDARY, form)
    multipart = {"Content-Type": MULTIPART_CONTENT}
    json = {"Content-Type": "application/json"}
    analyze = f"/api/canvases/{duo.stack.demo_canvas()}/analyze/"
    loops = [
        *(Request(web, token, "GET", path) for _ in range(4)),
        *(Request(web, token, "PATCH", path, b'{"title": "On"}', headers=json) for _ in range(2)),
        *(Request(web, token, "PATCH", path, b'{"title": "Off"}', headers=json) for _ in range(2)),
        Request(web, token, "POST", *upload, headers=multipart),
        Request(web, token, "POST", analyze),
    ]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.stop()


@pytest.mark.parametrize("server", [Daphne, Uvicorn])
async def test_a_server_with_requests_under_way_ends_by_itself(
    duo: Duo, connect: Connect, project_id: int, server: type[WebServer]
) -> None:
    """Nothing that a thread waits for outlives the event loop; nobody is answered with half."""
    web = start(duo, server)
    carol = await connect("carol")  # at another process, which finds in the log what is not told
    await joined(carol, project_id)
    try:
        for _ in range(3):
            bob = await connect("bob", web)
            await joined(bob, project_id)
            with requests(duo, web, project_id) as loops:
                async with asyncio.timeout(20):
                    while not all(loop.statuses for loop in loops):
                        await asyncio.sleep(0.05)
                web.signal(signal.SIGTERM)
                code = await asyncio.to_thread(web.wait, 10)
            assert code == (0 if server is Daphne else -signal.SIGTERM), web.log
            statuses = {status for loop in loops for status in loop.statuses}
            assert statuses <= {200, 201, 202}, web.log
            assert "work under way" not in web.log, "it ended in order"
            web.start()
        await asyncio.sleep(0)
        seqs = [message["seq"] for message in await carol.drain(2) if "seq" in message]
        assert seqs == list(range(seqs[0], len(duo.log(project_id)) + 1))
    finally:
        web.stop()


@pytest.mark.parametrize("server", [Daphne, Uvicorn])
@pytest.mark.parametrize("what", ["a-thread", "the-event-loop"])
async def test_a_request_that_never_ends_does_not_hold_a_server_up(
    duo: Duo, connect: Connect, project_id: int, server: type[WebServer], what: str
) -> None:
    web = start(duo, server)
    try:
        bob = await connect("bob", web)
        await joined(bob, project_id)
        _, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(f"GET /waits/for-{what}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await writer.drain()
        await bob.send("ping")
        await bob.expect("pong")
        code = await asyncio.to_thread(web.terminate, 10)
        assert code == (0 if server is Daphne else -signal.SIGTERM), web.log
        with duo.stack.valkey.client() as redis:
            assert people(redis, project_id) == set(), "the rooms did not wait for it"
        writer.close()
    finally:
        web.stop()
