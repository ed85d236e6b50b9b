"""Debian's Firefox, driven by Playwright over WebDriver BiDi.

Playwright sends each new profile one command that this Firefox does not know yet, and gives up if
it is refused. So it is given this module in place of the browser: it starts Firefox, passes on what
both say, and answers that one command itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path

from playwright.async_api import Browser, Playwright
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.harness.process import ROOT

FIREFOX = Path("/usr/bin/firefox-esr")
UNKNOWN = "emulation.setMediaFeaturesOverride"
ANNOUNCED = r"WebDriver BiDi listening on (ws://\S+)"


async def launch(playwright: Playwright, directory: Path) -> Browser:
    """Start Firefox; `directory` takes a script that stands for it."""
    command = shlex.join([sys.executable, "-m", "tests.harness.firefox"])
    script = directory / "firefox"
    script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command} "$@"\n')
    script.chmod(0o755)
    return await playwright.firefox.launch(channel="moz-firefox", executable_path=script)


async def main(*arguments: str) -> None:
    """Stand for Firefox until it ends."""
    firefox = await asyncio.create_subprocess_exec(
        FIREFOX, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert firefox.stderr is not None
    address = None
    while address is None:
        line = await firefox.stderr.readline()
        if not line:
            raise SystemExit("Firefox has ended before it listened")
        address = re.search(ANNOUNCED, line.decode())

    async def relay(playwright: ServerConnection) -> None:
        assert playwright.request is not None
        async with connect(address[1] + playwright.request.path, max_size=None) as browser:
            answers = asyncio.create_task(pass_on(browser, playwright))
            async for message in playwright:
                command = json.loads(message)
                if command["method"] == UNKNOWN:
                    answer = {"type": "success", "id": command["id"], "result": {}}
                    await playwright.send(json.dumps(answer))
                else:
                    await browser.send(message)
            await answers

    async with serve(relay, "127.0.0.1", 0, max_size=None) as server:
        [listening] = server.sockets
        _, port = listening.getsockname()
        sys.stderr.write(f"WebDriver BiDi listening on ws://127.0.0.1:{port}\n")
        sys.stderr.flush()
        while await firefox.stderr.readline():
            pass  # a full pipe would hold the browser up
    await firefox.wait()


async def pass_on(browser: ClientConnection, playwright: ServerConnection) -> None:
    """Send Playwright what the browser says, until one of them is gone."""
    try:
        async for message in browser:
            await playwright.send(message)
    except ConnectionClosed:
        pass  # Playwright is gone first
    await playwright.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
