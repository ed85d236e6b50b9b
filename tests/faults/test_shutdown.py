"""SIGTERM: clients are told, presence is cleared, the process ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest
from websockets.exceptions import WebSocketException

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client
from tests.harness.measure import people
from tests.harness.servers import Daphne, Uvicorn, WebServer


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
    options = ("--timeout-graceful-shutdown", "3") if server is Uvicorn else ()
    web = server(environment=duo.stack.environment, directory=duo.stack.directory, options=options)
    web.start()
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
