"""Run the database work of rooms in a few threads of their own.

Channels runs all ORM work of a process in one thread, so one slow query delays every client.
Here a few threads share the work.

The threads share no connections with HTTP: however many connections requests take from Django's
pool, rooms never wait for one. Each thread has at most one connection per database, keeps it
while there is work, and closes it afterwards.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
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
"""Seconds that an idle thread keeps its connection.

PostgreSQL waits 5 s for other connections before it refuses to drop a database, as happens when a
host's tests end; this is shorter.
"""
_ATTEMPTS = 3
"""Attempts at a job whose transaction a deadlock or serialization failure undoes."""

_CHECKS = 2
"""Threads for the checks of every second: one asks of users, the other of rooms."""


Substitute = Callable[[Callable[[], Any]], Any]
_substitute: Substitute | None = None


@contextmanager
def replaced_by(substitute: Substitute) -> Iterator[None]:
    """Run all jobs by `substitute`, in place of threads; for tests, which hold the connection."""
    global _substitute  # noqa: PLW0603  (jobs of the whole process)
    _substitute = substitute
    try:
        yield
    finally:
        _substitute = None


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a synchronous function that reads, in a database thread; return its result."""
    return await _call("read", function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a synchronous function that may wait for a lock, in a thread that no reader uses."""
    return await _call("write", function, *args, **kwargs)


async def check(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that checks access, in a thread that no slow read delays."""
    return await _call("check", function, *args, **kwargs)


async def _call(purpose: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    job = partial(_routed, function, *args, **kwargs)
    if _substitute is not None:
        done: R = _substitute(job)
        return done
    return await asyncio.wrap_future(_threads(purpose).submit(partial(_job, job)))


def _routed(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        with reading_where_written():
            return _attempt(function, *args, **kwargs)
    except StopIteration as error:  # no future can hold it: the caller would wait for ever
        raise RuntimeError("StopIteration in a database thread") from error


def _job(job: Callable[[], R]) -> R:
    _prepare()
    try:
        return job()
    except Exception as error:
        if is_outage(error):
            # Close connections that still answer, too: after a failover they may lead to a standby.
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
    """Run the jobs of one purpose in threads: daemons, so none delays the end of the process."""

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
            del future, job  # or their result would live until the next job


def _fulfil(future: Future[R], job: Callable[[], R]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001  (handed to the caller)
        future.set_exception(error)


@cache
def _threads(purpose: str) -> _Threads:
    return _Threads(purpose, _CHECKS if purpose == "check" else conf.get().DATABASE_THREADS)


os.register_at_fork(after_in_child=_threads.cache_clear)  # a forked child has no threads


# --- the connections of one thread

_own = threading.local()


def _prepare() -> None:
    """Give this thread connections of its own, and drop those that the server closed."""
    if not getattr(_own, "has_connections", False):
        for alias in connections:
            connections[alias] = _unpooled(connections.create_connection(alias))
        _own.has_connections = True
    for connection in connections.all(initialized_only=True):
        if _has_news(connection) and not connection.is_usable():
            connection.close()


def _unpooled(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Take a connection out of Django's pool; this thread decides how long it stays open."""
    given = connection.settings_dict
    options = {key: value for key, value in given["OPTIONS"].items() if key != "pool"}
    connection.settings_dict = {**given, "CONN_MAX_AGE": None, "OPTIONS": options}
    return connection


def _has_news(connection: BaseDatabaseWrapper) -> bool:
    """Return True if the server sent something unasked: usually that it closes the connection."""
    driver = connection.connection
    if driver is None or not hasattr(driver, "fileno"):  # SQLite has no server
        return False
    try:
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except Exception:  # noqa: BLE001  (each driver has its own error for a closed connection)
        return True


def _give_up() -> None:
    """Close this thread's connections; the next job opens new ones, by the settings in force."""
    connections.close_all()
    _own.has_connections = False
