"""The faults: each breaks one part of the system for a while, and puts it back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.harness.postgres import Postgres
from tests.harness.proxy import Proxy
from tests.harness.servers import WebServer, Worker
from tests.harness.stack import Stack
from tests.soak.plan import Fault
from tests.soak.record import Notes, Outage, Stop

_SETTLED = 20.0
"""Seconds that a part has to serve again."""


@dataclass
class Parts:
    stack: Stack
    servers: Sequence[WebServer]
    workers: Sequence[Worker]
    proxies: Sequence[Proxy]
    postgres: Postgres | None
    notes: Notes


async def break_on_schedule(
    parts: Parts, faults: Sequence[Fault], tell: Callable[[str], None]
) -> None:
    start = time.monotonic()
    for fault in faults:
        await asyncio.sleep(max(0.0, start + fault.at - time.monotonic()))
        tell(f"{fault.kind} {fault.target} for {fault.seconds:.1f} s")
        # The clean-up of a fault is not given up half-way.
        await asyncio.shield(asyncio.ensure_future(_BREAK[fault.kind](parts, fault)))


@asynccontextmanager
async def _outage(parts: Parts, name: str) -> AsyncIterator[None]:
    since = time.time()
    try:
        yield
    finally:
        parts.notes.outages.append(Outage(name, since, time.time()))


def stop(server: WebServer) -> Stop:
    """End a server as an operator does."""
    start = time.monotonic()
    server.stop()
    return Stop(server.name, time.monotonic() - start)


async def _kill_server(parts: Parts, fault: Fault) -> None:
    server = parts.servers[fault.target]
    async with _outage(parts, fault.kind):
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(server.start)


async def _stop_server(parts: Parts, fault: Fault) -> None:
    server = parts.servers[fault.target]
    async with _outage(parts, fault.kind):
        parts.notes.stops.append(await asyncio.to_thread(stop, server))
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(server.start)


async def _pause_server(parts: Parts, fault: Fault) -> None:
    server = parts.servers[fault.target]
    async with _outage(parts, fault.kind):
        server.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            server.signal(signal.SIGCONT)


async def _kill_redis(parts: Parts, fault: Fault) -> None:
    async with _outage(parts, fault.kind):
        parts.notes.queue_lost_at.append(time.time())
        await asyncio.to_thread(parts.stack.valkey.restart, after=fault.seconds)


async def _flush_redis(parts: Parts, fault: Fault) -> None:
    async with _outage(parts, fault.kind):
        with parts.stack.valkey.client() as client:
            await asyncio.to_thread(client.flushall)
        parts.notes.queue_lost_at.append(time.time())


async def _pause_redis(parts: Parts, fault: Fault) -> None:
    async with _outage(parts, fault.kind):
        parts.stack.valkey.pause()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            parts.stack.valkey.resume()


async def _block_database(parts: Parts, fault: Fault) -> None:
    """Crash PostgreSQL, or hold the write lock of SQLite."""
    if parts.postgres is not None:
        async with _outage(parts, "crash PostgreSQL"):
            await asyncio.to_thread(parts.postgres.crash_and_restart)
            await _postgres_answers(parts.stack.environment["DATABASE_URL"])
        return
    path = parts.stack.directory / "db.sqlite3"
    async with _outage(parts, "lock SQLite"):
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(fault.seconds)
            lock.execute("ROLLBACK")


async def _postgres_answers(url: str) -> None:
    import psycopg

    async with asyncio.timeout(_SETTLED):
        while True:
            with suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(url, connect_timeout=2):
                    return
            await asyncio.sleep(0.1)


async def _kill_worker(parts: Parts, fault: Fault) -> None:
    """Kill a worker as a whole, or one of its children at work."""
    worker = parts.workers[fault.target % len(parts.workers)]
    async with _outage(parts, fault.kind):
        if fault.target == len(parts.workers):
            for child in _children(worker)[:1]:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return
        await asyncio.to_thread(worker.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(worker.start)


def _children(worker: Worker) -> list[int]:
    found = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


async def _cut(parts: Parts, fault: Fault) -> None:
    parts.proxies[fault.target].cut()


async def _tear(parts: Parts, fault: Fault) -> None:
    parts.proxies[fault.target].tear()


async def _black_hole(parts: Parts, fault: Fault) -> None:
    proxy = parts.proxies[fault.target]
    proxy.stall()
    await asyncio.sleep(fault.seconds)
    proxy.cut()
    proxy.flow()


_BREAK: dict[str, Callable[[Parts, Fault], Awaitable[None]]] = {
    "kill server": _kill_server,
    "stop server": _stop_server,
    "pause server": _pause_server,
    "kill Redis": _kill_redis,
    "flush Redis": _flush_redis,
    "pause Redis": _pause_redis,
    "block database": _block_database,
    "kill worker": _kill_worker,
    "cut network": _cut,
    "cut in mid-frame": _tear,
    "black hole": _black_hole,
}
