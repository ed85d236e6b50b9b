"""Updates that flow through rooms: sent, counted and timed."""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections.abc import Sequence
from functools import partial
from statistics import median_low
from time import perf_counter

from bench.load import processes
from bench.load.clients import Client, Delivered, open_all
from bench.load.dialects import DIALECTS, Seat, first_number, number_in, text_of
from bench.load.figures import percentile
from bench.load.jobs import FanOut, Flow, Paced, Target, Window, Writers
from bench.load.sequences import Sequences

_LOST_AFTER = 2.0
"""Seconds after which an update that somebody has not got is not waited for any more."""

_REFUSED_FOR = 0.05
"""Seconds that a writer waits who was told to slow down: more than the server asks for."""

_WRITERS_ELSEWHERE = 20
"""Sockets of each room: enough that the limit of messages per socket is not met."""


class _Meter:
    """Counts deliveries and times them, window by window."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._clock = perf_counter  # the loop's own clock ticks in milliseconds
        self.sent_at: dict[int, float] = {}
        self.updates = 0
        self.deliveries = 0
        self.latencies = array("d")

    def sent(self, number: int, due: float | None = None) -> None:
        self.sent_at[number] = self._clock() if due is None else due
        self.updates += 1

    def delivered(self, number: int) -> None:
        self.deliveries += 1
        self.latencies.append(self._clock() - self.sent_at[number])

    async def window(self, seconds: float) -> Window:
        """Measure for so long, from now."""
        self.updates = self.deliveries = 0
        self.latencies = array("d")
        cpu = processes.cpu_seconds(self._target.pids)
        helpers = processes.cpu_seconds(self._target.helpers)
        begun = self._clock()
        await asyncio.sleep(seconds)
        if not self.deliveries:
            raise RuntimeError(f"Of {self.updates} updates nothing was delivered")
        return Window(
            seconds=self._clock() - begun,
            updates=self.updates,
            deliveries=self.deliveries,
            cpu=processes.cpu_seconds(self._target.pids) - cpu,
            helpers_cpu=processes.cpu_seconds(self._target.helpers) - helpers,
            latencies=[percentile(self.latencies, share) for share in (0.5, 0.99)],
        )

    async def windows(self, warm_up: float, count: int, seconds: float) -> list[Window]:
        await asyncio.sleep(warm_up)
        return [await self.window(seconds) for _ in range(count)]


async def fan_out(job: FanOut) -> Flow:
    return await _FanOut(job).run()


class _FanOut:
    def __init__(self, job: FanOut) -> None:
        self._job = job
        self._meter = _Meter(job.target)
        self._sequences = Sequences() if job.exact else None
        self._waiting: dict[int, int] = {}
        """Update → sockets that have not got it yet."""
        self._rooms: dict[int, list[Client]] = {}
        self._turns: list[list[Client]] = []
        """Those who write, room by room."""
        self._number = first_number()
        self._stopped = False

    async def run(self) -> Flow:
        job = self._job
        writing = await _open_elsewhere(job) if job.elsewhere else None
        self._rooms = _by_room(await _open(job, self._delivered))
        self._turns = list((self._rooms if writing is None else writing).values())
        for _ in range(job.under_way):
            self._send_next()
        watch = asyncio.create_task(self._give_up_lost())
        windows = await self._meter.windows(job.warm_up, job.windows, job.seconds)
        watch.cancel()
        self._stopped = True  # what is under way may still arrive
        checked = await self._sequences.check(self._rooms.values()) if self._sequences else None
        refused = sum(client.errors for room in self._turns for client in room)
        return Flow(windows, refused, checked)

    def _send_next(self) -> None:
        if self._stopped:
            return
        room = self._turns[self._number % len(self._turns)]
        writer = room[self._number // len(self._turns) % len(room)]
        self._number += 1
        self._waiting[self._number] = len(self._rooms[writer.seat.room])
        self._meter.sent(self._number)
        writer.update(text_of(self._number))

    def _delivered(self, client: Client, frame: bytes) -> None:
        number = number_in(frame)
        if number not in self._meter.sent_at:
            return  # from the time before this generator
        self._meter.delivered(number)
        if self._sequences is not None:
            self._sequences.saw(client, frame)
        if number in self._waiting:
            self._waiting[number] -= 1
            if not self._waiting[number]:
                del self._waiting[number]
                self._send_next()

    async def _give_up_lost(self) -> None:
        while True:
            await asyncio.sleep(_LOST_AFTER / 8)
            before = perf_counter() - _LOST_AFTER
            for number in [n for n in self._waiting if self._meter.sent_at[n] < before]:
                del self._waiting[number]
                self._send_next()


def _by_room(clients: list[Client]) -> dict[int, list[Client]]:
    rooms: dict[int, list[Client]] = {}
    for client in clients:
        rooms.setdefault(client.seat.room, []).append(client)
    return rooms


async def _open_elsewhere(job: FanOut) -> dict[int, list[Client]]:
    """Take the last server out of the target, and open some sockets of each room there."""
    target = job.target
    *target.addresses, address = target.addresses
    target.pids.pop()
    seats: dict[int, list[Seat]] = {}
    for seat in job.seats:
        seats.setdefault(seat.room, []).append(seat)
    writing = [seat for room in seats.values() for seat in room[:_WRITERS_ELSEWHERE]]
    return _by_room(await open_all(DIALECTS[target.dialect], [address], writing, lambda *_: None))


async def writers(job: Writers) -> Flow:
    meter = _Meter(job.target)
    number = first_number()
    own: dict[int, Client] = {}

    def send_next(client: Client) -> None:
        nonlocal number
        number += 1
        own[number] = client
        meter.sent(number)
        client.update(text_of(number))

    def delivered(client: Client, frame: bytes) -> None:
        found = number_in(frame)
        if found not in meter.sent_at:
            return
        meter.delivered(found)
        if own.get(found) is client:
            del own[found]
            send_next(client)

    clients = await _open(job, delivered)
    later = asyncio.get_running_loop().call_later
    for client in clients:
        client.on_error = partial(later, _REFUSED_FOR, send_next, client)
        send_next(client)
    windows = await meter.windows(job.warm_up, job.windows, job.seconds)
    return Flow(windows, sum(client.errors for client in clients))


async def paced(job: Paced) -> Flow:
    meter = _Meter(job.target)

    def delivered(_: Client, frame: bytes) -> None:
        found = number_in(frame)
        if found in meter.sent_at:
            meter.delivered(found)

    clients = await _open(job, delivered)

    async def send_all() -> None:
        begun = perf_counter()
        first = first_number()
        for number in itertools.count(first):
            due = begun + (number - first) / job.rate
            await asyncio.sleep(max(0.0, due - perf_counter()))
            meter.sent(number, due)
            clients[number % len(clients)].update(text_of(number))

    sending = asyncio.create_task(send_all())
    windows = await meter.windows(job.warm_up, 1, job.seconds)
    sending.cancel()
    return Flow(windows, sum(client.errors for client in clients))


async def _open(job: FanOut | Writers | Paced, delivered: Delivered) -> list[Client]:
    return await open_all(
        DIALECTS[job.target.dialect],
        job.target.addresses,
        job.seats,
        delivered,
    )


def median_window(windows: Sequence[Window]) -> Window:
    """Return the window with the median rate of deliveries."""
    middle = median_low(window.deliveries / window.seconds for window in windows)
    return next(w for w in windows if w.deliveries / w.seconds == middle)
