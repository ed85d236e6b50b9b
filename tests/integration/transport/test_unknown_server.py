"""A server of which nothing is known: delivery and its limits rest on ASGI alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pytest_django import Settings

from realtime import metrics
from realtime.db import threads
from tests.harness.shopping import make_list
from tests.harness.sockets import Message, application

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shopping"),
    pytest.mark.any_database,
]


class Awaited:
    """What servers in other languages return: an awaitable that is no coroutine."""

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        return self._future.__await__()


class Server:
    """One connection of such a server, whose client may stop reading."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.is_read = True

    def receive(self) -> Awaited:
        return Awaited(asyncio.ensure_future(self.incoming.get()))  # type: ignore[arg-type]

    def send(self, message: Message) -> Awaited:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_read:
            self.sent.put_nowait(message)
            asyncio.get_running_loop().call_soon(future.set_result, None)
        return Awaited(future)

    def command(self, type_: str, **payload: Any) -> None:
        text = json.dumps({"type": type_, "payload": payload, "ref": type_})
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def text(self) -> Message:
        async with asyncio.timeout(30):
            message = await self.sent.get()
        assert message["type"] == "websocket.send", message
        return dict(json.loads(message["text"]))


def wrapped(scope: Any, receive: Any, send: Any) -> Any:
    """Wrap the application in new callables, as tools do that trace it."""

    async def traced_send(message: Message) -> None:
        await send(message)

    async def traced_receive() -> Message:
        return dict(await receive())

    return application(scope, traced_receive, traced_send)


@asynccontextmanager
async def connected(app: Callable[..., Any], token: str) -> AsyncIterator[tuple[Server, Any]]:
    server = Server()
    scope = {
        "type": "websocket",
        "path": "/",
        "query_string": f"token={token}".encode(),
        "headers": [],
        "subprotocols": [],
    }
    serving = asyncio.create_task(app(scope, server.receive, server.send))
    server.incoming.put_nowait({"type": "websocket.connect"})
    async with asyncio.timeout(30):
        assert (await server.sent.get())["type"] == "websocket.accept"
    yield server, serving
    server.incoming.put_nowait({"type": "websocket.disconnect", "code": 1005})
    await asyncio.wait_for(serving, 10)


@pytest.mark.parametrize("app", [application, wrapped])
async def test_what_happens_in_a_room_arrives(app: Callable[..., Any]) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    async with connected(app, token) as (server, _):
        server.command("join_project", project_id=list_id)
        assert (await server.text())["type"] == "ack"
        assert (await server.text())["type"] == "user_joined"
        server.command("update_project", project_id=list_id, data={"milk": 2})
        assert {(await server.text())["type"] for _ in range(2)} == {"ack", "project_updated"}


@pytest.mark.parametrize("app", [application, wrapped])
async def test_21_who_does_not_read_is_ended(settings: Settings, app: Callable[..., Any]) -> None:
    settings.REALTIME = settings.REALTIME | {"SEND_TIMEOUT": 0.2}
    list_id, [token] = await threads.run(make_list, "alice")
    before = metrics.current.closes["send_timeout"]
    async with connected(app, token) as (server, serving):
        server.command("join_project", project_id=list_id)
        await server.text()
        server.is_read = False
        server.command("ping")
        # The server would never say that the client is gone, as it does not know that.
        await asyncio.wait_for(serving, 10)
    assert metrics.current.closes["send_timeout"] == before + 1


@pytest.mark.parametrize("app", [application, wrapped])
async def test_21_what_waits_is_bounded(settings: Settings, app: Callable[..., Any]) -> None:
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 500, "SEND_TIMEOUT": 0.2}
    list_id, [token] = await threads.run(make_list, "alice")
    before = metrics.current.closes["4202"]
    async with connected(app, token) as (server, serving):
        server.command("join_project", project_id=list_id)
        await server.text()
        server.is_read = False
        for _ in range(50):
            server.command("ping")
        await asyncio.wait_for(serving, 10)
    assert metrics.current.closes["4202"] == before + 1
