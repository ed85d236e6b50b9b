"""One person in several tabs of one browser."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.harness import rest
from tests.harness.browser import TIMEOUT, Person, refresh_token
from tests.harness.client import Client
from tests.harness.stack import Stack

MOST = 20
"""Sockets of one user: `MAX_SOCKETS_PER_USER`."""


async def another_tab(person: Person, project_id: int) -> Person:
    """Open a project in a new tab of the same browser, as a link does."""
    tab = Person(person.context, await person.context.new_page(), person.origin)
    tab.page.set_default_timeout(TIMEOUT)
    await tab.open_project(project_id)
    return tab


async def test_a_new_tab_is_signed_in_and_is_the_same_person(visit: Visit, project_id: int) -> None:
    first = await visit("alice", project_id)
    second = await another_tab(first, project_id)
    await expect(second.page.locator(".user-name")).to_have_text("alice")
    await expect(second.page.locator(".avatars li")).to_have_count(1)
    await second.edit("title", "From the second tab")
    await first.sees("title", "From the second tab")
    await expect(first.field("title").locator(".tag")).to_have_count(0)
    await expect(first.page.locator(".timeline li").first).to_contain_text("You changed the title")

    # What one wrote in the other tab is one's own, and is not lost either.
    await first.control("title").fill("From the first tab")
    await second.edit("title", "Once more")
    await expect(first.page.locator(".timeline li").first).to_contain_text("Once more")
    await first.control("title").blur()
    versions = first.page.get_by_role("group", name="Two versions of Title")
    await expect(versions).to_contain_text("You, in another tab, changed this")
    await versions.get_by_role("button", name="Take theirs").click()
    # Nothing of the session is left where it outlives the tabs.
    kept = await first.page.evaluate("Object.entries(localStorage).join()")
    assert "eyJ" not in kept
    assert second.complaints == []


async def opened(stack: Stack, count: int) -> None:
    """Return once the server has so many sockets."""
    async with asyncio.timeout(TIMEOUT / 1000):
        while True:
            _, text = await asyncio.to_thread(rest.get, f"{stack.web.url}/metrics")
            if re.search(rf"(?m)^realtime_sockets(?:{{.*}})? {count}(?:\.0)?$", text):
                return
            await asyncio.sleep(0.1)


def titles_saved(stack: Stack, project_id: int) -> list[str]:
    events = stack.api("GET", f"projects/{project_id}/events/?since=0")["events"]
    told = [event["payload"].get("changes", {}) for event in events]
    return [changes["title"] for changes in told if changes]


FALL_SILENT = """() => {
    const post = BroadcastChannel.prototype.postMessage;
    BroadcastChannel.prototype.postMessage = function (note) {
        if (["hello", "send", "bye"].includes(note.type)) post.call(this, note);
    };
}"""
"""Keeps from the other tabs what a tab says that has the connection; a frozen one says nothing."""


async def test_the_tabs_of_a_session_share_one_connection(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    bob = await visit("bob", project_id)
    first = await visit("alice", project_id)
    second = await another_tab(first, project_id)
    third = await another_tab(first, project_id)
    await opened(stack, 2)
    saved = []
    for tab, title in ((first, "From the first"), (second, "From the second")):
        await tab.edit("title", title)
        saved.append(title)
        for person in (first, second, third, bob):
            await person.sees("title", title)
    await bob.edit("title", "From bob")
    for tab in (first, second, third):
        await tab.sees("title", "From bob")
        await expect(tab.page.locator(".timeline li").filter(has_text="From bob")).to_have_count(1)

    # The tab that has the connection goes, and another connects; what is typed meanwhile is saved.
    await first.page.close()
    await second.edit("title", "Without the first")
    await third.sees("title", "Without the first")
    await opened(stack, 2)

    # The tab that has it now falls silent, as one that the browser has frozen.
    leading, other = (second, third) if await leads(second) else (third, second)
    await leading.page.evaluate(FALL_SILENT)
    await other.edit("title", "Without the second")
    for person in (bob, leading, other):
        await person.sees("title", "Without the second")
    await opened(stack, 2)
    saved += ["From bob", "Without the first", "Without the second"]
    assert titles_saved(stack, project_id) == saved

    # Another session in the same browser is another's, and has a connection of its own.
    carol = Person(first.context, await first.context.new_page(), first.origin)
    await carol.sign_in(refresh_token(stack.web.url, "carol"))
    await carol.open_project(project_id)
    await expect(carol.page.locator(".user-name")).to_have_text("carol")
    await expect(carol.page.get_by_text("View only")).to_be_visible()
    await opened(stack, 3)
    for tab in (second, third, carol):
        assert tab.complaints == []


async def leads(tab: Person) -> bool:
    """Return True if a tab has the connection that others share."""
    is_leading: bool = await tab.page.evaluate(
        """async () => {
            const { held } = await navigator.locks.query();
            const own = `realtime.tab:${sessionStorage.getItem("realtime.tab")}`;
            const { clientId } = held.find(({ name }) => name === own);
            return held.some((lock) => lock.clientId === clientId
                && /^realtime.session:[^:]+:[^:]+$/.test(lock.name));
        }"""
    )
    return is_leading


async def test_to_sign_out_of_one_tab_is_to_sign_out(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    first = await visit(None)
    token = refresh_token(stack.web.url, "alice")
    await first.page.evaluate("(token) => sessionStorage.setItem('realtime.refresh', token)", token)
    await first.page.reload()
    await first.page.get_by_role("heading", name="Projects").wait_for()
    second = await another_tab(first, project_id)
    await first.page.get_by_role("button", name="Sign out").click()
    for tab in (first, second):
        await expect(tab.page.get_by_label("Password")).to_be_visible()
    third = await first.context.new_page()
    await third.goto(first.origin)
    await expect(third.get_by_label("Password")).to_be_visible()


async def test_a_refused_connection_says_why(visit: Visit, project_id: int, stack: Stack) -> None:
    carol = await visit("carol")
    async with AsyncExitStack() as others:
        for _ in range(MOST):
            client = await Client.connect(stack.web.websocket_url, stack.token("carol"))
            await others.enter_async_context(client)
            await client.send("join_project", {"project_id": project_id}, ref=1)
            await client.wait_for("ack")
        await carol.page.goto(f"{carol.origin}/#/projects/{project_id}")
        connection = carol.page.get_by_role("group", name="Connection")
        await expect(connection).to_contain_text("too many tabs are open")
    await carol.page.get_by_role("button", name="Retry now").click()
    await carol.is_live()
    await expect(connection).not_to_contain_text("too many")
