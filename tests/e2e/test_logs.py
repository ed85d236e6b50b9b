"""5. No log has a credential: our servers at their most talkative, and every way to sign in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.servers import Daphne, Uvicorn, WebServer
from tests.harness.stack import DEMO_PASSWORD, Stack

pytestmark = pytest.mark.any_database

SERVERS: dict[type[WebServer], tuple[str, ...]] = {
    Daphne: ("-v", "2"),
    Uvicorn: ("--log-level", "trace"),
}


@pytest.fixture(params=SERVERS, ids=lambda server: str(server.name))
def talkative(request: pytest.FixtureRequest, stack: Stack) -> Iterator[WebServer]:
    """A server process that logs all that it can."""
    kind: type[WebServer] = request.param
    with ExitStack() as clean_up:
        server = kind(
            environment=stack.environment | {"LOG_LEVEL": "DEBUG"},
            directory=stack.directory,
            options=SERVERS[kind],
        )
        clean_up.callback(server.stop)
        server.start()
        yield server


async def use(server: WebServer, secret: str, *, is_ticket: bool = False) -> None:
    """Show a server a credential in every place where one may be, or might be by mistake."""
    url = server.websocket_url
    name = "ticket" if is_ticket else "token"
    sockets: list[dict[str, Any]] = [
        {"url": f"{url}?{name}={secret}"},
        {"url": f"{url}/ws/?a=1&{name}={secret}&b=2"},
        {"url": f"{url}/nowhere?{name}={secret}"},
        {"url": url, "subprotocols": [Subprotocol("realtime"), Subprotocol(f"token.{secret}")]},
        {"url": url, "additional_headers": {"Authorization": f"Bearer {secret}"}},
    ]
    for options in sockets:
        with suppress(ConnectionClosed, InvalidStatus):
            async with await Client.connect(**options) as client:
                await client.send("authenticate", {"token": secret})
                await client.send("join_project", {"project_id": secret})
                await client.drain(0.1)
    for path in (f"/?{name}={secret}", f"/api/me/?{name}={secret}", f"/nowhere?{name}={secret}"):
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
            connection.getresponse().read()


async def test_5_a_canary_is_in_no_log(stack: Stack, talkative: WebServer) -> None:
    credentials = {"username": "alice", "password": DEMO_PASSWORD}
    signed_in = rest.call("POST", f"{talkative.url}/api/token/", credentials)
    access, refresh = signed_in["access"], signed_in["refresh"]
    renewed = rest.call("POST", f"{talkative.url}/api/token/refresh/", {"refresh": refresh})
    ticket = rest.call("POST", f"{talkative.url}/api/ws-ticket/", token=access)["ticket"]
    header, payload, signature = access.split(".")
    forged = f"{header}.{payload}.{signature[::-1]}"
    nonsense = f"canary-{uuid4().hex}"

    for secret in (access, forged, nonsense, renewed["access"]):
        await use(talkative, secret)
    await use(talkative, ticket, is_ticket=True)
    canvas = stack.demo_canvas()
    rest.call("POST", f"{talkative.url}/api/canvases/{canvas}/analyze/", token=access)
    picture = rest.call("GET", f"{talkative.url}/api/canvases/{canvas}/", token=access)["image"]
    with closing(HTTPConnection("127.0.0.1", talkative.port, timeout=10)) as connection:
        connection.request("GET", picture.removeprefix(talkative.url))
        assert connection.getresponse().status == HTTPStatus.OK
    signature = picture.rpartition("signature=")[2]
    rest.call("POST", f"{talkative.url}/api/token/blacklist/", {"refresh": refresh})

    log = talkative.log + stack.worker.log
    assert "[redacted]" in log
    assert "/nowhere" in log
    for secret in (access, refresh, renewed["access"], forged, nonsense, ticket, signature):
        last_part = secret.rpartition(".")[2]
        found = [line for line in log.splitlines() if last_part in line]
        assert not found, json.dumps(found, indent=1)
