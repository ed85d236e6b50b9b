"""Clients that ask for too much, on both servers; those beside them go on.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import AsyncExitStack, suppress

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.harness.client import TIMEOUT, Client, Message
from tests.harness.database import RemoteDatabase
from tests.harness.servers import WebServer
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database


@pytest.fixture(params=["Daphne", "Uvicorn"])
def server(request: pytest.FixtureRequest, stack: Stack, second: WebServer) -> WebServer:
    return stack.web if request.param == "Daphne" else second


def memory(server: WebServer) -> int:
    """Return the bytes that a server process has in memory."""
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(server.pid)], capture_output=True, check=True
    )
    return int(shown.stdout) * 1024


async def test_13_large_and_fragmented_messages_leave_nothing_behind(
    stack: Stack, server: WebServer
) -> None:
    large = json.dumps({"type": "ping", "payload": {"x": "x" * 900_000}})
    fragments = [large[start : start + 30_000] for start in range(0, len(large), 30_000)]
    async with await stack.connect("alice", server) as alice:
        await alice.join(1)
        before = 0
        for number in range(60):
            await alice.websocket.send(large if number % 2 else fragments)
            assert (await alice.expect("error"))["payload"]["code"] == "MESSAGE_TOO_LARGE"
            if number == 10:
                before = memory(server)
        assert memory(server) - before < 20_000_000
        await alice.send("ping")
        await alice.expect("pong")


async def test_13_what_the_server_itself_refuses_ends_only_that_socket(
    stack: Stack, server: WebServer
) -> None:
    async with (
        await stack.connect("alice", server) as alice,
        await stack.connect("bob", server) as bob,
    ):
        with suppress(ConnectionClosed):
            await alice.send_raw("x" * 20_000_000)
        with pytest.raises(ConnectionClosed):
            await alice.receive()
        await bob.send("ping")
        await bob.expect("pong")


async def test_18_a_flood_ends_and_others_are_served(stack: Stack, server: WebServer) -> None:
    async with (
        await stack.connect("alice", server) as alice,
        await stack.connect("bob", server) as bob,
    ):
        flood = asyncio.create_task(send_until_closed(alice))
        served = 0
        while not flood.done():
            await bob.send("ping")
            await bob.expect("pong")
            served += 1
            await asyncio.sleep(0.05)  # within bob's own limit
        await flood
        assert served
        await bob.send("ping")
        await bob.expect("pong")


PINGS = Frame(Opcode.PING, b"").serialize(mask=True) * 20_000


async def test_18_a_flood_of_control_frames_ends_and_others_are_served(
    stack: Stack, server: WebServer
) -> None:
    """Five sockets; nobody else's commands are refused or lost meanwhile."""
    async with AsyncExitStack() as clean_up:
        bob = await clean_up.enter_async_context(await stack.connect("bob", server))
        floods = [
            await clean_up.enter_async_context(await stack.connect("alice", server))
            for _ in range(5)
        ]
        for flood in floods:
            flood.websocket.transport.write(PINGS)
        for number in range(20):
            await bob.send("ping", ref=number)
            assert (await bob.expect("pong"))["ref"] == number
        for flood in floods:
            assert (await flood.expect("error"))["payload"]["code"] == "RATE_LIMITED"
            assert await flood.expect_close() == 4201
        await bob.send("ping")
        await bob.expect("pong")


async def send_until_closed(client: Client) -> None:
    """Send too fast: first comes a warning, then, as the client goes on all the same, the end."""
    is_warned = False
    while not is_warned:
        for _ in range(180):  # more than the burst, less than that and the patience
            await client.send("ping")
        is_warned = any([is_warning(await client.receive()) for _ in range(180)])

    async def send() -> None:
        while True:
            await client.send("ping")
            await asyncio.sleep(0)  # sending alone would never let this process receive

    sending = asyncio.create_task(send())
    async with asyncio.timeout(TIMEOUT):
        with suppress(ConnectionClosed):
            while (message := await client.receive())["type"] == "pong" or is_warning(message):
                pass
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert client.websocket.close_code == 4201


def is_warning(message: Message) -> bool:
    return message["type"] == "error" and bool(message["payload"]["code"] == "RATE_LIMITED")


async def test_19_two_processes_count_the_sockets_of_a_user_together(
    stack: Stack, second: WebServer, database: RemoteDatabase
) -> None:
    users = User.objects.db_manager(RemoteDatabase.NAME)
    erin = await database.run(lambda: users.create_user("erin"))
    token = str(AccessToken.for_user(erin))
    servers = (stack.web, second)

    async def is_refused(server: WebServer) -> bool:
        client = await clean_up.enter_async_context(
            await Client.connect(server.websocket_url, token)
        )
        clients.append(client)
        with suppress(ConnectionClosed):  # closed already; the reason waits to be read
            await client.send("ping")
        message = await client.receive()
        if message["type"] == "error":
            assert message["payload"]["code"] == "RATE_LIMITED"
            assert await client.expect_close() == 4201
        return bool(message["type"] == "error")

    clients: list[Client] = []
    async with AsyncExitStack() as clean_up:
        assert not any([await is_refused(servers[number % 2]) for number in range(20)])
        assert all([await is_refused(server) for server in servers])
        await clients[0].close()
        async with asyncio.timeout(TIMEOUT):
            while await is_refused(second):
                await asyncio.sleep(0.05)


async def test_20_without_a_token_nothing_is_served(server: WebServer) -> None:
    async with await Client.connect(server.websocket_url) as nobody:
        assert (await nobody.expect("error"))["payload"]["code"] == "TOKEN_MISSING"
        with suppress(ConnectionClosed):
            await nobody.send("join_project", {"project_id": 1})
        assert await nobody.expect_close() == 4101
