from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from config import redis as config_redis
from realtime.events import broadcast
from realtime.live import process


@pytest.fixture(scope="session", autouse=True)
def redis() -> None:
    """What tests in this process use as Redis: a Valkey of their own directory."""
    config_redis.ensure_running()


@pytest.fixture(autouse=True)
def server_process(request: pytest.FixtureRequest) -> None:
    """End the server process of each test that has an event loop, as a server does."""
    if inspect.iscoroutinefunction(request.function):
        request.getfixturevalue("ending")


@pytest.fixture
async def ending() -> AsyncIterator[None]:
    yield
    if (server := process.running()) is not None:
        await server.close()
    broadcast.use(None)


@pytest.fixture
def shopping(settings: Settings) -> None:
    """Serve the second host instead of projects."""
    settings.REALTIME = settings.REALTIME | {"BACKEND": "tests.host.backend.ShoppingBackend"}
