"""The admin under the site's Content Security Policy."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.harness.stack import DEMO_PROJECT


async def test_the_admin_works_under_the_policy(visit: Visit) -> None:
    alice = await visit(None)
    page = alice.page
    await page.goto(f"{alice.origin}/admin/projects/project/{DEMO_PROJECT}/change/")
    await page.get_by_label("Username").fill("alice")
    await page.get_by_label("Password").fill("realtime")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_text("Add another Membership").click()
    # A list that is fetched while one types: the widget with the most script of its own.
    await page.locator(".select2-selection").last.click()
    await page.locator(".select2-search__field").fill("dave")
    await page.locator(".select2-results__option", has_text="dave").click()
    await page.get_by_role("button", name="Save and continue editing").click()
    await expect(page.locator(".success")).to_contain_text("was changed successfully")
    await page.locator(".inline-deletelink, [name$=DELETE]").nth(3).check()
    await page.get_by_role("button", name="Save and continue editing").click()
    await expect(page.locator(".success")).to_contain_text("was changed successfully")
