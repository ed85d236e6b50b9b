"""The client of README.md, run as it stands there by two people."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.process import ROOT
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database

BLOCK = re.compile(r"^```(?:python|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHIN = 20.0

MEMBERS_ADDED = 2
"""The events that a new project of the tests has."""

Run = Callable[[str, str], Awaitable[asyncio.StreamReader]]


@pytest.fixture
def blocks() -> list[str]:
    """The client, and what the page says that it prints."""
    return BLOCK.findall((ROOT / "README.md").read_text())


@pytest.fixture
async def run(
    stack: Stack, tmp_path: Path, blocks: list[str], project_id: int
) -> AsyncIterator[Run]:
    """Returns a function that runs the client until the test ends."""
    program = tmp_path / "client.py"
    text = blocks[0].replace("localhost:8010", stack.web.url.removeprefix("http://"))
    program.write_text(text.replace('"project_id": 1', f'"project_id": {project_id}'))
    async with AsyncExitStack() as clean_up:

        async def run_one(*arguments: str) -> asyncio.StreamReader:
            return await clean_up.enter_async_context(running(program, *arguments))

        yield run_one


@asynccontextmanager
async def running(program: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run it; what it prints can be read as it comes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(program), *arguments), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.communicate()


async def next_of(output: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN):
        found: dict[str, Any] = json.loads(await output.readline())
    return found


async def test_two_people_see_each_other(run: Run, blocks: list[str], project_id: int) -> None:
    # A project of the test's own has another id, and other events before these.
    expected = [json.loads(line) for line in blocks[1].splitlines()]
    updates = (message for message in expected if "seq" in message)
    for seq, update in enumerate(updates, start=MEMBERS_ADDED + 1):
        update["seq"] = seq
    for message in expected:
        message["payload"]["project_id"] = project_id
    alice = await run("alice", "Morning")
    assert [await next_of(alice) for _ in range(2)] == expected[:2]
    bob = await run("bob", "Evening")
    assert [await next_of(alice) for _ in range(2)] == expected[2:]
    assert [await next_of(bob) for _ in range(2)] == expected[2:]
