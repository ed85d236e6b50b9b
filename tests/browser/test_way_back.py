"""What was done can be taken back, and what was there can be found again."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, expect

from tests.browser.conftest import Visit
from tests.harness.browser import Person
from tests.harness.process import ROOT
from tests.harness.stack import Stack

PHOTOGRAPH = ROOT / "projects/demo/rocket-launch.jpg"


def undo(person: Person) -> Locator:
    return person.page.get_by_role("button", name="Undo")


@pytest.mark.parametrize("value", ["calm", 2.5, True, {"rows": 2, "cells": [1, None]}])
async def test_a_deleted_detail_comes_back_as_it_was(
    visit: Visit, project_id: int, stack: Stack, value: object
) -> None:
    stack.api("PATCH", f"projects/{project_id}/", {"content": {"mood": value}})
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_role("button", name="Delete mood").click()
    await expect(bob.field("content.mood")).to_have_count(0)
    await expect(alice.page.get_by_role("heading", name="Details")).to_be_focused()
    await undo(alice).press("Enter")
    await bob.field("content.mood").wait_for()
    await expect(undo(alice)).to_have_count(0)
    assert stack.api("GET", f"projects/{project_id}/")["content"] == {"mood": value}


async def test_undo_takes_nothing_from_another(visit: Visit, project_id: int, stack: Stack) -> None:
    stack.api("PATCH", f"projects/{project_id}/", {"content": {"mood": "calm"}})
    alice = await visit("alice", project_id)
    await alice.page.get_by_role("button", name="Delete mood").click()
    await expect(alice.field("content.mood")).to_have_count(0)
    stack.api("PATCH", f"projects/{project_id}/", {"content": {"mood": "wild"}}, user="bob")
    await expect(alice.control("content.mood")).to_have_value("wild")
    await undo(alice).click()
    await expect(alice.page.get_by_role("alert").filter(has_text="theirs stays")).to_be_visible()
    assert stack.api("GET", f"projects/{project_id}/")["content"] == {"mood": "wild"}


async def test_a_removed_member_comes_back_in_the_old_role(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    alice = await visit("alice", project_id)
    await alice.page.get_by_role("button", name="Remove carol").click()
    await expect(alice.page.locator(".members li", has_text="carol")).to_have_count(0)
    await undo(alice).click()
    await expect(alice.page.get_by_label("Role of carol")).to_have_value("viewer")
    members = stack.api("GET", f"projects/{project_id}/members/")
    assert {member["username"]: member["role"] for member in members}["carol"] == "viewer"


async def test_a_deleted_canvas_comes_back(visit: Visit, project_id: int, stack: Stack) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_label("Upload pictures").set_input_files(PHOTOGRAPH)
    await bob.page.locator(".canvas").wait_for()
    before = stack.api("GET", f"projects/{project_id}/canvases/")[0]["id"]
    remove = alice.page.get_by_role("button", name="Delete rocket-launch")
    await remove.click()
    await expect(alice.page.locator(".canvas")).to_have_count(0)
    await undo(alice).click()
    await expect(alice.page.locator(".canvas")).to_have_count(1)
    assert stack.api("GET", f"projects/{project_id}/canvases/")[0]["id"] == before
    # To leave the page is not to want it back.
    await remove.click()
    await expect(undo(alice)).to_be_visible()
    await alice.page.reload()
    await expect(bob.page.locator(".canvas")).to_have_count(0)


async def test_each_version_of_a_value_is_kept(visit: Visit, project_id: int, stack: Stack) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.edit("description", "One fox sees two dogs")
    await bob.sees("description", "One fox sees two dogs")
    await bob.edit("description", "One fox hears two dogs")
    await alice.sees("description", "One fox hears two dogs")
    last = alice.page.locator(".timeline li").first
    await expect(last.locator("del")).to_have_text("sees")
    await expect(last.locator("ins")).to_have_text("hears")

    await alice.field("description").hover()
    await alice.page.get_by_role("button", name="History of Description").click()
    history = alice.page.get_by_role("dialog", name="History of Description")
    versions = history.locator("li")
    await expect(versions).to_have_count(3)
    await expect(versions.first).to_contain_text("bob")
    await expect(versions.first.locator("del")).to_have_text("sees")
    await expect(versions.first.get_by_role("button")).to_have_count(0)
    results = await Axe().run(alice.page)
    assert results.violations_count == 0, results.generate_report()
    await versions.nth(1).get_by_role("button", name="Restore").click()
    await expect(history).to_have_count(0)
    for person in (alice, bob):
        await person.sees("description", "One fox sees two dogs")
    assert stack.api("GET", f"projects/{project_id}/")["description"] == "One fox sees two dogs"


async def test_what_was_there_before_the_first_change_comes_back(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    first = stack.api("GET", f"projects/{project_id}/")["title"]
    stack.api("PATCH", f"projects/{project_id}/", {"title": "Another"})
    alice = await visit("alice", project_id)
    await alice.field("title").hover()
    await alice.page.get_by_role("button", name="History of Title").click()
    versions = alice.page.get_by_role("dialog").locator("li")
    await expect(versions).to_have_count(2)
    await expect(versions.last).to_contain_text(first)
    await versions.last.get_by_role("button", name="Restore").click()
    await alice.sees("title", first)
    await expect(alice.page.locator(".timeline li").first).to_contain_text(first)


async def test_the_history_of_a_detail_is_made_of_its_changes(
    visit: Visit, project_id: int, stack: Stack
) -> None:
    for grid in ({"rows": 2, "cells": [1]}, {"rows": 3}, {"rows": None, "more": {"a": 1}}):
        stack.api("PATCH", f"projects/{project_id}/", {"content": {"grid": [1]}})
        stack.api("PATCH", f"projects/{project_id}/", {"content": {"grid": grid}})
    stack.api("PATCH", f"projects/{project_id}/", {"content": {"grid": {"b": 2}}})
    carol = await visit("carol", project_id)
    await carol.field("content.grid").hover()
    await carol.page.get_by_role("button", name="History of grid").click()
    versions = carol.page.get_by_role("dialog").locator("li")
    await expect(versions).to_have_count(7)
    # It has a null for a key that was never there, and a version for each change.
    await expect(versions.first.locator("ins")).to_contain_text('"b": 2')
    await expect(carol.page.get_by_role("button", name="Restore")).to_have_count(0)


async def test_the_activity_says_who_changed_a_member(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_label("Role of carol").select_option("editor")
    last = bob.page.locator(".timeline li").first
    await expect(last).to_contain_text("alice made carol an editor")
    await alice.page.get_by_role("button", name="Remove carol").click()
    await expect(last).to_contain_text("alice removed carol")
