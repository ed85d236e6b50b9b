from __future__ import annotations

import pytest
from pytest_django import Settings

from config import redis as config_redis


@pytest.fixture(scope="session", autouse=True)
def redis() -> None:
    """What tests in this process use as Redis: a Valkey of their own directory."""
    config_redis.ensure_running()


@pytest.fixture
def shopping(settings: Settings) -> None:
    """Serve the second host instead of projects."""
    settings.REALTIME = settings.REALTIME | {"BACKEND": "tests.host.backend.ShoppingBackend"}
