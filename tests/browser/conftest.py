"""People in front of real pages, in a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.harness.browser import CHROMIUM, TIMEOUT, Person, launch, refresh_token
from tests.harness.stack import Stack

Visit = Callable[..., Awaitable[Person]]
HERE = Path(__file__).parent

expect.set_options(timeout=TIMEOUT)  # by default 5 s, which a busy machine may need


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without = pytest.mark.skip(reason=f"There is no {CHROMIUM}")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")
            # One loop for all, as one browser serves all.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if not CHROMIUM.exists():
                item.add_marker(without)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest.fixture
def project_id(stack: Stack) -> int:
    """A new project of alice's, which bob edits and carol views; dave is a stranger."""
    return stack.new_project()


@pytest.fixture(scope="session")
def refresh_tokens(stack: Stack) -> Callable[[str], str]:
    """Returns a function that gives a user's refresh token: signing in is throttled."""
    return cache(lambda username: refresh_token(stack.web.url, username))


@pytest_asyncio.fixture(loop_scope="session")
async def visit(
    browser: Browser, stack: Stack, refresh_tokens: Callable[[str], str]
) -> AsyncIterator[Visit]:
    """Returns a function that opens a page for a demo user, in a project if one is named.

    In the end, the console of none of them may have an error.
    """
    people: list[Person] = []

    async def visit(
        username: str | None, project_id: int | None = None, *, origin: str = "", **options: Any
    ) -> Person:
        person = await Person.create(browser, origin or stack.web.url, **options)
        people.append(person)
        if username is not None:
            await person.sign_in(refresh_tokens(username))
        if project_id is None:
            await person.page.goto(person.origin)
        else:
            await person.open_project(project_id)
        return person

    yield visit
    complaints = [complaint for person in people for complaint in person.complaints]
    for person in people:
        await person.context.close()
    assert complaints == []
