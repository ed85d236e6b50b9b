"""The rows of the comparison: what is measured of whom, and what it must reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench import machines
from bench.contenders import CONTENDERS
from bench.load.flow import median_window
from bench.load.jobs import (
    Connects,
    FanOut,
    Flow,
    Idle,
    Job,
    Memory,
    Opened,
    Paced,
    Recovery,
    Storm,
    Target,
    Writers,
)
from bench.results import Entry, Goal, Result
from bench.servers import ROOT
from bench.session import Session

_NOWHERE = Target([], [], "")
"""Until the session fills it in."""

RATE, CPU, OTHER_CPU = "deliveries/s", "CPU µs/delivery", "stores' CPU µs/delivery"
P50, P99 = "p50 ms", "p99 ms"

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    explanation: str
    measure: Callable[[Session], Result]


def _label(name: str, note: str = "") -> str:
    return CONTENDERS[name].label + note


def _flow_figures(flow: Flow) -> Figures:
    window = median_window(flow.windows)
    deliveries = max(window.deliveries, 1)
    return {
        RATE: window.deliveries / window.seconds,
        CPU: 1e6 * window.cpu / deliveries,
        OTHER_CPU: 1e6 * window.helpers_cpu / deliveries,
        P50: 1e3 * window.latencies[0],
        P99: 1e3 * window.latencies[1],
        "updates/s": window.updates / window.seconds,
    }


def _ratio(found: dict[str, Figures], column: str, one: str, other: str) -> float:
    return found[one][column] / found[other][column]


def _result(row: str, found: dict[str, Figures], goals: list[Goal]) -> Result:
    return Result(row, [Entry(_label(name), figures) for name, figures in found.items()], goals)


# --- fan-out

_FAN_OUT = [
    *("ours-daphne", "ours-uvicorn", "plain-daphne-core", "plain-daphne", "plain-uvicorn-core"),
    *("plain-uvicorn", "chanx", "dcrf", "python-socketio", "node-socketio", "node-ws", "picows"),
]


def _fan_out(session: Session) -> Result:
    seats = session.seats(1, 30 if session.quick else 300)
    seconds = 0.5 if session.quick else 1.5
    found = {
        name: _flow_figures(session.run(name, FanOut(_NOWHERE, seats, seconds=seconds), Flow))
        for name in _FAN_OUT
    }
    goals = [
        Goal(f"{_label(one)}: {bound:g} × {_label(other)}", ratio, bound, at_least=True)
        for one, other, bound in (
            ("ours-daphne", "plain-daphne-core", 8),
            ("ours-daphne", "python-socketio", 1),
            ("ours-uvicorn", "plain-uvicorn", 10),
            ("ours-uvicorn", "node-socketio", 1),
            ("ours-uvicorn", "picows", 0.5),
        )
        for ratio in [_ratio(found, RATE, one, other)]
    ]
    return _result("fanout", found, goals)


# --- persisted updates


def _updates(session: Session) -> Result:
    seats = session.seats(1, 50)
    seconds = 0.5 if session.quick else 2.0
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "saving-daphne", "saving-uvicorn", "dcrf"):
        flow = session.run(name, Writers(_NOWHERE, seats, seconds=seconds), Flow)
        figures = _flow_figures(flow)
        window = median_window(flow.windows)
        updates = max(window.updates, 1)
        found[name] = {
            "updates/s": figures["updates/s"],
            "CPU µs/update": 1e6 * window.cpu / updates,
            "stores' CPU µs/update": 1e6 * window.helpers_cpu / updates,
            P50: figures[P50],
            P99: figures[P99],
            "refused": float(flow.refused),
        }
    goals = [
        Goal(
            f"{_label(one)}: 10 × {_label(other)}",
            _ratio(found, "updates/s", one, other),
            10,
            at_least=True,
        )
        for one, other in (
            ("ours-daphne", "saving-daphne"),
            ("ours-uvicorn", "saving-uvicorn"),
        )
    ]
    return _result("updates", found, goals)


def _latency(session: Session) -> Result:
    seats = session.seats(1, 50)
    seconds = 2.0 if session.quick else 10.0
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "saving-daphne", "saving-uvicorn"):
        figures = _flow_figures(session.run(name, Paced(_NOWHERE, seats, seconds=seconds), Flow))
        found[name] = {column: figures[column] for column in (P50, P99, "updates/s", CPU)}
    goals = [
        Goal(
            f"{_label(one)}: p99 at most that of {_label(other)} (ratio)",
            _ratio(found, P99, one, other),
            1,
            at_least=False,
        )
        for one, other in (
            ("ours-daphne", "saving-daphne"),
            ("ours-uvicorn", "saving-uvicorn"),
        )
    ]
    return _result("latency", found, goals)


# --- connections


def _connect(session: Session) -> Result:
    seats = session.seats(10 if session.quick else 100, 10)
    found = {}
    for name in (
        *("ours-daphne", "ours-uvicorn", "plain-daphne", "plain-uvicorn", "plain-daphne-core"),
        *("python-socketio", "node-socketio"),
    ):
        opened = session.run(name, Connects(_NOWHERE, seats), Opened)
        found[name] = {
            "connects/s": opened.count / opened.seconds,
            "CPU µs/connect": 1e6 * opened.cpu / opened.count,
            "stores' CPU µs/connect": 1e6 * opened.helpers_cpu / opened.count,
            P50: 1e3 * opened.latencies[0],
            P99: 1e3 * opened.latencies[1],
        }
    goals = [
        Goal(
            f"{_label(one)}, with JWT and join: {_label(other)} with neither",
            _ratio(found, "connects/s", one, other),
            1,
            at_least=True,
        )
        for one, other in (("ours-daphne", "plain-daphne"), ("ours-uvicorn", "plain-uvicorn"))
    ]
    return _result("connect", found, goals)


def _memory(session: Session) -> Result:
    seats = session.seats(20 if session.quick else 100, 10)
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "plain-daphne", "plain-uvicorn"):
        held = session.run(name, Idle(_NOWHERE, seats), Memory)
        found[name] = {
            "KiB/socket": (held.after - held.before) / held.count / 1024,
            "MiB before": held.before / 2**20,
            "idle CPU %": 100 * held.cpu,
        }
    goals = [
        Goal(
            f"{_label(one)}: at most 1.2 × {_label(other)}",
            _ratio(found, "KiB/socket", one, other),
            1.2,
            at_least=False,
        )
        for one, other in (("ours-daphne", "plain-daphne"), ("ours-uvicorn", "plain-uvicorn"))
    ]
    return _result("memory", found, goals)


def _storm(session: Session) -> Result:
    seats = session.seats(10 if session.quick else 100, 10)
    found, goals = {}, []
    for name in ("ours-daphne", "ours-uvicorn"):
        back = session.run(name, Storm(_NOWHERE, seats), Recovery)
        found[name] = {
            "connected after s": back.bare,
            "current after s": back.current,
            "CPU s to connect": back.bare_cpu,
            "CPU s to be current": back.current_cpu,
        }
        goals.append(
            Goal(
                f"{_label(name)}: all current within 2 × their bare connects",
                back.current / back.bare,
                2,
                at_least=False,
            )
        )
    return _result("storm", found, goals)


# --- many rooms, many processes


def _rooms(session: Session) -> Result:
    few, many = ((2, 30), (20, 3)) if session.quick else ((10, 300), (1000, 3))
    entries, goals = [], []
    for name in ("ours-daphne", "ours-uvicorn", "plain-uvicorn"):
        cpu = {}
        for rooms, sockets in (few, many):
            job = FanOut(_NOWHERE, session.seats(rooms, sockets), under_way=32, elsewhere=True)
            figures = _flow_figures(session.run(name, job, Flow, processes=2))
            cpu[rooms] = figures[CPU]
            note = f": {rooms:,} rooms of {sockets}"
            entries.append(Entry(_label(name, note), figures))
        goals.append(
            Goal(
                f"{_label(name)}: CPU per delivery in many rooms, by that in few",
                cpu[many[0]] / cpu[few[0]],
                1.5,
                at_least=False,
            )
        )
    return Result("rooms", entries, goals[:2])


def _processes(session: Session) -> Result:
    seats = session.seats(1, 30 if session.quick else 300)
    entries, goals = [], []
    for name in ("ours-daphne", "ours-uvicorn"):
        cpu = {}
        for processes in (1, 2):
            job = FanOut(_NOWHERE, seats, exact=True)
            flow = session.run(name, job, Flow, processes=processes)
            figures = _flow_figures(flow)
            figures["sockets found exact"] = float(flow.checked or 0)
            cpu[processes] = figures[CPU]
            note = f": {processes} process" + ("es" if processes > 1 else "")
            entries.append(Entry(_label(name, note), figures))
        goals.append(
            Goal(
                f"{_label(name)}: CPU per delivery with two processes, by that with one",
                cpu[2] / cpu[1],
                1.25,
                at_least=False,
            )
        )
    return Result("processes", entries, goals)


# --- tasks


def _progress(session: Session) -> Result:
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


# --- growth

GROWTH_SOCKETS = (10, 30, 100, 300, 1000)
GROWTH_ROOMS = ((1, 300), (10, 30), (100, 3))
GROWTH_PROCESSES = (1, 2, 3)


def _growth(session: Session) -> Result:
    """Measure what a delivery costs with more sockets, more rooms and more processes."""
    entries = []

    def measure(name: str, rooms: int, sockets: int, processes: int = 1) -> None:
        job: Job = FanOut(_NOWHERE, session.seats(rooms, sockets), windows=1)
        if session.quick:
            job = FanOut(_NOWHERE, session.seats(rooms, sockets), windows=1, seconds=0.3)
        figures = _flow_figures(session.run(name, job, Flow, processes=processes))
        figures |= {"rooms": rooms, "sockets": rooms * sockets, "processes": processes}
        entries.append(Entry(_label(name), figures))

    for name in ("ours-daphne", "ours-uvicorn", "plain-uvicorn", "picows"):
        for sockets in GROWTH_SOCKETS[: 3 if session.quick else None]:
            measure(name, 1, sockets)
    for name in ("ours-daphne", "ours-uvicorn"):
        for rooms, sockets in GROWTH_ROOMS[1:]:
            measure(name, rooms, sockets)
        for processes in GROWTH_PROCESSES[1:]:
            measure(name, 1, 300, processes)
    return Result("growth", entries, [])


ROWS = [
    Row(
        "fanout",
        "Fan-out: one room of 300",
        "Members of one room send updates in turn, four under way at a time; an update is done "
        "when all 300 sockets have it. Ours and Channels REST Framework save each update, the "
        "others save nothing.",
        _fan_out,
    ),
    Row(
        "updates",
        "Persisted updates into one hot room",
        "50 members of one room write, each its next update when its last one came back. Every "
        "update is saved in PostgreSQL and shown to all 50.",
        _updates,
    ),
    Row(
        "latency",
        "Latency of a persisted update",
        "100 updates a second into a room of 50, whatever the server does; the time from when an "
        "update was due until each of the 50 sockets has it.",
        _latency,
    ),
    Row(
        "connect",
        "Connect and join",
        "1,000 sockets into 100 rooms, 32 at a time. Ours checks a token against the database, "
        "joins with an acknowledged snapshot, and shows everybody who came; the plain consumer "
        "joins the group that its address names, and asks nothing.",
        _connect,
    ),
    Row(
        "memory",
        "Memory of an idle joined socket",
        "1,000 sockets in 100 rooms; private memory of the server after them less that before, and "
        "what share of a core the server takes while nothing happens.",
        _memory,
    ),
    Row(
        "storm",
        "1,000 clients drop and come back at once",
        "All sockets drop, 20 updates happen in each room, and all connect at once: first without "
        "joining anything (the bare connects), then each joining with `since` until it has all 20.",
        _storm,
    ),
    Row(
        "rooms",
        "Many small rooms against few large ones",
        "3,000 sockets on one server process, updates made in another one: what a delivery costs "
        "the process that only delivers.",
        _rooms,
    ),
    Row(
        "processes",
        "One server process, and two",
        "A room of 300 spread over the processes, members of both writing in turn. Every socket's "
        "events are checked: each `seq` once, in order, none missing.",
        _processes,
    ),
    Row(
        "progress",
        "Task progress",
        "A task that reports progress without the throttle, in a process such as a worker: what a "
        "told report costs, what one that the throttle holds back, and the share of a task that "
        "reports at the throttle's rate.",
        _progress,
    ),
    Row(
        "growth",
        "How cost grows",
        "CPU per delivery with more sockets in a room, with 300 sockets in more rooms, and with "
        "more processes.",
        _growth,
    ),
]
BY_NAME = {row.name: row for row in ROWS}
