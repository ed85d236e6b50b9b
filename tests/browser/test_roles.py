"""What people may do, and how they learn that they no longer may."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.harness.browser import Person


async def test_a_viewer_sees_everything_and_changes_nothing(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    carol = await visit("carol", project_id)
    await expect(carol.page.get_by_text("View only")).to_be_visible()
    for name in ("title", "description"):
        await expect(carol.control(name)).not_to_be_editable()
    await expect(carol.control("status")).to_be_disabled()
    for name in ("Add", "Delete title", "Analyze", "Delete project"):
        await expect(carol.page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await alice.edit("title", "Seen by carol")
    await carol.sees("title", "Seen by carol")

    await alice.page.get_by_label("Role of carol").select_option("editor")
    await expect(carol.page.get_by_text("View only")).to_be_hidden()
    await carol.edit("title", "Carol's")
    await alice.sees("title", "Carol's")


async def test_members_are_added_and_removed(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_label("Username of a new member").fill("dave")
    await alice.page.get_by_label("Role of the new member").select_option("viewer")
    await alice.page.get_by_label("Username of a new member").press("Enter")
    await expect(bob.page.locator(".members li", has_text="dave")).to_contain_text("Viewer")
    await alice.page.get_by_label("Username of a new member").fill("bob")
    await alice.page.get_by_label("Username of a new member").press("Enter")
    await expect(alice.page.locator(".card", has_text="People").get_by_role("alert")).to_have_text(
        "bob is a member already."
    )
    await expect(alice.page.get_by_label("Role of bob")).to_have_value("editor")
    alice.complaints.clear()  # the 400 itself

    await alice.page.get_by_role("button", name="Remove bob").click()
    await expect(bob.page.get_by_role("heading", level=1)).to_have_text(
        "This project is no longer open to you"
    )
    await expect(alice.page.locator(".members li", has_text="bob")).to_have_count(0)


async def test_a_deleted_project_and_a_stranger(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await alice.page.get_by_role("button", name="Delete project").click()
    await alice.page.get_by_role("button", name="Delete", exact=True).click()
    await expect(alice.page.get_by_role("heading", level=1)).to_have_text("Projects")
    await expect(bob.page.get_by_role("heading", level=1)).to_contain_text("no longer open")
    dave = await visit("dave")
    await dave.page.goto(f"{dave.origin}/#/projects/{project_id}")
    await expect(dave.page.get_by_role("heading", level=1)).to_contain_text("does not exist")


async def test_from_the_sign_in_to_the_sign_out(visit: Visit) -> None:
    dave = await visit(None)
    await sign_in(dave, "dave", "wrong")
    await expect(dave.page.get_by_role("alert")).to_contain_text("do not match")
    dave.complaints.clear()  # the 401 itself
    await sign_in(dave, "dave", "realtime")
    await dave.page.get_by_label("Title of a new project").fill("Dave's own")
    await dave.page.get_by_role("button", name="Create").click()
    await expect(dave.control("title")).to_have_value("Dave's own")
    await dave.page.reload()
    await expect(dave.control("title")).to_have_value("Dave's own")
    await dave.page.get_by_role("button", name="Sign out").click()
    await expect(dave.page.get_by_label("Password")).to_be_visible()
    kept = "[...Object.keys(sessionStorage), ...Object.keys(localStorage)]"
    assert await dave.page.evaluate(kept) == ["realtime.tab"]  # which is nobody's
    await dave.page.reload()
    await expect(dave.page.get_by_label("Password")).to_be_visible()


async def sign_in(person: Person, username: str, password: str) -> None:
    await person.page.get_by_label("Username").fill(username)
    await person.page.get_by_label("Password").fill(password)
    await person.page.keyboard.press("Enter")
