"""Fixtures of all tests, and what CI asks of a run."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.stack import Stack, running_stack
from tests.harness.valkey import Valkey

# A shell starts a background job with SIGINT ignored, and so would be every server started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
STARTS_SERVERS = {"browser", "e2e", "faults", "tasks"}
DATABASE_FIXTURES = {"db", "transactional_db", "stack", "live_server"}


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A running Valkey that the tests of a session share; one that is killed is put back."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this run share; see `running_stack`."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, copies: Path) -> Iterator[Stack]:
    """The system that end-to-end tests share: they leave it running and its users unharmed."""
    with running_stack(tmp_path_factory.mktemp("stack"), copies=copies) as running:
        yield running


@pytest.fixture(autouse=True)
def server_process(request: pytest.FixtureRequest) -> None:
    """End the server process of each test that has an event loop, as a server does."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("ending")


@pytest.fixture
async def ending() -> AsyncIterator[None]:
    # Django is not set up yet where this module is imported.
    from realtime.events import broadcast
    from realtime.live import process

    yield
    if (server := process.running()) is not None:
        closing = asyncio.create_task(server.close())
        await asyncio.wait([closing], timeout=30)
        assert closing.done(), f"The server process does not end: {asyncio.all_tasks()}"
        closing.result()
    broadcast.use(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _directory(item) == "e2e":
            item.add_marker("e2e")
        fixtures: set[str] = set(getattr(item, "fixturenames", ()))
        uses_database = item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES
        if uses_database and not item.get_closest_marker("any_database"):
            item.add_marker("database")
    # Where several processes share the files, the last ones should be short.
    items.sort(key=lambda item: _directory(item) not in STARTS_SERVERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have the processes of a run share the tests by file; those of the browser go together.

    Two cores carry one browser and no more. Groups of xdist 3.8 do nothing under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "tests/browser" if path.startswith("tests/browser/") else path

    return ByFile(config, log)


def _directory(item: pytest.Item) -> str:
    """Return the directory of `tests` that a test is in."""
    return item.path.relative_to(TESTS).parts[0]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With REQUIRE_ALL set, as in CI, a run in which anything was skipped has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUIRE_ALL") and reporter is not None and reporter.stats.get("skipped"):
        reporter.section("REQUIRE_ALL is set, and tests were skipped", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
