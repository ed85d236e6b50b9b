"""The operator's console in a real browser."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.harness.stack import DEMO_PASSWORD, Stack


async def test_the_console_is_on_a_projects_page(browser: Browser, stack: Stack) -> None:
    page = await browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(f"{stack.web.url}/admin/login/?next=/admin/projects/project/1/change/")
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
    await page.close()
    assert problems == []
