from __future__ import annotations

import pytest

from config import redis as config_redis
from tests.harness.rooms import serve
from tests.host.rooms import ShoppingRoom


@pytest.fixture(scope="session", autouse=True)
def redis() -> None:
    """What tests in this process use as Redis: a Valkey of their own directory."""
    config_redis.ensure_running()


@pytest.fixture
def shopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve the lists of the second host as projects."""
    serve(monkeypatch, ShoppingRoom)
