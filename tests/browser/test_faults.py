"""Connections, servers and tokens end while people type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import WebSocket, expect

from tests.browser.conftest import Visit
from tests.harness.browser import Person
from tests.harness.proxy import Proxy
from tests.harness.servers import Daphne
from tests.harness.stack import Stack

OFFLINE = 30.0
"""Seconds, in which several attempts to connect fail."""


@pytest_asyncio.fixture(loop_scope="session")
async def server(stack: Stack) -> AsyncIterator[Daphne]:
    """One more server of the stack, to be killed."""
    server = Daphne(environment=stack.environment, directory=stack.directory)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


def updates(stack: Stack, project_id: int) -> list[dict[str, Any]]:
    """Return every change of a project that its log has."""
    events = stack.api("GET", f"projects/{project_id}/events/?since=0&limit=500")["events"]
    return [event["payload"]["changes"] for event in events if event["type"] == "project_updated"]


async def test_a_killed_server_costs_nothing_that_was_typed(
    visit: Visit, project_id: int, stack: Stack, server: Daphne
) -> None:
    alice = await visit("alice", project_id, origin=server.url)
    bob = await visit("bob", project_id)
    await alice.edit("title", "Before")
    await bob.sees("title", "Before")
    typing = asyncio.create_task(
        alice.control("description").press_sequentially("Typed through it all", delay=40)
    )
    await expect(bob.control("description")).not_to_have_value("")
    await asyncio.to_thread(server.kill)
    await typing
    await alice.page.keyboard.press("Control+Enter")
    connection = alice.page.get_by_role("group", name="Connection")
    await expect(connection).to_contain_text("Reconnecting…")
    await expect(connection).to_contain_text("1 change waits")
    await alice.edit("title", "After")
    await asyncio.to_thread(server.start)
    await alice.is_live()
    await expect(bob.control("description")).to_have_value("Typed through it all")
    await expect(bob.control("title")).to_have_value("After")
    await expect(connection).not_to_contain_text("wait")
    assert updates(stack, project_id) == [
        {"title": "Before"},
        {"description": "Typed through it all"},
        {"title": "After"},
    ]


async def test_both_edit_while_one_is_cut_off(visit: Visit, project_id: int, stack: Stack) -> None:
    async with Proxy(stack.web.port) as proxy:
        alice = await visit("alice", project_id, origin=f"http://127.0.0.1:{proxy.port}")
        bob = await visit("bob", project_id)
        await proxy.shut()
        back = asyncio.get_running_loop().time() + OFFLINE
        connection = alice.page.get_by_role("group", name="Connection")
        await expect(connection).to_contain_text("Reconnecting…")
        await alice.edit("title", "Alice's, alone")
        await alice.edit("description", "Alice's too")
        await bob.edit("title", "Bob's")
        await bob.control("status").select_option("completed")
        await expect(connection).to_contain_text("2 changes wait")
        await expect(alice.control("title")).to_have_value("Alice's, alone")
        await asyncio.sleep(back - asyncio.get_running_loop().time())
        await proxy.open()
        await alice.page.get_by_role("button", name="Retry now").click()
        await alice.is_live()
        # What only one of them changed is both's; what both did, alice decides.
        for person in (alice, bob):
            await expect(person.control("description")).to_have_value("Alice's too")
            await expect(person.control("status")).to_have_value("completed")
        await alice.page.get_by_role("button", name="Keep mine").click()
        await expect(bob.control("title")).to_have_value("Alice's, alone")
        project = stack.api("GET", f"projects/{project_id}/")
        shown = {name: project[name] for name in ("title", "description", "status")}
        assert shown == {
            "title": "Alice's, alone", "description": "Alice's too", "status": "completed",
        }  # fmt: skip
        assert len(updates(stack, project_id)) == 4


async def test_a_token_that_ends_in_mid_edit_is_not_noticed(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    environment = stack.environment | {"ACCESS_TOKEN_LIFETIME": "2"}
    server = Daphne(environment=environment, directory=stack.directory)
    await asyncio.to_thread(server.start)
    try:
        alice = await visit("alice", origin=server.url)
        sockets = watch_sockets(alice)
        await alice.open_project(project_id)
        await alice.control("title").fill("Begun with the first token")
        # The first would have ended, leeway included, 7 s after it was made.
        async with asyncio.timeout(30):
            while sum(sockets.values()) < 6:
                await asyncio.sleep(0.1)
        await alice.page.keyboard.press("Enter")
        await expect(alice.field("title")).to_contain_text("Saved")
        assert len(sockets) == 1, "the connection was lost"
    finally:
        await asyncio.to_thread(server.stop)
    assert updates(stack, project_id) == [{"title": "Begun with the first token"}]


def watch_sockets(person: Person) -> dict[WebSocket, int]:
    """Return a count that is kept of the fresh tokens that each socket of the page sends."""
    sockets: dict[WebSocket, int] = {}

    def opened(socket: WebSocket) -> None:
        sockets[socket] = 0

        def sent(frame: str | bytes) -> None:
            sockets[socket] += '"authenticate"' in str(frame)

        socket.on("framesent", sent)

    person.page.on("websocket", opened)
    return sockets


async def test_a_session_that_ends_leads_to_the_sign_in(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    await alice.page.context.route("**/api/token/refresh/", lambda route: route.fulfill(status=401))
    await alice.page.reload()
    await expect(alice.page.get_by_role("alert")).to_contain_text("Your session has ended")
    alice.complaints.clear()  # the 401 itself
