"""One run of measurements: the stores stay, servers come and go."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from bench import machines, seats
from bench.contenders import CONTENDERS
from bench.load.dialects import Seat
from bench.load.jobs import Answer, Job, Target
from bench.servers import ROOT, Server, free_port
from bench.stores import Stores

A = TypeVar("A", bound=Answer)


class Session:
    def __init__(self, stores: Stores, *, quick: bool) -> None:
        self.stores = stores
        self.quick = quick
        """Shorter measurements with fewer sockets: to see that all works, not to quote."""
        self._seats: dict[tuple[int, int], list[Seat]] = {}

    def seats(self, rooms: int, sockets: int) -> list[Seat]:
        """Return seats in so many rooms of so many sockets."""
        if (rooms, sockets) not in self._seats:
            self._seats[rooms, sockets] = seats.make(rooms, sockets)
        return self._seats[rooms, sockets]

    def run(self, name: str, job: Job, answer: type[A], *, processes: int = 1) -> A:
        """Start so many servers of a contender, let the generator work on them, and stop them.

        `job.target` is filled in here.
        """
        contender = CONTENDERS[name]
        with ExitStack() as clean_up:
            servers = []
            for _ in range(processes):
                server = self._start(name)
                clean_up.callback(server.stop)
                servers.append(server)
            for server in servers:
                server.wait_until_ready()
            job.target = Target(
                addresses=[f"ws://127.0.0.1:{server.port}" for server in servers],
                pids=[pid for server in servers for pid in server.pids],
                dialect=contender.dialect,
                helpers=self.stores.pids,
            )
            try:
                return generate(job, answer)
            except RuntimeError as error:
                logs = "\n".join(server.log[-4000:] for server in servers)
                raise RuntimeError(f"{contender.label}: {error}\n{logs}") from None

    def _start(self, name: str) -> Server:
        port = free_port()
        return Server(
            CONTENDERS[name].command(port),
            port=port,
            environment={**self.stores.environment, **CONTENDERS[name].environment},
            cores=machines.SERVER_CORES,
            log=self.stores.directory / f"{name}-{port}.log",
        )


def generate(job: Job, answer: type[A]) -> A:
    """Run the load generator on its core.

    Raises:
        RuntimeError: if it fails; with what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        cwd=ROOT,
        input=msgspec.json.encode(job),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-4000:])
    return msgspec.json.decode(done.stdout, type=answer)
