"""The threads in which a server process talks to its database.

Channels runs all ORM work of a process in one thread, so that one slow query holds up
everybody. Here a few threads share the work. Each has one connection, which it gives back
after every job (to Django's psycopg pool, or closes), so the number of connections is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from realtime import conf

P = ParamSpec("P")
R = TypeVar("R")


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a synchronous function that reads in a database thread; return what it returns."""
    return await _call(_threads("read"), function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call one that may wait for a lock, in a thread that no reader needs."""
    return await _call(_threads("write"), function, *args, **kwargs)


async def _call(
    threads: ThreadPoolExecutor, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    job = partial(_job, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(threads, job)


def _job(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    except StopIteration as error:  # no future can hold it, so whoever waits would wait for ever
        raise RuntimeError("StopIteration in a database thread") from error
    finally:
        close_old_connections()


@cache
def _threads(purpose: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(conf.get().DATABASE_THREADS, thread_name_prefix=f"realtime-{purpose}")
