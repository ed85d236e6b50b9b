"""Give the fixture `realtime_client` to pytest, which finds it by the package's entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from realtime.testing.client import RealtimeClient


@pytest.fixture
def realtime_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., RealtimeClient]]:
    """Return a function that connects a client as a user; see `realtime.testing`.

    The database is the test's: with `django_db`, in its transaction; with `transaction=True`,
    outside of any.
    """
    # Django may not be set up yet when pytest loads this module.
    from realtime.testing.environment import environment

    if request.node.get_closest_marker("django_db") is None:
        is_asked_for = {"db", "transactional_db"} & set(request.fixturenames)
        if not is_asked_for:
            request.getfixturevalue("db")
    with environment() as running:
        yield running.connect
