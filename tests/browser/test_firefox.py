"""The page in Firefox, together with people in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.conftest import Visit
from tests.browser.test_typing import before_caret, dismiss_nothing, is_saved
from tests.harness.browser import TIMEOUT, Person
from tests.harness.firefox import FIREFOX, launch
from tests.harness.stack import DEMO_PASSWORD, Stack

INTERRUPTED = "was interrupted while the page was loading"
"""What Firefox's console may say of the socket of a page that is left."""

pytestmark = pytest.mark.skipif(not FIREFOX.exists(), reason=f"There is no {FIREFOX}")


@pytest_asyncio.fixture(loop_scope="session")
async def firefox(tmp_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright, tmp_path)
        yield browser
        await browser.close()


async def test_what_is_typed_in_firefox_is_saved_and_kept(
    firefox: Browser, visit: Visit, project_id: int, stack: Stack
) -> None:
    stack.api("PATCH", f"projects/{project_id}/", {"title": "In two browsers"})
    alice = await Person.create(firefox, stack.web.url)
    page = alice.page
    page.set_default_timeout(2 * TIMEOUT)  # it is a second browser, and has just started
    await page.goto(alice.origin)
    await page.get_by_label("Username").press_sequentially("alice")
    await page.get_by_label("Password").press_sequentially(DEMO_PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="In two browsers").click()
    await alice.is_live()
    bob = await visit("bob", project_id)

    description = alice.control("description")
    await description.press_sequentially("From Firefox")
    await page.keyboard.press("Control+Enter")
    await is_saved(alice, "description")
    await bob.sees("description", "From Firefox")

    # Another's edit comes in, and the caret stays where it was among the words.
    for _ in "fox":
        await page.keyboard.press("ArrowLeft")
    await bob.edit("description", "Much from Firefox")
    await expect(description).to_have_value("Much from Firefox")
    assert await before_caret(description) == "Much from Fire"
    await page.keyboard.type("-")
    await expect(bob.control("description")).to_have_value("Much from Fire-fox")
    await page.keyboard.press("Control+z")
    await expect(description).to_have_value("Much from Firefox")

    # A reload warns, and what was not saved is there again.
    await page.keyboard.type("works ")
    await expect(description).to_have_value("Much from Fireworks fox")
    asked = dismiss_nothing(alice)
    await page.reload()
    await alice.is_live()
    assert asked == ["beforeunload"]
    await expect(description).to_have_value("Much from Fireworks fox")
    await expect(alice.field("description")).to_contain_text("not saved is here again")
    assert [text for text in alice.complaints if INTERRUPTED not in text] == []
