"""Clients that crash, and clients that do not read: they cost little, and nobody else anything."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing

import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed

from tests.faults.conftest import Connect, Duo
from tests.harness.client import Client, Message
from tests.harness.measure import (
    MEGABYTE,
    memory,
    open_files,
    peak_memory,
    people,
    redis_connections,
    until,
)
from tests.harness.servers import Uvicorn, WebServer

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: to close such a socket sends RST."""
CRASHES = ("half a frame", "no JSON", "binary", "no frame", "unread updates", "before joining")


@pytest.fixture(scope="module")
def uvicorn(duo: Duo) -> Iterator[WebServer]:
    server = Uvicorn(
        environment=duo.stack.environment,
        directory=duo.stack.directory,
        options=("--timeout-graceful-shutdown", "3"),
    )
    server.start()
    yield server
    server.stop()


async def crash(client: Client, project_id: int, way: str) -> None:
    """Join, send something that is wrong or too much, and vanish with a RST."""
    if way != "before joining":
        await client.send("join_project", {"project_id": project_id}, ref="j")
        await client.wait_for("ack")
    transport = client.websocket.transport
    match way:
        case "half a frame":
            transport.write(b"\x81\xfe\x10\x00maskhalf of it")
        case "no JSON":
            await client.send_raw("{")
        case "binary":
            await client.send_raw(b"\xff\x00")
        case "no frame":
            transport.write(b"\xff\xff\xff\xff")
        case "unread updates":
            for _ in range(20):
                data = {"content": {"blob": secrets.token_hex(5000)}}
                await client.send("update_project", {"project_id": project_id, "data": data})
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


async def crash_many(duo: Duo, web: WebServer, project_id: int, count: int) -> None:
    """Have so many clients crash, 12 at a time, in every way."""
    for first in range(0, count, 12):
        clients = await asyncio.gather(
            *(duo.stack.connect(("alice", "bob")[n % 2], web) for n in range(12))
        )
        await asyncio.gather(
            *(
                crash(client, project_id, CRASHES[(first + n) % len(CRASHES)])
                for n, client in enumerate(clients)
            )
        )


