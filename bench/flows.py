"""Rows about updates that flow through rooms."""

from __future__ import annotations

from bench.columns import (
    CPU,
    NOWHERE,
    P50,
    P99,
    RATE,
    UPDATES,
    flow_figures,
    label,
    ratio,
    result_of,
)
from bench.load.flow import median_window
from bench.load.jobs import FanOut, Flow, Job, Paced, Window, Writers
from bench.results import Entry, Goal, Result
from bench.session import Session

# --- fan-out

_FAN_OUT = [
    *("ours-daphne", "ours-uvicorn", "plain-daphne-core", "plain-daphne", "plain-uvicorn-core"),
    *("plain-uvicorn", "chanx", "dcrf", "python-socketio", "node-socketio", "node-ws", "picows"),
]


def fan_out(session: Session) -> Result:
    seats = session.seats(1, 30 if session.quick else 300)
    seconds = 0.5 if session.quick else 1.5
    windows: dict[str, list[Window]] = {name: [] for name in _FAN_OUT}
    # Twice round, as the machine itself is quicker in one minute than in another.
    for name in 2 * _FAN_OUT:
        job = FanOut(NOWHERE, seats, seconds=seconds, windows=2)
        windows[name] += session.run(name, job, Flow).windows
    found = {name: flow_figures(windows[name]) for name in _FAN_OUT}
    goals = [
        Goal(
            f"{label(one)}: {bound:g} × {label(other)}",
            ratio(found, RATE, one, other),
            bound,
            at_least=True,
        )
        for one, other, bound in (
            ("ours-daphne", "plain-daphne-core", 8),
            ("ours-daphne", "python-socketio", 1),
            ("ours-uvicorn", "plain-uvicorn", 10),
            ("ours-uvicorn", "node-socketio", 1),
            ("ours-uvicorn", "picows", 0.5),
        )
    ]
    return result_of("fanout", found, goals)


def under_way(session: Session) -> Result:
    seats = session.seats(1, 30 if session.quick else 300)
    entries = []
    for name in ("ours-daphne", "ours-uvicorn", "node-socketio", "picows"):
        for under_way in (1, 8, 16):
            job = FanOut(NOWHERE, seats, under_way=under_way, windows=1)
            figures = flow_figures(session.run(name, job, Flow).windows)
            entries.append(Entry(label(name, f": {under_way} under way"), figures))
    return Result("underway", entries, [])


def compression(session: Session) -> Result:
    """Measure fan-out to sockets that offer compression, beside such that do not."""
    seats = session.seats(1, 30 if session.quick else 300)
    seconds = 0.5 if session.quick else 1.5
    found = {}
    for name in ("ours-uvicorn", "plain-uvicorn"):
        for each in (name, f"{name}-compression"):
            job = FanOut(NOWHERE, seats, seconds=seconds)
            found[each] = flow_figures(session.run(each, job, Flow).windows)
    one, other = "ours-uvicorn-compression", "ours-uvicorn"
    bound = 0.9
    goal = Goal(
        f"{label(one)}: {bound:g} × {label(other)}",
        ratio(found, RATE, one, other),
        bound,
        at_least=True,
    )
    return result_of("compression", found, [goal])


# --- persisted updates


def updates(session: Session) -> Result:
    seats = session.seats(1, 50)
    seconds = 0.5 if session.quick else 2.0
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "saving-daphne", "saving-uvicorn", "dcrf"):
        flow = session.run(name, Writers(NOWHERE, seats, seconds=seconds), Flow)
        figures = flow_figures(flow.windows)
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
            f"{label(one)}: 10 × {label(other)}",
            ratio(found, "updates/s", one, other),
            10,
            at_least=True,
        )
        for one, other in (
            ("ours-daphne", "saving-daphne"),
            ("ours-uvicorn", "saving-uvicorn"),
        )
    ]
    return result_of("updates", found, goals)


