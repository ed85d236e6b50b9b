"""What the fault tests share: two server processes on one Valkey and one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.client import Client
from tests.harness.load import Crowd, Participant
from tests.harness.servers import Daphne, WebServer
from tests.harness.stack import Stack, running_stack

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.faults.settings"}

Connect = Callable[..., Awaitable[Client]]


@dataclass
class Duo:
    """A stack with a second Daphne. A test that ends a part of it puts it back."""

    stack: Stack
    second: WebServer

    @property
    def first(self) -> WebServer:
        return self.stack.web

    @property
    def urls(self) -> list[str]:
        return [self.first.websocket_url, self.second.websocket_url]

    def crowd(self, project_id: int) -> Crowd:
        """Return alice and bob at each server, who may write, and carol at the second."""
        crowd = Crowd()
        for name, user, urls in (
            ("alice-1", "alice", self.urls),
            ("alice-2", "alice", self.urls[::-1]),
            ("bob-1", "bob", self.urls),
            ("bob-2", "bob", self.urls[::-1]),
            ("carol", "carol", self.urls[::-1]),
        ):
            person = Participant(name, urls, self.stack.token(user), project_id)
            crowd.people.append(person)
        return crowd

    def log(self, project_id: int) -> list[dict[str, Any]]:
        """Return all events of a project, page by page."""
        events: list[dict[str, Any]] = []
        while True:
            since = len(events)
            page = self.stack.api("GET", f"projects/{project_id}/events/?since={since}&limit=1000")
            assert page["complete"]
            events += page["events"]
            if len(events) == page["seq"]:
                return events


@pytest.fixture(scope="session")
def duo(tmp_path_factory: pytest.TempPathFactory, copies: Path) -> Iterator[Duo]:
    with running_stack(tmp_path_factory.mktemp("duo"), SETTINGS, copies=copies) as stack:
        second = Daphne(environment=stack.environment, directory=stack.directory)
        second.start()
        yield Duo(stack, second)
        second.stop()


@pytest.fixture
def project_id(duo: Duo) -> int:
    """A new project of alice's, which bob edits and carol views; dave is a stranger."""
    return duo.stack.new_project()


@pytest.fixture
async def connect(duo: Duo) -> AsyncIterator[Connect]:
    """Returns a function that connects a demo user, to either server, until the test ends."""
    async with AsyncExitStack() as clean_up:

        async def connect_one(username: str, web: WebServer | None = None) -> Client:
            return await clean_up.enter_async_context(await duo.stack.connect(username, web))

        yield connect_one
