"""The page holds whatever people write, are called and look at it on."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.harness.stack import Stack

PHONE: Any = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

HEBREW = "שלום לכולם"
"""Words that are read from right to left."""


async def test_a_phone_does_not_zoom_into_a_control(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    content = {"text": "a", "number": 1, "json": {}}
    stack.api("PATCH", f"projects/{project_id}/", {"content": content})
    nobody = await visit(None, **PHONE)
    await nobody.page.get_by_label("Password").wait_for()
    listing = await visit("alice", **PHONE)
    await listing.page.locator(".project-item").first.wait_for()
    alice = await visit("alice", project_id, **PHONE)
    await alice.field("content.json").wait_for()
    for person in (nobody, listing, alice):
        small = await person.page.evaluate(
            """() => [...document.querySelectorAll("input, select, textarea")]
                .filter((element) => parseFloat(getComputedStyle(element).fontSize) < 16)
                .map((element) => element.outerHTML)"""
        )
        assert small == []


async def test_text_is_read_in_its_own_direction(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    update = {"title": HEBREW, "description": HEBREW, "content": {HEBREW: HEBREW}}
    stack.api("PATCH", f"projects/{project_id}/", update)
    alice = await visit("alice", project_id)
    texts = [
        alice.control("title"),
        alice.control("description"),
        alice.control(f"content.{HEBREW}"),
        alice.field(f"content.{HEBREW}").locator("label"),
        alice.page.locator(".timeline q").first,
    ]
    for text in texts:
        await expect(text).to_have_css("direction", "rtl")
    await expect(alice.page.locator(".timeline li").first).to_have_css("direction", "ltr")
    await alice.page.goto(f"{alice.origin}/#/")
    heading = alice.page.get_by_role("heading", name=HEBREW)
    await expect(heading).to_have_css("direction", "rtl")
    await expect(alice.page.locator(".project-item-text", has_text=HEBREW)).to_have_css(
        "direction", "rtl"
    )
