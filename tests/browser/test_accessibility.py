"""The page for people with a keyboard, a screen reader, a small screen."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.conftest import Visit
from tests.harness.browser import Person
from tests.harness.stack import DEMO_PROJECT, Stack


async def test_the_keyboard_is_enough(visit: Visit, project_id: int, stack: Stack) -> None:
    stack.api("PATCH", f"projects/{project_id}/", {"title": "By keyboard"})
    bob = await visit(None)
    page = bob.page
    await tab_to(page, "Username")
    await page.keyboard.type("bob")
    await tab_to(page, "Password")
    await page.keyboard.type("realtime")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="By keyboard").wait_for()
    await tab_to(page, "By keyboard")
    await page.keyboard.press("Enter")
    await bob.control("title").wait_for()
    await tab_to(page, "Title")
    await page.keyboard.type("!")
    await page.keyboard.press("Escape")
    await expect(bob.control("title")).to_have_value("By keyboard")
    await page.keyboard.press("End")
    await page.keyboard.type(" alone")
    await page.keyboard.press("Enter")
    await expect(bob.field("title")).to_contain_text("Saved")
    assert stack.api("GET", f"projects/{project_id}/")["title"] == "By keyboard alone"


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this accessible name is focused, visibly."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        label = await focused.evaluate(
            "element => element.labels?.[0]?.textContent || element.ariaLabel"
            " || element.textContent"
        )
        if name in label:
            outline = await focused.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none", f"the focus on {name} is not to be seen"
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(visit: Visit, stack: Stack, scheme: Any) -> None:
    nobody = await visit(None, color_scheme=scheme)
    await nobody.page.get_by_label("Password").wait_for()
    await check(nobody)
    alice = await visit("alice", color_scheme=scheme)
    await alice.page.locator(".project-item").first.wait_for()
    await check(alice)
    stack.api("POST", f"canvases/{stack.demo_canvas()}/analyze/")
    await alice.open_project(DEMO_PROJECT)
    await alice.page.locator(".emotion").first.wait_for()
    await check(alice)


async def test_axe_finds_nothing_in_what_seldom_shows(visit: Visit, stack: Stack) -> None:
    """What only some see, or only when something went wrong, in both themes at once."""
    project_id = stack.new_project()
    stack.api("PATCH", f"projects/{project_id}/", {"content": {"wild": True}})
    alice = await visit("alice", project_id, color_scheme="dark")
    page = alice.page
    await alice.control("title").fill("Alice's")
    stack.api("PATCH", f"projects/{project_id}/", {"title": "Bob's"}, user="bob")
    await expect(alice.field("title")).to_contain_text("bob has changed this")
    await alice.control("title").blur()
    await page.get_by_role("button", name="Keep mine").wait_for()
    await page.get_by_role("button", name="Delete wild").click()
    await page.get_by_role("button", name="Undo").wait_for()
    await check(alice)
    await page.emulate_media(forced_colors="active", color_scheme="light")
    await check(alice)
    await page.emulate_media(forced_colors="none")
    await page.get_by_role("button", name="Delete project").click()
    await check(alice)
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("heading", name="Projects").wait_for()
    carol = await visit("carol", DEMO_PROJECT)
    await carol.page.get_by_role("button", name="Enlarge").first.click()
    await check(carol)
    await carol.page.goto(f"{carol.origin}/#/projects/{project_id}")
    await expect(carol.page.get_by_role("heading", level=1)).to_contain_text("does not exist")
    await check(carol)


async def check(person: Person) -> None:
    results = await Axe().run(person.page)
    assert results.violations_count == 0, results.generate_report()


async def test_a_phone_shows_it_without_scrolling_sideways(visit: Visit) -> None:
    screen: Any = {"width": 360, "height": 740}
    nobody = await visit(None, viewport=screen)
    await nobody.page.get_by_label("Password").wait_for()
    await fits(nobody.page)
    carol = await visit("carol", viewport=screen)
    await carol.page.locator(".project-item").first.wait_for()
    await fits(carol.page)
    alice = await visit("alice", DEMO_PROJECT, viewport=screen)
    await alice.page.locator(".canvas").first.wait_for()
    await fits(alice.page)


async def fits(page: Page) -> None:
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360


async def test_the_theme_follows_the_system_until_it_is_chosen(visit: Visit) -> None:
    nobody = await visit(None, color_scheme="dark")
    page = nobody.page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(ground)
    await page.get_by_role("button", name="Use the light theme").click()
    light = await page.evaluate(ground)
    assert light != dark
    await page.reload()
    assert await page.evaluate(ground) == light
    await page.get_by_role("button", name="Use the dark theme").click()
    assert await page.evaluate(ground) == dark
