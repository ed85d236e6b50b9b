from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.realtime.client.script import Server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running
