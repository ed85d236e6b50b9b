"""Who does what, and which fault comes when: all of it from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SERVERS = 3
WORKERS = 2
PROJECTS = 3

EDITORS = tuple(f"editor{number}" for number in range(1, 7))
"""They keep their access to the end."""
GUESTS = tuple(f"guest{number}" for number in range(1, 5))
"""Their access is taken and given all the time."""

TRAITS = ("slow", "forgetful", "moving", "flooding", "heavy")
"""Of raw clients: reads in fits and starts; renews no token; leaves and joins; sends what is
refused; sends much at once."""

FAULTS = {
    "kill server": 4,
    "stop server": 4,
    "pause server": 3,
    "kill Redis": 2,
    "flush Redis": 2,
    "pause Redis": 2,
    "block database": 3,
    "kill worker": 3,
    "cut network": 4,
    "cut in mid-frame": 4,
    "black hole": 3,
}
"""Each with its weight."""


@dataclass(frozen=True)
class Actor:
    """A client: its kind, its user, the server that it uses (first), and how it gets there."""

    name: str
    kind: str
    username: str
    projects: tuple[int, ...]
    """Places in the list of projects."""
    server: int
    behind_proxy: bool
    pause: float
    """Mean seconds between two updates."""
    trait: str = ""


@dataclass(frozen=True)
class Fault:
    at: float
    """Seconds after the start of the load."""
    kind: str
    target: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    seed: int
    seconds: float
    actors: tuple[Actor, ...]
    faults: tuple[Fault, ...]

    def lines(self) -> Iterator[str]:
        yield f"{len(self.actors)} clients, {len(self.faults)} faults in {self.seconds:.0f} s"
        for actor in self.actors:
            way = "through a proxy to" if actor.behind_proxy else "at"
            yield (
                f"  {actor.name}: {actor.username}, projects {actor.projects}, {way} server "
                f"{actor.server}, an update every {actor.pause:.1f} s {actor.trait}"
            )
        for fault in self.faults:
            yield f"  {fault.at:6.1f} s: {fault.kind} {fault.target} for {fault.seconds:.1f} s"


def make_plan(seed: int, seconds: float) -> Plan:
    chance = random.Random(seed)
    return Plan(seed, seconds, tuple(_actors(chance)), tuple(_faults(chance, seconds)))


def _actors(chance: random.Random) -> Iterator[Actor]:
    for kind, users in (
        ("raw", [*EDITORS, *GUESTS, *EDITORS[:4]]),
        ("python", [*EDITORS[:4], *GUESTS[:2]]),
        ("javascript", [*EDITORS[2:], *GUESTS[2:]]),
    ):
        for number, username in enumerate(users):
            count = chance.choice([1, 2]) if kind == "raw" else 1
            yield Actor(
                name=f"{kind}-{number}",
                kind=kind,
                username=username,
                projects=tuple(sorted(chance.sample(range(PROJECTS), count))),
                server=chance.randrange(SERVERS),
                behind_proxy=chance.random() < 0.6,
                pause=chance.uniform(0.4, 1.5),
                trait=TRAITS[number % len(TRAITS)] if kind == "raw" and number % 2 else "",
            )


def _faults(chance: random.Random, seconds: float) -> Iterator[Fault]:
    """One after the other, the last early enough to be over at the end."""
    at = min(3.0, seconds / 4)
    while True:
        [kind] = chance.choices([*FAULTS], [*FAULTS.values()])
        duration = chance.uniform(0.3, 4.0)
        if at + duration > seconds - 1:
            return
        yield Fault(at, kind, chance.randrange(SERVERS), duration)
        at += duration + chance.uniform(1.5, 6.0)
