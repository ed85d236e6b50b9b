"""Access holds for the whole life of a socket: what ends it, on two server processes.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection

import pytest
from websockets.typing import Origin, Subprotocol

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.servers import WebServer
from tests.harness.stack import DEMO_PASSWORD, FRONT_END, Stack

WITHIN = 2.0
"""Seconds in which an end of access must have its effect; what a test waits is a little more."""


@pytest.fixture(params=["Daphne", "Uvicorn"])
def server(request: pytest.FixtureRequest, stack: Stack, second: WebServer) -> WebServer:
    """Each of the two."""
    return stack.web if request.param == "Daphne" else second


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


# --- where the token may be


async def test_a_token_in_a_header(stack: Stack, server: WebServer) -> None:
    headers = {"Authorization": f"Bearer {stack.token('alice')}"}
    async with await Client.connect(server.websocket_url, additional_headers=headers) as alice:
        await alice.join(1)


async def test_a_token_as_a_subprotocol(stack: Stack, server: WebServer) -> None:
    offered = [Subprotocol("realtime"), Subprotocol(f"token.{stack.token('alice')}")]
    async with await Client.connect(server.websocket_url, subprotocols=offered) as alice:
        assert alice.websocket.subprotocol == "realtime"
        await alice.join(1)


async def test_a_token_alone_is_never_the_chosen_subprotocol(
    stack: Stack, server: WebServer
) -> None:
    offered = [Subprotocol(f"token.{stack.token('alice')}")]
    async with await Client.connect(server.websocket_url, subprotocols=offered) as alice:
        assert alice.websocket.subprotocol is None
        await alice.join(1)


async def test_a_ticket_of_one_process_opens_a_socket_at_another(
    stack: Stack, server: WebServer
) -> None:
    url = f"{server.websocket_url}?ticket={stack.api('POST', 'ws-ticket/')['ticket']}"
    async with await Client.connect(url) as alice:
        await alice.join(1)
    async with await Client.connect(url) as again:
        assert (await again.expect("error"))["payload"]["code"] == "TOKEN_INVALID"
        assert await again.expect_close() == 4101


# --- 6. Origin


@pytest.mark.parametrize("origin", [FRONT_END, "own", None])
async def test_6_pages_that_may_connect(
    stack: Stack, server: WebServer, origin: str | None
) -> None:
    own = Origin(server.url if origin == "own" else origin) if origin else None
    async with await Client.connect(
        server.websocket_url, stack.token("alice"), origin=own
    ) as alice:
        await alice.join(1)


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://127.0.0.1"])
async def test_6_other_pages_are_told_not_to_try_again(
    stack: Stack, server: WebServer, origin: str
) -> None:
    async with await Client.connect(
        server.websocket_url, stack.token("alice"), origin=Origin(origin)
    ) as page:
        assert (await page.expect("error"))["payload"]["code"] == "ORIGIN_FORBIDDEN"
        assert await page.expect_close() == 4004


@pytest.mark.parametrize("origin", [FRONT_END, "null", "http://evil.example", None])
def test_6_one_setting_serves_the_rest_api_too(
    stack: Stack, server: WebServer, origin: str | None
) -> None:
    """CORS: a browser shows the answer to a page only with the header that names it."""
    headers = {"Authorization": f"Bearer {stack.token('alice')}"}
    if origin is not None:
        headers["Origin"] = origin
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("GET", "/api/me/", headers=headers)
        response = connection.getresponse()
    assert response.status == 200
    allowed = response.headers["Access-Control-Allow-Origin"]
    assert allowed == (FRONT_END if origin == FRONT_END else None)