def latency(session: Session) -> Result:
    seats = session.seats(1, 50)
    seconds = 2.0 if session.quick else 10.0
    found = {}
    for name in ("ours-daphne", "ours-uvicorn", "saving-daphne", "saving-uvicorn"):
        job = Paced(NOWHERE, seats, seconds=seconds)
        figures = flow_figures(session.run(name, job, Flow).windows)
        found[name] = {column: figures[column] for column in (P50, P99, "updates/s", CPU)}
    goals = [
        Goal(
            f"{label(one)}: p99 at most that of {label(other)} (ratio)",
            ratio(found, P99, one, other),
            1,
            at_least=False,
        )
        for one, other in (
            ("ours-daphne", "saving-daphne"),
            ("ours-uvicorn", "saving-uvicorn"),
        )
    ]
    return result_of("latency", found, goals)


# --- many rooms, many processes


def rooms(session: Session) -> Result:
    few, many = ((2, 30), (20, 3)) if session.quick else ((10, 300), (1000, 3))
    entries, goals = [], []
    for name in ("ours-daphne", "ours-uvicorn", "plain-uvicorn", "node-socketio", "picows"):
        cpu = {}
        for rooms, sockets in (few, many):
            job = FanOut(NOWHERE, session.seats(rooms, sockets), under_way=32, elsewhere=True)
            figures = flow_figures(session.run(name, job, Flow, processes=2).windows)
            cpu[rooms] = figures[CPU]
            note = f": {rooms:,} rooms of {sockets}"
            entries.append(Entry(label(name, note), figures))
        goals.append(
            Goal(
                f"{label(name)}: CPU per delivery in many rooms, by that in few",
                cpu[many[0]] / cpu[few[0]],
                1.5,
                at_least=False,
            )
        )
    return Result("rooms", entries, goals[:2])


_SAVING = ("ours-daphne", "ours-uvicorn", "saving-daphne", "saving-uvicorn")
_SAVING_PEERS = ("node-socketio-saving", "node-ws-saving")


def small(session: Session) -> Result:
    """Measure persisted updates in many small rooms, as fast as they go and at a fixed rate."""
    seats = session.seats(20 if session.quick else 1000, 3)
    # Round by round, so that updates that follow each other are in different rooms.
    in_turn = [seat for number in range(3) for seat in seats[number::3]]
    seconds = 0.5 if session.quick else 2.0
    entries, found = [], {}
    for name in (*_SAVING, *_SAVING_PEERS):
        fast = FanOut(NOWHERE, seats, under_way=_MANY, seconds=seconds)
        found[name] = flow_figures(session.run(name, fast, Flow).windows)
        entries.append(Entry(label(name, f": {_MANY} under way"), found[name]))
    delivering, paced = {}, {}
    for name in ("ours-daphne", "ours-uvicorn", *_SAVING_PEERS):
        elsewhere = FanOut(NOWHERE, seats, under_way=_MANY, seconds=seconds, elsewhere=True)
        delivering[name] = flow_figures(session.run(name, elsewhere, Flow, processes=2).windows)
        entries.append(Entry(label(name, ": written in another process"), delivering[name]))
        job = Paced(NOWHERE, in_turn, rate=_PACE, seconds=5 * seconds)
        paced[name] = flow_figures(session.run(name, job, Flow).windows)
        entries.append(Entry(label(name, f": {_PACE} updates a second"), paced[name]))
    goals = []
    for one, other in (("ours-daphne", "saving-daphne"), ("ours-uvicorn", "saving-uvicorn")):
        goals += [
            Goal(f"{label(one)}: updates a second", found[one][UPDATES], 2500, at_least=True),
            Goal(
                f"{label(one)}: CPU µs per delivery of the process that only delivers",
                delivering[one][CPU],
                25,
                at_least=False,
            ),
            Goal(f"{label(one)}: p50 ms at {_PACE} a second", paced[one][P50], 10, at_least=False),
        ]
        goals += [
            Goal(
                f"{label(one)}: {bound} × {label(peer)}",
                ratio(found, UPDATES, one, peer),
                bound,
                at_least=True,
            )
            for peer, bound in ((other, 10), ("node-socketio-saving", 1))
        ]
    return Result("small", entries, goals)


