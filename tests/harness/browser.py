"""People at the page, each in a browser profile of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Playwright,
    expect,
)

from tests.harness import rest
from tests.harness.stack import DEMO_PASSWORD

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT = 30_000
"""Milliseconds that a person waits for what they expect to see."""

UNREACHABLE = "net::ERR_"
"""What Chromium's console says of a server that is not there, which a page cannot keep quiet."""


async def launch(playwright: Playwright) -> Browser:
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)


class Person:
    """A page in a profile of its own, and what its console complained of."""

    def __init__(self, context: BrowserContext, page: Page, origin: str) -> None:
        self.context = context
        self.page = page
        self.origin = origin
        self.complaints: list[str] = []
        page.set_default_timeout(TIMEOUT)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self.complain_of_dialog)

    @classmethod
    async def create(cls, browser: Browser, origin: str, **options: Any) -> Person:
        """Open an empty page; `options` are those of Playwright's `new_context`."""
        context = await browser.new_context(**options)
        return cls(context, await context.new_page(), origin)

    def complain_of_dialog(self, dialog: Dialog) -> None:
        """Note a dialog of the browser's that no test expects."""
        self.complaints.append(f"dialog: {dialog.message}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and UNREACHABLE not in message.text:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    async def sign_in(self, refresh_token: str) -> None:
        """Be signed in from the next page on, as after a reload."""
        script = f"sessionStorage.setItem('realtime.refresh', {json.dumps(refresh_token)})"
        await self.page.add_init_script(script)

    async def open_project(self, project_id: int) -> None:
        """Open a project, and return once it is live and loaded."""
        await self.page.goto(f"{self.origin}/#/projects/{project_id}")
        await self.is_live()
        await self.page.locator(".members li").first.wait_for()

    async def is_live(self) -> None:
        await self.page.locator('.connection[data-state="online"]').wait_for(timeout=45_000)

    def field(self, name: str) -> Locator:
        """Return the whole of a field: `title`, `content.mood`."""
        return self.page.locator(f'[data-field="{name}"]')

    def control(self, name: str) -> Locator:
        """Return what a field is edited in."""
        return self.field(name).locator("textarea, input, select")

    async def edit(self, name: str, text: str) -> None:
        """Type a new value and leave the field, which saves it."""
        await self.control(name).fill(text)
        await self.control(name).blur()

    async def sees(self, name: str, value: str) -> None:
        """Expect a value that is saved: what another is typing shows before, as a preview.

        Who begins to write in a preview begins from what was saved before it.
        """
        saved = self.page.locator(f'[data-field="{name}"]:not(.is-drafted)')
        await expect(saved.locator("textarea, input, select")).to_have_value(value)


def refresh_token(url: str, username: str) -> str:
    credentials = {"username": username, "password": DEMO_PASSWORD}
    token: str = rest.call("POST", f"{url}/api/token/", credentials)["refresh"]
    return token
