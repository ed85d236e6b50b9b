"""Rows about sockets that come, stay and come back; and about tasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import mean

from bench import machines
from bench.columns import (
    NOWHERE,
    P50,
    P99,
    Figures,
    label,
    ratio,
    result_of,
)
from bench.load.jobs import Connects, Idle, Memory, Opened, Recovery, Storm
from bench.results import Entry, Goal, Result
from bench.servers import ROOT
from bench.session import Session

# --- connections


_AT_ONCE = (32, 400)
"""Connections under way: on an ordinary day, and when a server has been restarted."""


def connect(session: Session) -> Result:
    seats = session.seats(10 if session.quick else 100, 10)
    pairs = [("ours-daphne", "plain-daphne"), ("ours-uvicorn", "plain-uvicorn")]
    entries, goals = [], []
    for at_once in _AT_ONCE:
        names = [name for pair in pairs for name in pair]
        if at_once == _AT_ONCE[0]:
            names += ["token-daphne", "token-uvicorn", "members-daphne", "members-uvicorn"]
            names += ["plain-daphne-core", "python-socketio", "node-socketio"]
        job = Connects(NOWHERE, seats, at_once=min(at_once, len(seats) // 2))
        rounds: dict[str, list[Opened]] = {name: [] for name in names}
        # Twice round, as the machine itself is quicker in one minute than in another.
        for name in 2 * names:
            rounds[name].append(session.run(name, job, Opened))
        found = {name: _opened(rounds[name]) for name in names}
        note = f": {at_once} at a time"
        entries += [Entry(label(name, note), figures) for name, figures in found.items()]
        goals += [
            Goal(
                f"{label(one)}, with JWT and join: {label(other)} with neither{note}",
                ratio(found, "connects/s", one, other),
                1,
                at_least=True,
            )
            for one, other in pairs
        ]
    return Result("connect", entries, goals)


def _opened(rounds: list[Opened]) -> Figures:
    count = sum(opened.count for opened in rounds)
    p50, p99 = zip(*(opened.latencies for opened in rounds), strict=True)
    return {
        "connects/s": count / sum(opened.seconds for opened in rounds),
        "CPU µs/connect": 1e6 * sum(opened.cpu for opened in rounds) / count,
        "stores' CPU µs/connect": 1e6 * sum(opened.helpers_cpu for opened in rounds) / count,
        P50: 1e3 * mean(p50),
        P99: 1e3 * mean(p99),
    }


def memory(session: Session) -> Result:
    seats = session.seats(20 if session.quick else 100, 10)
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "plain-daphne", "plain-uvicorn"):
        job = Idle(NOWHERE, seats)
        if session.quick:
            job.seconds = 2.0
        held = session.run(name, job, Memory)
        found[name] = {
            "KiB/socket": (held.after - held.before) / held.count / 1024,
            "MiB before": held.before / 2**20,
            "idle CPU %": 100 * held.cpu,
        }
    goals = [
        Goal(
            f"{label(one)}: at most 1.2 × {label(other)}",
            ratio(found, "KiB/socket", one, other),
            1.2,
            at_least=False,
        )
        for one, other in (("ours-daphne", "plain-daphne"), ("ours-uvicorn", "plain-uvicorn"))
    ]
    return result_of("memory", found, goals)


def storm(session: Session) -> Result:
    seats = session.seats(10 if session.quick else 100, 10)
    found, goals = {}, []
    for name in ("ours-daphne", "ours-uvicorn"):
        back = session.run(name, Storm(NOWHERE, seats), Recovery)
        found[name] = {
            "connected after s": back.bare,
            "current after s": back.current,
            "CPU s to connect": back.bare_cpu,
            "CPU s to be current": back.current_cpu,
        }
        goals.append(
            Goal(
                f"{label(name)}: all current within 2 × their bare connects",
                back.current / back.bare,
                2,
                at_least=False,
            )
        )
    return result_of("storm", found, goals)


# --- tasks


def progress(session: Session) -> Result:
    command = [sys.executable, "-m", "bench.task_progress", "50" if session.quick else "400"]
    done = subprocess.run(
        ["taskset", "-c", ",".join(map(str, machines.SERVER_CORES)), *command],
        cwd=ROOT,
        env={**os.environ, **session.stores.environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: Figures = json.loads(done.stdout)
    goal = Goal(
        "share of a task that reports at the throttle's rate, percent",
        figures["% of a task"],
        1,
        at_least=False,
    )
    return Result("progress", [Entry("**this project**, a worker", figures)], [goal])
