"""Two people edit one project at the same time."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.harness.stack import Stack


async def test_both_see_what_the_other_edits_and_who_it_was(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await expect(alice.page.locator(".avatars li")).to_have_count(2)

    await alice.edit("title", "Alice's title")
    await bob.sees("title", "Alice's title")
    await expect(bob.field("title").locator(".tag-flash")).to_have_text("alice changed this")
    await expect(bob.page.locator("#announcer")).to_have_text("alice changed title.")

    await bob.control("status").select_option("active")
    await expect(alice.control("status")).to_have_value("active")
    await expect(alice.page.locator(".timeline li").first).to_contain_text(
        "bob changed the status to active"
    )


async def test_the_other_is_seen_in_a_field_and_typing(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await bob.control("description").focus()
    await expect(alice.field("description").locator(".tag")).to_have_text("bob")
    await bob.control("description").press_sequentially("Not saved")
    await expect(alice.control("description")).to_have_value("Not saved")
    await bob.page.keyboard.press("Escape")
    await expect(bob.control("description")).to_have_value("")
    await expect(alice.control("description")).to_have_value("")
    await bob.control("description").blur()
    await expect(alice.field("description").locator(".tag")).to_have_count(0)


async def test_details_are_added_edited_and_deleted(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    for key, kind in (("mood", "text"), ("size", "number"), ("wild", "toggle"), ("grid", "json")):
        await alice.page.get_by_label("Name of the new detail").fill(key)
        await alice.page.get_by_label("Its kind").select_option(kind)
        await alice.page.locator("#new-key").press("Enter")
        await bob.field(f"content.{key}").wait_for()
    await alice.edit("content.mood", "calm")
    await alice.edit("content.size", "2.5")
    await alice.control("content.wild").check()
    await alice.edit("content.grid", '{"rows": 2, "cells": [1, null]}')
    await expect(bob.control("content.wild")).to_be_checked()
    await bob.sees("content.grid", '{"rows": 2, "cells": [1, null]}')
    await bob.edit("content.grid", "{}")
    await alice.sees("content.grid", "{}")

    await bob.edit("content.size", "many")
    await expect(bob.field("content.size")).to_contain_text("This has to be a number.")
    await bob.page.get_by_role("button", name="Delete mood").click()
    await expect(alice.field("content.mood")).to_have_count(0)
    content = stack.api("GET", f"projects/{project_id}/")["content"]
    assert content == {"size": 2.5, "wild": True, "grid": {}}


async def test_the_person_settles_a_conflict(visit: Visit, project_id: int, stack: Stack) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    for choice, outcome in (("Keep mine", "From alice"), ("Take theirs", "From bob")):
        await alice.control("title").fill("From alice")
        await bob.edit("title", "From bob")
        await expect(alice.field("title")).to_contain_text("bob has changed this")
        await alice.control("title").blur()
        versions = alice.page.get_by_role("group", name="Two versions of Title")
        await expect(versions.locator("ins").first).to_have_text("alice")
        await expect(versions.locator("del").first).to_have_text("bob")
        await versions.get_by_role("button", name=choice).click()
        await expect(versions).to_have_count(0)
        await expect(alice.control("title")).to_be_focused()
        for person in (alice, bob):
            await person.sees("title", outcome)
        assert stack.api("GET", f"projects/{project_id}/")["title"] == outcome
        await bob.edit("title", "Another round")
        await alice.sees("title", "Another round")


async def test_what_the_server_refuses_stays_to_be_mended(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    await alice.edit("title", "   ")
    await expect(alice.field("title")).to_contain_text("may not be blank")
    await alice.edit("title", "Mended")
    await expect(alice.field("title")).to_contain_text("Saved")


async def test_text_is_never_markup(visit: Visit, project_id: int, stack: Stack) -> None:
    markup = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    update = {"title": markup, "description": markup, "content": {markup: markup}}
    stack.api("PATCH", f"projects/{project_id}/", update)
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await expect(alice.control("title")).to_have_value(markup)
    await expect(alice.field(f"content.{markup}".replace('"', '\\"'))).to_contain_text(markup)
    await bob.edit("description", f"{markup} again")
    await expect(alice.page.locator(".timeline li").first).to_contain_text("description")
    assert await alice.page.locator("img, main script").count() == 0
    await alice.page.goto(f"{alice.origin}/#/")
    await expect(alice.page.get_by_role("heading", name=markup)).to_be_visible()
