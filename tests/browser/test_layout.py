"""The page holds whatever people write, are called and look at it on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import check as axe_finds_nothing
from tests.harness.browser import Person
from tests.harness.client import Client
from tests.harness.process import ROOT
from tests.harness.stack import Stack

PHOTOGRAPH = ROOT / "projects/demo/rocket-launch.jpg"

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


WORD = ("Donaudampfschifffahrtsgesellschaft" * 5)[:160]
CROWD = 80
WIDTHS = (320, 390, 768, 1280)


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(stack: Stack, project_id: int) -> AsyncIterator[int]:
    """A project of long words, with many people in it who are called as their mail is."""
    update = {"title": WORD, "description": WORD, "content": {WORD: WORD, "list": [WORD]}}
    stack.api("PATCH", f"projects/{project_id}/", update)
    script = CROWD_SCRIPT.format(project_id=project_id, count=CROWD)
    told = await asyncio.to_thread(stack.manage, "shell", "-v", "0", "-c", script)
    clients = []
    try:
        for token in told.split():
            clients.append(await Client.connect(stack.web.websocket_url, token))
            await clients[-1].send("join_project", {"project_id": project_id})
        yield project_id
    finally:
        await asyncio.gather(*(client.websocket.close() for client in clients))


CROWD_SCRIPT = """
from django.contrib.auth.models import User
from projects.models import Membership, Role
from realtime.auth.serializers import SignInSerializer
for number in range({count}):
    name = f"bartholomew.featherstonehaugh.{{number}}@department.example-company.com"
    user, _ = User.objects.get_or_create(username=name)
    Membership.objects.create(project_id={project_id}, user=user, role=Role.EDITOR)
    print(SignInSerializer.get_token(user).access_token)
"""


async def test_long_words_and_many_people_leave_the_layout_whole(visit: Visit, crowd: int) -> None:
    alice = await visit("alice", crowd, viewport=screen(1280))
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    canvas = alice.page.locator(".canvas")
    await alice.edit(f"canvas.{await canvas.get_attribute('data-canvas')}", WORD)
    more = alice.page.get_by_role("button", name=f"{CROWD + 1} people are here")
    await expect(more).to_have_text(f"+{CROWD + 1 - 5}")
    everybody = alice.page.get_by_role("group", name="Here now")
    for width in WIDTHS:
        await alice.page.set_viewport_size(screen(width))
        await stands(alice)
        await more.press("Enter")
        await expect(everybody.locator("li")).to_have_count(CROWD + 1)
        assert await sideways(alice) == []
        await alice.page.keyboard.press("Escape")
        await expect(everybody).to_be_hidden()
        await expect(more).to_be_focused()
    await more.press("Enter")
    await axe_finds_nothing(alice)
    await alice.page.goto(f"{alice.origin}/#/")
    await alice.page.get_by_role("heading", name=WORD).first.wait_for()
    for width in WIDTHS:
        await alice.page.set_viewport_size(screen(width))
        await stands(alice)


def screen(width: int) -> Any:
    return {"width": width, "height": 800}


async def stands(person: Person) -> None:
    """Return if nothing reaches beyond the screen and nothing lies on anything else."""
    assert await sideways(person) == []
    assert await overlapping(person) == []


async def sideways(person: Person) -> list[str]:
    """Return what is wider than the screen, or than what should hold it."""
    found: list[str] = await person.page.evaluate(
        """() => [...document.body.querySelectorAll("*")].filter((element) => {
            const { left, right, width } = element.getBoundingClientRect();
            if (!width || element.closest(".visually-hidden, .skip-link")) return false;
            return left < -1 || right > innerWidth + 1;
        }).map((element) => element.outerHTML.slice(0, 200))"""
    )
    return found


async def overlapping(person: Person) -> list[str]:
    """Return pairs of controls and texts of which one lies on the other."""
    found: list[str] = await person.page.evaluate(
        """() => {
            const aside = ".visually-hidden, .members, .timeline, header, .sections";
            const all = "button, a, input, select, textarea, label, h1, h2, .role, time, .badge";
            const top = document.querySelector("dialog[open]") ?? document.body;
            const shown = [...top.querySelectorAll(all)].filter((element) =>
                element.checkVisibility({ visibilityProperty: true })
                && !element.closest(aside)
                && element.getBoundingClientRect().width > 2);
            const header = [...document.querySelectorAll(
                "header :is(button:not(.skip-link), a, .avatars, .connection, .badge, .user-name)"
            )].filter((element) => element.checkVisibility());
            const pairs = [];
            for (const group of [shown, header]) {
                for (const [index, one] of group.entries()) {
                    for (const other of group.slice(index + 1)) {
                        if (one.contains(other) || other.contains(one)) continue;
                        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
                        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                        if (wide > 1 && high > 1) {
                            pairs.push(`${one.outerHTML.slice(0, 90)} on ${other.outerHTML}`);
                        }
                    }
                }
            }
            return pairs;
        }"""
    )
    return found
