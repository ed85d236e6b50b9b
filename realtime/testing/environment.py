"""Run one server process for one test, on the test's own thread and database connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.test import override_settings

from realtime import conf
from realtime.db import threads
from realtime.events import broadcast
from realtime.live import process
from realtime.testing import sign_in
from realtime.testing.client import RealtimeClient

T = TypeVar("T")

_SETTLED = 20
"""Turns of the event loop in which all work is done that needs no clock."""


class Environment:
    """Run the server process of a test; `connect` makes its clients."""

    def __init__(self, loop: asyncio.AbstractEventLoop, application: Any) -> None:
        self._loop = loop
        self._application = application
        self._clients: list[RealtimeClient] = []

    def connect(
        self, user: Any = None, *, headers: Mapping[str, str] | None = None, path: str = "/ws/"
    ) -> RealtimeClient:
        """Connect a client as a user.

        Without a user, it signs in by `path` or `headers`: `path="/ws/?token=…"`, or a cookie.
        """
        given = dict(headers or {})
        if user is not None:
            given[sign_in.HEADER] = str(user.pk)
        client = RealtimeClient(self._application, self.run, self.settle, path=path, headers=given)
        self._clients.append(client)
        return client

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the server process until a coroutine on its event loop is done."""
        if _is_on_event_loop():
            coroutine.close()
            raise RuntimeError("realtime.testing is for tests that are functions, not coroutines")
        return self._loop.run_until_complete(coroutine)

    async def settle(self) -> None:
        """Have the rooms show the present state of the database, committed or not.

        In a test's transaction nothing is ever committed, and so nothing is announced.
        """
        if (server := process.running()) is not None:
            await server.look()
        for _ in range(_SETTLED):
            await asyncio.sleep(0)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.run(self._end())

    async def _end(self) -> None:
        if (server := process.running()) is not None:
            await server.close()
        broadcast.use(None)


@contextmanager
def environment() -> Iterator[Environment]:
    """Make the server process of a test, and end it."""
    from realtime.asgi import websocket_application

    loop = asyncio.new_event_loop()
    own = f"{sign_in.__name__}.{sign_in.TestAuthentication.__name__}"
    changes = {
        "CHANNEL_LAYERS": {"default": {"BACKEND": "realtime.testing.layer.SilentLayer"}},
        "REALTIME": {
            **getattr(settings, "REALTIME", {}),
            "REDIS_URL": conf.IN_MEMORY,
            "AUTHENTICATION_CLASSES": [own, *conf.get().AUTHENTICATION_CLASSES],
        },
    }
    try:
        with override_settings(**changes), threads.replaced_by(_without_loop):
            running = Environment(loop, websocket_application())
            try:
                yield running
            finally:
                running.close()
    finally:
        loop.close()


class RealtimeTestMixin:
    """Give a Django test case clients of its rooms: `self.realtime_client(user)`."""

    def realtime_client(self, user: Any = None, **options: Any) -> RealtimeClient:
        """Connect a client as a user; see `Environment.connect`."""
        case: Any = self
        if not hasattr(case, "_realtime"):
            case._realtime = case.enterContext(environment())
        client: RealtimeClient = case._realtime.connect(user, **options)
        return client


def _without_loop(job: Callable[[], T]) -> T:
    """Do database work in this very thread, which holds the test's connection.

    Django refuses that, and so may the host's code, while an event loop runs. Ours waits for this
    work, so it is hidden meanwhile.
    """
    loop = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return job()
    finally:
        asyncio._set_running_loop(loop)


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
