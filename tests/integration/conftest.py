from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from config import embedded


@pytest.fixture(scope="session", autouse=True)
def redis() -> None:
    """What tests in this process use as Redis: the embedded Valkey, of a directory of theirs."""
    embedded.ensure_running(django_settings.VAR_DIR)


@pytest.fixture
def shopping(settings: Settings) -> None:
    """Serve the second host instead of projects."""
    settings.REALTIME = settings.REALTIME | {"BACKEND": "tests.host.backend.ShoppingBackend"}