def sockets_of(redis: Redis, user_id: int) -> int:
    keys = redis.keys("realtime:sockets:*")
    return sum(int(redis.hget(key, str(user_id)) or 0) for key in keys)


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_crashed_clients_leave_nothing_behind(
    duo: Duo, uvicorn: WebServer, project_id: int, kind: str
) -> None:
    web = {"daphne": duo.second, "uvicorn": uvicorn}[kind]
    user_id = duo.stack.api("GET", "me/")["id"]
    group = f"asgi__group__project_{project_id}"
    with duo.stack.valkey.client() as redis:

        def is_clean() -> bool:
            return (
                people(redis, project_id) == set()
                and sockets_of(redis, user_id) == 0
                and redis.pubsub_channels(group) == []
            )

        await crash_many(duo, web, project_id, 120)  # so that the threads of the database are there
        await until(is_clean, 20)
        before = memory(web.pid), open_files(web.pid), redis_connections(redis)
        await crash_many(duo, web, project_id, 120)
        await until(is_clean, 20)
        await until(lambda: open_files(web.pid) <= before[1] + 2)
        assert redis_connections(redis) <= before[2] + 2
        assert memory(web.pid) < before[0] + 30 * MEGABYTE
    async with await duo.stack.connect("alice", web) as alice:
        await alice.join(project_id)


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
async def test_a_flood_waits_with_its_client_while_the_server_is_busy(
    duo: Duo, uvicorn: WebServer, connect: Connect, project_id: int, kind: str
) -> None:
    """With as many updates waiting for the database as may, the rest is not even read."""
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("locks SQLite")
    web = {"daphne": duo.second, "uvicorn": uvicorn}[kind]
    alice, carol = await connect("alice", web), await connect("carol", web)
    await alice.join(project_id)
    before = memory(web.pid)
    database = duo.stack.directory / "db.sqlite3"
    with closing(sqlite3.connect(database, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        flood = asyncio.create_task(send_flood(alice, project_id))
        await asyncio.wait([flood], timeout=3)
        assert not flood.done(), "it was all taken in"
        assert memory(web.pid) < before + 25 * MEGABYTE
        await carol.send("ping", ref=1)
        await carol.expect("pong")
        lock.execute("ROLLBACK")
    # From here on it is read as fast as a user may ask for something, and no faster.
    flood.cancel()
    await asyncio.gather(flood, return_exceptions=True)
    await carol.send("ping", ref=2)
    await carol.expect("pong")


async def send_flood(client: Client, project_id: int) -> None:
    """Send 64 updates, then 60 MB of what asks for nothing."""
    for number in range(64):
        data = {"title": f"No. {number}"}
        await client.send("update_project", {"project_id": project_id, "data": data})
    padding = secrets.token_hex(30_000)  # which cannot be compressed to nothing
    for _ in range(1000):
        await client.send("ping", {"padding": padding})


FLOOD = """
import secrets
from django.contrib.auth.models import User
from projects import services
alice = User.objects.get(username="alice")
for number in range({count}):
    data = {{"content": {{"blob": secrets.token_hex(20_000)}}}}
    services.update_project(user=alice, project_id={project_id}, data=data)
"""
UPDATES = 300
"""Of 40 kB each: 12 MB."""
TOO_MANY = 150
"""6 MB of them, where a client's and a server's kernel may hold 4 MB, and the server 1 MB."""


def small_window(web: WebServer) -> socket.socket:
    """Connect a TCP socket whose kernel takes little for it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    sock.connect(("127.0.0.1", web.port))
    sock.setblocking(False)
    return sock


async def lazy(duo: Duo, user: str, web: WebServer, project_id: int) -> Client:
    """Join, and read nothing from then on: the library's own queue is one message long."""
    client = await Client.connect(
        web.websocket_url,
        duo.stack.token(user),
        sock=small_window(web),
        max_queue=1,
        compression=None,
        ping_interval=None,
    )
    await client.send("join_project", {"project_id": project_id}, ref="j")
    await client.wait_for("ack")
    return client


async def read_on(client: Client) -> tuple[list[int], int | None]:
    """Read what there is to the end; return the positions, and the code of the close."""
    seqs = []
    try:
        while True:
            message = await client.receive()
            if "seq" in message:
                seqs.append(message["seq"])
    except ConnectionClosed as closed:
        return seqs, closed.rcvd.code if closed.rcvd else None


async def read_all(client: Client, count: int) -> list[int]:
    seqs: list[int] = []
    while len(seqs) < count:
        message: Message = await client.receive(30)
        if message["type"] == "project_updated":
            seqs.append(message["seq"])
    return seqs


@pytest.fixture
async def clean_up() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_who_does_not_read_is_closed_and_delays_nobody(
    duo: Duo, uvicorn: WebServer, connect: Connect, project_id: int, clean_up: AsyncExitStack
) -> None:
    """On Daphne as on uvicorn. Bob reads on too late; carol never does."""
    webs = duo.second, uvicorn
    start = len(duo.log(project_id))
    attentive = [await connect("alice", web) for web in webs]
    for client in attentive:
        await client.send("join_project", {"project_id": project_id}, ref="j")
        await client.wait_for("ack")
    late = [await lazy(duo, "bob", web, project_id) for web in webs]
    never = [await lazy(duo, "carol", web, project_id) for web in webs]
    for client in [*late, *never]:
        clean_up.callback(client.websocket.transport.abort)
    carol_id = duo.stack.api("GET", "me/", user="carol")["id"]
    before = [peak_memory(web.pid) for web in webs]

    code = FLOOD.format(count=UPDATES, project_id=project_id)
    flood = asyncio.create_task(asyncio.to_thread(duo.stack.manage, "shell", "-c", code))
    everything = list(range(start + 1, start + UPDATES + 1))
    for seqs in await asyncio.gather(*(read_all(client, TOO_MANY) for client in attentive)):
        assert seqs == everything[:TOO_MANY]
    # Bob is closed by now, and reads on before the server cuts him off as it does carol.
    late_ends = asyncio.gather(*(read_on(client) for client in late))
    rest = UPDATES - TOO_MANY
    for seqs in await asyncio.gather(*(read_all(client, rest) for client in attentive)):
        assert seqs == everything[TOO_MANY:]
    ends = await late_ends
    assert [close_code for _, close_code in ends] == [4202, 4202], webs
    for seqs, _ in ends:
        assert seqs == everything[: len(seqs)], "what they did get had no gap"
        assert len(seqs) < UPDATES
    await flood

    for web, bytes_before in zip(webs, before, strict=True):
        assert peak_memory(web.pid) < bytes_before + 40 * MEGABYTE
    with duo.stack.valkey.client() as redis:
        await until(lambda: carol_id not in people(redis, project_id), 30)
