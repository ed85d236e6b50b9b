"""The core of the protocol on each server that it is made for: Daphne and uvicorn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from http import HTTPStatus

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness.client import Client
from tests.harness.servers import WebServer
from tests.harness.shape import assert_like_example
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database

Enter = Callable[[str], Awaitable[Client]]


@pytest.fixture(params=["daphne", "uvicorn"])
def web(request: pytest.FixtureRequest, stack: Stack, second: WebServer) -> WebServer:
    servers = {server.name: server for server in (stack.web, second)}
    return servers[request.param]


@pytest.fixture
async def enter(stack: Stack, web: WebServer) -> AsyncIterator[Enter]:
    """Returns a function that connects a demo user to the server until the test ends."""
    async with AsyncExitStack() as clean_up:

        async def connect_one(username: str) -> Client:
            return await clean_up.enter_async_context(await stack.connect(username, web))

        yield connect_one


async def test_the_messages_of_the_page(enter: Enter, project_id: int) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    assert_like_example(await alice.join(project_id))
    joined = await bob.join(project_id)
    assert await alice.expect("user_joined") == joined

    data = {"title": "Grüße, 世界 🎨"}
    await bob.send("update_project", {"project_id": project_id, "data": data}, ref="u")
    replies = {m["type"]: m for m in (await bob.receive(), await bob.receive())}
    updated = await alice.expect("project_updated")
    assert_like_example(updated, added=["seq"])
    assert updated == replies["project_updated"]
    assert updated["payload"]["changes"] == replies["ack"]["payload"]["changes"] == data

    await bob.send("leave_project", {"project_id": project_id})
    assert_like_example(await alice.expect("user_left"))
    await alice.send("no_such_type")
    assert_like_example(await alice.expect("error"))


async def test_a_task(enter: Enter, stack: Stack) -> None:
    alice = await enter("alice")
    await alice.join(1)
    task_id = stack.api("POST", f"canvases/{stack.demo_canvas()}/analyze/")["task_id"]
    completed = await alice.wait_for("task_completed", 30)
    assert_like_example(completed, added=["project_id", "seq"], more_in=["result"])
    assert completed["payload"]["task_id"] == task_id


async def test_what_was_missed_is_replayed(enter: Enter, stack: Stack, project_id: int) -> None:
    alice = await enter("alice")
    for number in range(3):
        stack.api("PATCH", f"projects/{project_id}/", {"title": f"No. {number}"})
    await alice.send("join_project", {"project_id": project_id, "since": 3}, ref="j")
    ack = await alice.expect("ack")
    assert (ack["payload"]["recovered"], ack["payload"]["seq"]) == (True, 5)
    assert [(await alice.expect("project_updated"))["seq"] for _ in range(2)] == [4, 5]


@pytest.mark.parametrize("frame", ["", "{", "[]", '{"type":"ping","type":"ping"}', b"\xff", b""])
async def test_a_bad_frame_is_answered_and_the_socket_lives(
    enter: Enter, frame: str | bytes
) -> None:
    alice = await enter("alice")
    await alice.send_raw(frame)
    await alice.expect("error")
    await alice.send("ping", ref=1)
    assert (await alice.expect("pong"))["ref"] == 1


async def test_too_large_is_answered_or_closed_and_never_a_crash(enter: Enter) -> None:
    alice = await enter("alice")
    await alice.send("ping", {"x": "y" * 100_000})
    assert (await alice.expect("error"))["payload"]["code"] == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize("path", ["", "/", "/ws/"])
async def test_a_bad_token_is_told_and_closed(web: WebServer, path: str) -> None:
    async with await Client.connect(web.websocket_url + path, "nonsense") as nobody:
        assert (await nobody.expect("error"))["payload"]["code"] == "TOKEN_INVALID"
        assert await nobody.expect_close() == 4101


@pytest.mark.parametrize("path", ["/ws", "/nowhere/"])
async def test_an_address_that_is_none_is_refused(stack: Stack, web: WebServer, path: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await Client.connect(web.websocket_url + path, stack.token("alice"))
    assert refusal.value.response.status_code == HTTPStatus.FORBIDDEN
    assert "No route found" not in web.log


async def test_a_flood_is_told_and_closed(enter: Enter) -> None:
    alice = await enter("alice")
    for _ in range(400):
        await alice.send("ping")
    messages = await alice.drain()
    errors = [m["payload"]["code"] for m in messages if m["type"] == "error"]
    assert set(errors) == {"RATE_LIMITED"}
    assert alice.websocket.close_code == 4201
