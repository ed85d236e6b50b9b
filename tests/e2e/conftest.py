"""What the end-to-end tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from pytest_django import DjangoDbBlocker

from tests.harness.client import Client
from tests.harness.database import RemoteDatabase
from tests.harness.servers import Uvicorn, WebServer
from tests.harness.stack import Stack

Connect = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def connect(stack: Stack) -> AsyncIterator[Connect]:
    """Returns a function that connects a demo user until the test ends."""
    async with AsyncExitStack() as clean_up:

        async def connect_one(username: str) -> Client:
            return await clean_up.enter_async_context(await stack.connect(username))

        yield connect_one


@pytest.fixture(scope="session")
def second(stack: Stack) -> Iterator[WebServer]:
    """Another server process of the stack, of the other kind."""
    server = Uvicorn(environment=stack.environment, directory=stack.directory)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def database(stack: Stack, django_db_blocker: DjangoDbBlocker) -> Iterator[RemoteDatabase]:
    """The stack's database, to be changed past its servers."""
    remote = RemoteDatabase(stack.environment["DATABASE_URL"])
    with django_db_blocker.unblock():
        yield remote
    remote.forget()


@pytest.fixture
def project_id(stack: Stack) -> int:
    """A new project of alice's, which bob edits and carol views; dave is a stranger."""
    return stack.new_project()
