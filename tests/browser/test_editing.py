"""Two people edit one project at the same time."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit


async def test_both_see_what_the_other_edits_and_who_it_was(visit: Visit, project_id: int) -> None:
    alice = await visit("alice", project_id)
    bob = await visit("bob", project_id)
    await expect(alice.page.locator(".avatars li")).to_have_count(2)

    await alice.edit("title", "Alice's title")
    await expect(bob.control("title")).to_have_value("Alice's title")
    await expect(bob.field("title").locator(".tag-flash")).to_have_text("alice changed this")
    await expect(bob.page.locator("#announcer")).to_have_text("alice changed title.")

    await bob.control("status").select_option("active")
    await expect(alice.control("status")).to_have_value("active")
    await expect(alice.page.locator(".timeline li").first).to_contain_text(
        "bob changed the status to active"
    )
