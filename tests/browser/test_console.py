"""The operator's console in a real browser."""

from __future__ import annotations

from playwright.async_api import Browser, expect

from tests.harness.stack import DEMO_PASSWORD, DEMO_PROJECT, Stack


async def test_the_console_is_on_a_projects_page(browser: Browser, stack: Stack) -> None:
    page = await browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(
        f"{stack.web.url}/admin/login/?next=/admin/projects/project/{DEMO_PROJECT}/change/"
    )
    await page.fill("[name=username]", "alice")
    await page.fill("[name=password]", DEMO_PASSWORD)
    await page.click("[type=submit]")
    await page.locator("#realtime-console").wait_for()
    headings = await page.locator("#realtime-console h3").all_inner_texts()
    assert headings == ["Online now", "Tasks", "History"]
    first = page.locator("#canvases-0 img")
    await first.scroll_into_view_if_needed()
    await page.wait_for_function(
        "image => image.naturalWidth > 0", arg=await first.element_handle()
    )
    # It goes on by itself, beside a form that is being filled in.
    await page.fill("[name=title]", "Not saved yet")
    newest = page.locator("#realtime-console table").last.locator("tbody tr").first
    for status in ("completed", "active"):
        stack.api("PATCH", f"projects/{DEMO_PROJECT}/", {"status": status})
        await expect(newest.locator("td").last).to_have_text(status)
    await expect(page.locator("[name=title]")).to_have_value("Not saved yet")
    await page.set_viewport_size({"width": 390, "height": 844})
    box = await page.locator("#realtime-console").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 390
    await page.close()
    assert problems == []