_MANY = 64
"""Updates under way in small rooms."""
_PACE = 300


def lone(session: Session) -> Result:
    """Measure an update that nothing else goes together with."""
    seats = session.seats(1, 3)
    found = {}
    for name in (*_SAVING, *_SAVING_PEERS):
        job = Paced(NOWHERE, seats, rate=50, seconds=2.0 if session.quick else 10.0)
        flow = session.run(name, job, Flow)
        figures = flow_figures(flow.windows)
        updates = max(flow.windows[0].updates, 1)
        found[name] = {
            "CPU µs/update": 1e6 * flow.windows[0].cpu / updates,
            "stores' CPU µs/update": 1e6 * flow.windows[0].helpers_cpu / updates,
            P50: figures[P50],
            P99: figures[P99],
        }
    goals = [
        Goal(
            f"{label(name)}: CPU µs of an update",
            found[name]["CPU µs/update"],
            1200,
            at_least=False,
        )
        for name in ("ours-daphne", "ours-uvicorn")
    ]
    return result_of("lone", found, goals)


def processes(session: Session) -> Result:
    """Measure one process with a room, and two with as many sockets each, or half as many."""
    size = 30 if session.quick else 300
    layouts = ((1, size), (2, 2 * size), (2, size))
    entries, goals = [], []
    for name in ("ours-daphne", "ours-uvicorn"):
        rounds: dict[tuple[int, int], list[Flow]] = {layout: [] for layout in layouts}
        for processes, sockets in 2 * layouts:
            seats = session.seats(1, sockets)
            job = FanOut(NOWHERE, seats, under_way=4 * processes, windows=2, exact=True)
            flow = session.run(name, job, Flow, processes=processes)
            rounds[processes, sockets].append(flow)
        found = []
        for (processes, sockets), flows in rounds.items():
            windows = [window for flow in flows for window in flow.windows]
            figures = flow_figures(windows)
            figures["sockets found exact"] = float(min(flow.checked or 0 for flow in flows))
            found.append(figures)
            note = f": {processes} × {sockets // processes}"
            entries.append(Entry(label(name, note), figures))
        goals.append(
            Goal(
                f"{label(name)}: CPU per delivery with two such processes, by that with one",
                found[1][CPU] / found[0][CPU],
                1.1,
                at_least=False,
            )
        )
    return Result("processes", entries, goals)


# --- growth

GROWTH_SOCKETS = (10, 30, 100, 300, 1000)
GROWTH_ROOMS = ((1, 300), (10, 30), (100, 3))
GROWTH_PROCESSES = (1, 2, 3)


def growth(session: Session) -> Result:
    """Measure what a delivery costs with more sockets, more rooms and more processes."""
    entries = []

    def measure(name: str, rooms: int, sockets: int, processes: int = 1) -> None:
        job: Job = FanOut(NOWHERE, session.seats(rooms, sockets), windows=1)
        if session.quick:
            job = FanOut(NOWHERE, session.seats(rooms, sockets), windows=1, seconds=0.3)
        figures = flow_figures(session.run(name, job, Flow, processes=processes).windows)
        figures |= {"rooms": rooms, "sockets": rooms * sockets, "processes": processes}
        entries.append(Entry(label(name), figures))

    for name in ("ours-daphne", "ours-uvicorn", "plain-uvicorn", "picows"):
        for sockets in GROWTH_SOCKETS[: 3 if session.quick else None]:
            measure(name, 1, sockets)
    for name in ("ours-daphne", "ours-uvicorn"):
        for rooms, sockets in GROWTH_ROOMS[1:]:
            measure(name, rooms, sockets)
        for processes in GROWTH_PROCESSES[1:]:
            measure(name, 1, 300, processes)
    return Result("growth", entries, [])
