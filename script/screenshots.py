"""The screenshots of the page: two people at work in both themes, and on a phone."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import async_playwright, expect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.browser import Person, launch, refresh_token  # noqa: E402
from tests.harness.stack import DEMO_PROJECT, Stack, running_stack  # noqa: E402

IMAGES = Path(os.environ.get("IMAGES") or ROOT / "docs" / "images")
DESKTOP: Any = {"width": 1280, "height": 900}
PHONE: Any = {"width": 390, "height": 844}
COLORS = 255
"""Few enough for small files, enough for photographs."""


async def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="realtime-screenshots-") as directory,
        running_stack(Path(directory)) as stack,
    ):
        prepare(stack)
        await take(stack)


def prepare(stack: Stack) -> None:
    """Make the demo project one that people have worked on."""
    project = f"projects/{DEMO_PROJECT}/"
    for user, data in (
        ("bob", {"content": {"mood": "calm, before the wind", "tempo": 72}}),
        ("alice", {"content": {"palette": "warm", "looped": True}}),
        ("alice", {"title": "A quiet morning"}),
        ("bob", {"description": "Three pictures for the opening: what do they sound like?"}),
    ):
        stack.api("PATCH", project, data, user=user)


async def take(stack: Stack) -> None:
    async with async_playwright() as playwright:
        browser = await launch(playwright)

        async def visit(username: str | None, **options: Any) -> Person:
            person = await Person.create(browser, stack.web.url, **options)
            if username is None:
                await person.page.goto(person.origin)
            else:
                await person.sign_in(
                    await asyncio.to_thread(refresh_token, person.origin, username)
                )
                await person.open_project(DEMO_PROJECT)
            return person

        alice = await visit("alice", viewport=DESKTOP)
        for card in await alice.page.locator(".canvas").all():
            await card.get_by_role("button", name="Analyze").click()
            await card.locator(".emotion").wait_for()
        await alice.page.get_by_role("button", name="Compose").first.click()
        await alice.page.locator(".player").wait_for()
        bob = await visit("bob", viewport=PHONE, color_scheme="dark")
        await visit("carol", viewport=DESKTOP)
        await expect(alice.page.locator(".avatars li")).to_have_count(3)
        await bob.control("status").select_option("draft")
        await bob.control("status").select_option("active")
        await bob.control("description").focus()
        await bob.page.keyboard.press("End")
        await bob.page.keyboard.type(" And who")
        await expect(alice.control("description")).to_have_value(re.compile("And who$"))
        await save(alice, "light")
        await alice.page.emulate_media(color_scheme="dark")
        await save(alice, "dark")
        await bob.page.keyboard.press("Escape")
        await bob.control("description").blur()
        await bob.page.evaluate("scrollTo(0, 0)")
        await save(bob, "phone")
        await save(await visit(None, viewport=DESKTOP), "sign-in")
        await browser.close()


async def save(person: Person, name: str) -> None:
    await person.page.evaluate("document.fonts.ready")
    shot = Image.open(io.BytesIO(await person.page.screenshot(animations="disabled")))
    reduced = shot.convert("RGB").quantize(COLORS, Image.Quantize.MEDIANCUT, kmeans=2)
    reduced.save(IMAGES / f"{name}.png", optimize=True)
    print(f"{name}.png", (IMAGES / f"{name}.png").stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    asyncio.run(main())
