"""Sockets that come, stay and come back."""

from __future__ import annotations

import asyncio
import time

from bench.load import processes
from bench.load.clients import Client, open_all
from bench.load.dialects import DIALECTS, Dialect, Seat, first_number, text_of
from bench.load.figures import percentile
from bench.load.jobs import Connects, Idle, Memory, Opened, Recovery, Storm
from bench.load.sequences import seq_in

_SETTLED = 2.0
"""Seconds that a server gets to finish what connecting has begun."""


_PATIENCE = 60.0


def _ignore(_: Client, __: bytes) -> None:
    """Take no interest in updates."""


async def connects(job: Connects) -> Opened:
    target = job.target
    dialect = DIALECTS[target.dialect]
    latencies: list[float] = []
    # What a server does only once (imports, the first connections to its stores) does not count.
    first, counted = job.seats[: job.at_once], job.seats[job.at_once :]
    await open_all(dialect, target.addresses, first, _ignore, at_once=job.at_once)
    cpu, helpers = processes.cpu_seconds(target.pids), processes.cpu_seconds(target.helpers)
    begun = time.perf_counter()
    await open_all(
        dialect,
        target.addresses,
        counted,
        _ignore,
        at_once=job.at_once,
        opened=latencies.append,
    )
    return Opened(
        count=len(counted),
        seconds=time.perf_counter() - begun,
        cpu=processes.cpu_seconds(target.pids) - cpu,
        helpers_cpu=processes.cpu_seconds(target.helpers) - helpers,
        latencies=[percentile(latencies, share) for share in (0.5, 0.99)],
    )


async def idle(job: Idle) -> Memory:
    target = job.target
    dialect = DIALECTS[target.dialect]
    first, counted = job.seats[: job.warm_up], job.seats[job.warm_up :]
    await open_all(dialect, target.addresses, first, _ignore)
    await asyncio.sleep(_SETTLED)
    before = processes.memory(target.pids)
    await open_all(dialect, target.addresses, counted, _ignore)
    await asyncio.sleep(_SETTLED)
    after = processes.memory(target.pids)
    cpu = processes.cpu_seconds(target.pids)
    await asyncio.sleep(job.seconds)
    cpu = processes.cpu_seconds(target.pids) - cpu
    return Memory(len(counted), before, after, cpu / job.seconds)


async def storm(job: Storm) -> Recovery:
    """Time the return of all clients, and beside it connections that join nothing."""
    target = job.target
    dialect = DIALECTS[target.dialect]
    clients = await open_all(dialect, target.addresses, job.seats, _ignore)
    await asyncio.sleep(_SETTLED)
    await _drop(clients)
    heads = await _write(job)

    bare = Dialect(dialect.path, lambda _: [], dialect.update, dialect.event)
    bare_cpu = processes.cpu_seconds(target.pids)
    begun = time.perf_counter()
    clients = await open_all(bare, target.addresses, job.seats, _ignore, at_once=len(job.seats))
    bare_seconds = time.perf_counter() - begun
    await asyncio.sleep(_SETTLED)
    bare_cpu = processes.cpu_seconds(target.pids) - bare_cpu
    await _drop(clients)

    behind = len(job.seats)
    all_current = asyncio.Event()

    def delivered(client: Client, frame: bytes) -> None:
        nonlocal behind
        if seq_in(frame) == heads[client.seat.room]:
            behind -= 1
            if not behind:
                all_current.set()

    seats = [Seat(seat.room, seat.token, heads[seat.room] - job.missed) for seat in job.seats]
    current_cpu = processes.cpu_seconds(target.pids)
    begun = time.perf_counter()
    await open_all(dialect, target.addresses, seats, delivered, at_once=len(seats))
    async with asyncio.timeout(_PATIENCE):
        await all_current.wait()
    current_seconds = time.perf_counter() - begun
    await asyncio.sleep(_SETTLED)
    return Recovery(
        count=len(seats),
        bare=bare_seconds,
        current=current_seconds,
        bare_cpu=bare_cpu,
        current_cpu=processes.cpu_seconds(target.pids) - current_cpu,
    )


async def _drop(clients: list[Client]) -> None:
    for client in clients:
        client.drop()
    await asyncio.sleep(_SETTLED)


async def _write(job: Storm) -> dict[int, int]:
    """Make updates in each room, by one of its members; return the rooms' positions then."""
    target = job.target
    members = {seat.room: seat for seat in job.seats}
    heads: dict[int, int] = {}
    left = dict.fromkeys(members, job.missed)
    all_written = asyncio.Event()

    def delivered(client: Client, frame: bytes) -> None:
        room = client.seat.room
        heads[room] = seq_in(frame)
        left[room] -= 1
        if not any(left.values()):
            all_written.set()

    writers = await open_all(
        DIALECTS[target.dialect], target.addresses, list(members.values()), delivered
    )
    first = first_number()
    for number in range(first, first + job.missed):
        for writer in writers:
            writer.update(text_of(number))
    async with asyncio.timeout(_PATIENCE):
        await all_written.wait()
    await _drop(writers)
    return heads
