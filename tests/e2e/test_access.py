"""Access holds for the whole life of a socket: what ends it, on two server processes.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.servers import Uvicorn, WebServer
from tests.harness.stack import DEMO_PASSWORD, Stack

WITHIN = 2.0
"""Seconds in which an end of access must have its effect; what a test waits is a little more."""


@pytest.fixture(scope="module")
def second(stack: Stack) -> Iterator[WebServer]:
    """Another server process of the stack, of the other kind."""
    with ExitStack() as clean_up:
        server = Uvicorn(environment=stack.environment, directory=Path(stack.directory))
        clean_up.callback(server.stop)
        server.start()
        yield server


def sign_in(stack: Stack, username: str, password: str = DEMO_PASSWORD) -> dict[str, str]:
    """Return an access and a refresh token of a session of its own."""
    credentials = {"username": username, "password": password}
    tokens: dict[str, str] = rest.call("POST", f"{stack.web.url}/api/token/", credentials)
    return tokens


async def test_2_signing_out_ends_the_sockets_of_that_session(
    stack: Stack, second: WebServer
) -> None:
    here, elsewhere = sign_in(stack, "bob"), sign_in(stack, "bob")
    refreshed = rest.call(
        "POST", f"{stack.web.url}/api/token/refresh/", {"refresh": here["refresh"]}
    )
    async with (
        await Client.connect(second.websocket_url, here["access"]) as first,
        await Client.connect(stack.web.websocket_url, refreshed["access"]) as also_first,
        await Client.connect(second.websocket_url, elsewhere["access"]) as other,
    ):
        for client in (first, also_first, other):
            await client.join(1)
        rest.call("POST", f"{stack.web.url}/api/token/blacklist/", {"refresh": here["refresh"]})
        for client in (first, also_first):
            error = await client.wait_for("error", WITHIN + 0.5)
            assert error["payload"]["code"] == "TOKEN_EXPIRED"
            assert await client.expect_close() == 4102
        await other.send("ping")
        await other.wait_for("pong")

    async with await Client.connect(stack.web.websocket_url, here["access"]) as late:
        assert (await late.expect("error"))["payload"]["code"] == "TOKEN_INVALID"
        assert await late.expect_close() == 4101
    for path in ("token/refresh/", "token/blacklist/"):
        with pytest.raises(rest.Refused) as refused:
            rest.call("POST", f"{stack.web.url}/api/{path}", {"refresh": here["refresh"]})
        assert refused.value.status == 401
