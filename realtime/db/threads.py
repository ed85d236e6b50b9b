"""The threads in which a server process talks to its database.

Channels runs all ORM work of a process in one thread, so that one slow query holds up
everybody. Here a few threads share the work.

Their connections are theirs alone: whatever HTTP requests do, and however many connections they
take from Django's pool, the rooms neither wait for one nor share it. Each thread has one at
most, so their number is bounded; it keeps it as long as there is work, and closes it after.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache, partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from realtime import conf
from realtime.db.outages import is_lost_conflict, is_outage
from realtime.db.routers import reading_where_written

P = ParamSpec("P")
R = TypeVar("R")
View = TypeVar("View", bound=Callable[..., Any])

KEPT = 3.0
"""Seconds that a thread without work keeps its connection.

Below the 5 s that PostgreSQL waits for others before it refuses to drop a database, as the end
of a host's tests does.
"""
_ATTEMPTS = 3
"""Times that a job is done whose transactions lose to others."""


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a synchronous function that reads in a database thread; return what it returns."""
    return await _call(_threads("read"), function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call one that may wait for a lock, in a thread that no reader needs."""
    return await _call(_threads("write"), function, *args, **kwargs)


async def _call(
    threads: _Threads, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    return await asyncio.wrap_future(threads.submit(partial(_job, function, *args, **kwargs)))


def _job(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    _prepare()
    try:
        with reading_where_written():
            return _attempt(function, *args, **kwargs)
    except StopIteration as error:  # no future can hold it, so whoever waits would wait for ever
        raise RuntimeError("StopIteration in a database thread") from error
    except Exception as error:
        if is_outage(error):
            # Also one that still answers: after a failover it may lead to a mere standby.
            connections.close_all()
        raise
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()


def _attempt(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    for _ in range(_ATTEMPTS - 1):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if not is_lost_conflict(error):
                raise
    return function(*args, **kwargs)


def without_transaction(view: View) -> View:
    """Exempt a view from ATOMIC_REQUESTS, which opens the database, and refuses coroutines."""
    for alias in connections:
        transaction.non_atomic_requests(alias)(view)
    return view


class _Threads:
    """The threads for one purpose. They are daemons: none holds up the end of its process."""

    def __init__(self, purpose: str, limit: int) -> None:
        self._purpose = purpose
        self._limit = limit
        self._started = 0
        self._starting = threading.Lock()
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()

    def submit(self, job: Callable[[], R]) -> Future[R]:
        future: Future[R] = Future()
        self._jobs.put((future, job))
        with self._starting:
            if self._started < self._limit:
                self._started += 1
                name = f"realtime-{self._purpose}-{self._started}"
                threading.Thread(target=self._serve, name=name, daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            try:
                future, job = self._jobs.get(timeout=KEPT)
            except Empty:
                _give_up()
                future, job = self._jobs.get()
            if future.set_running_or_notify_cancel():
                _fulfil(future, job)
            del future, job  # or their results would live on until the next one


def _fulfil(future: Future[R], job: Callable[[], R]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001  (handed to whoever waits)
        future.set_exception(error)


@cache
def _threads(purpose: str) -> _Threads:
    return _Threads(purpose, conf.get().DATABASE_THREADS)


os.register_at_fork(after_in_child=_threads.cache_clear)  # no thread lives on in a child


# --- the connections of one thread

_own = threading.local()


def _prepare() -> None:
    """Have connections of this thread's own, none of which the server has closed."""
    if not getattr(_own, "has_connections", False):
        for alias in connections:
            connections[alias] = _unpooled(connections.create_connection(alias))
        _own.has_connections = True
    for connection in connections.all(initialized_only=True):
        if _has_news(connection) and not connection.is_usable():
            connection.close()


def _unpooled(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Have it connect by itself, and stay connected: the thread says for how long."""
    given = connection.settings_dict
    options = {key: value for key, value in given["OPTIONS"].items() if key != "pool"}
    connection.settings_dict = {**given, "CONN_MAX_AGE": None, "OPTIONS": options}
    return connection


def _has_news(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the server has said something while nobody asked: as a rule, goodbye."""
    driver = connection.connection
    if driver is None or not hasattr(driver, "fileno"):  # SQLite has no server
        return False
    try:
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except Exception:  # noqa: BLE001  (each driver has errors of its own for a closed connection)
        return True


def _give_up() -> None:
    """Close this thread's connections; the next job has new ones, by the settings of then."""
    connections.close_all()
    _own.has_connections = False
