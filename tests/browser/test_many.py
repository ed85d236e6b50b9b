"""Hundreds of things: found, reached, and shown a few at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Request, expect

from tests.browser.conftest import Visit
from tests.harness.process import ROOT
from tests.harness.stack import DEMO_PROJECT, Stack

PHOTOGRAPH = ROOT / "projects/demo/rocket-launch.jpg"

PROJECTS = """
from django.contrib.auth.models import User
from projects import services
dave = User.objects.get(username="dave")
for title in {titles}:
    services.create_project(user=dave, data={{"title": title, "description": "Über alles"}})
"""
CANVASES = """
from projects.models import Canvas
one = Canvas.objects.filter(project_id={demo}).first()
for number in range({count}):
    one.pk, one.project_id, one.title = None, {project_id}, f"Picture {{number}}"
    one.save(force_insert=True)
"""


async def test_a_project_is_found_among_many(visit: Visit, stack: Stack) -> None:
    titles = [f"Number {number}" for number in range(101)]
    script = PROJECTS.format(titles=titles)
    await asyncio.to_thread(stack.manage, "shell", "-v", "0", "-c", script)
    dave = await visit("dave")
    items = dave.page.locator(".project-item")
    # What changed last is on top, though it came with the last page.
    await expect(items.first).to_contain_text(titles[-1])
    await expect(items).to_have_count(48)
    await dave.page.get_by_role("button", name="Show 48 more").press("Enter")
    await expect(items).to_have_count(96)
    await expect(items.nth(48)).to_be_focused()
    search = dave.page.get_by_role("searchbox", name="Find a project")
    await search.fill("uber NUMBER 10")
    await expect(items).to_have_count(2)
    await expect(dave.page.locator("#announcer")).to_have_text("2 projects found.")
    await search.fill("nothing like it")
    await expect(dave.page.get_by_text("No project has these words.")).to_be_visible()
    await search.fill("")
    await expect(items).to_have_count(48)


async def test_many_canvases_are_shown_a_few_at_a_time(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    script = CANVASES.format(demo=DEMO_PROJECT, count=130, project_id=project_id)
    await asyncio.to_thread(stack.manage, "shell", "-v", "0", "-c", script)
    alice = await visit("alice", project_id)
    canvases = alice.page.locator(".canvas")
    await expect(alice.page.get_by_role("button", name="Show 24 more of 106")).to_be_visible()
    await expect(canvases).to_have_count(24)
    # What comes now is shown, wherever it stands.
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    await expect(alice.page.get_by_role("img", name="rocket-launch")).to_be_visible()
    await alice.page.get_by_role("button", name="Show 24 more of 106").click()
    await expect(canvases).to_have_count(49)
    await expect(alice.page.get_by_role("button", name="Enlarge Picture 24")).to_be_focused()


async def test_what_changes_is_fetched_alone(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/api/" in request.url:
            asked.append(request.url)

    await expect(alice.page.locator(".drop-hint")).to_be_visible()
    alice.page.on("request", note)
    await bob.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    await alice.page.locator(".canvas").wait_for()
    canvas_id = await alice.page.locator(".canvas").get_attribute("data-canvas")
    await bob.edit(f"canvas.{canvas_id}", "Renamed by bob")
    await expect(alice.control(f"canvas.{canvas_id}")).to_have_value("Renamed by bob")
    await bob.page.get_by_role("button", name="Delete Renamed by bob").click()
    await bob.page.get_by_role("button", name="Dismiss").click()
    await expect(alice.page.locator(".canvas")).to_have_count(0)
    assert set(asked) == {f"{alice.origin}/api/canvases/{canvas_id}/"}


async def test_a_phone_reaches_each_section(visit: Visit) -> None:
    phone: Any = {"width": 390, "height": 700}
    alice = await visit("alice", DEMO_PROJECT, viewport=phone)
    sections = alice.page.get_by_role("navigation", name="Sections")
    for name in ("Activity", "Canvases", "People", "Details"):
        await sections.get_by_role("button", name=name).press("Enter")
        heading = alice.page.get_by_role("heading", name=name, exact=True)
        await expect(heading).to_be_focused()
        await expect(heading).to_be_in_viewport()
    await sections.get_by_role("button", name="Top").click()
    await expect(alice.control("title")).to_be_in_viewport()
