"""The rows of the comparison: what is measured of whom, and what is to be known about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import connections, flows
from bench.results import Result
from bench.session import Session


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    explanation: str
    measure: Callable[[Session], Result]


ROWS = [
    Row(
        "fanout",
        "Fan-out: one room of 300",
        "Members of one room send updates in turn, four under way at a time; an update is done "
        "when all 300 sockets have it. Ours and Channels REST Framework save each update, the "
        "others save nothing.",
        flows.fan_out,
    ),
    Row(
        "underway",
        "The same room, with fewer and more updates under way",
        "With one, a server that saves waits for its database, and its core is idle; with many, "
        "updates are saved and handed to the sockets together.",
        flows.under_way,
    ),
    Row(
        "compression",
        "The same room, its sockets offering compression as browsers do",
        "uvicorn agrees to permessage-deflate. Ours sends messages of this size plain; those of "
        "4 KiB and more are compressed once for the room.",
        flows.compression,
    ),
    Row(
        "updates",
        "Persisted updates into one hot room",
        "50 members of one room write, each its next update when its last one came back. Every "
        "update is saved in PostgreSQL and shown to all 50. Our limit of 50 messages a second and "
        "socket (and 100 at once), which stays on, ends it at little more than 3,000; who is "
        "refused tries again.",
        flows.updates,
    ),
    Row(
        "latency",
        "Latency of a persisted update",
        "100 updates a second into a room of 50, whatever the server does; the time from when an "
        "update was due until each of the 50 sockets has it.",
        flows.latency,
    ),
    Row(
        "connect",
        "Connect and join",
        "1,000 sockets into 100 rooms, some at a time. Ours checks a token against the database, "
        "joins with an acknowledged snapshot, and shows everybody who came. The plain consumer for "
        "members does the same in the documented way, but counts, lists and numbers nothing; the "
        "one with a token looks up its user and no more; the plain one joins the group that its "
        "address names, and asks nothing.",
        connections.connect,
    ),
    Row(
        "memory",
        "Memory of an idle joined socket",
        "1,000 sockets in 100 rooms; private memory of the server after them less that before, and "
        "what share of a core the server takes while nothing happens.",
        connections.memory,
    ),
    Row(
        "storm",
        "1,000 clients drop and come back at once",
        "All sockets drop, 20 updates happen in each room, and all connect at once: first without "
        "joining anything (the bare connects), then each joining with `since` until it has all 20.",
        connections.storm,
    ),
    Row(
        "rooms",
        "Many small rooms against few large ones",
        "3,000 sockets on one server process, updates made in another one: what a delivery costs "
        "the process that only delivers. Ours saves each update before it is delivered; the others "
        "save nothing, and so get more of them.",
        flows.rooms,
    ),
    Row(
        "small",
        "Persisted updates in 1,000 rooms of 3",
        "Every update is saved in PostgreSQL, by ours with its event and in the order of its room. "
        "First all on one server process, rooms in turn; then from another process, so that the "
        "first one only delivers; then at a fixed rate, each update timed from when it was due.",
        flows.small,
    ),
    Row(
        "lone",
        "A lone update",
        "50 updates a second into one room of three, each alone in its transaction: the CPU time "
        "of all that the server does for it, what it does every second included.",
        flows.lone,
    ),
    Row(
        "processes",
        "One server process, and two",
        "One room, its sockets on one process, on two with as many each, and spread over two; both "
        "processes share one core. Members of both write in turn, four updates under way per "
        "process. Every socket's events are checked: each `seq` once, in order, none missing.",
        flows.processes,
    ),
    Row(
        "progress",
        "Task progress",
        "A task that reports progress without the throttle, in a process such as a worker: what a "
        "told report costs, what one that the throttle holds back, and the share of a task that "
        "reports at the throttle's rate.",
        connections.progress,
    ),
    Row(
        "growth",
        "How cost grows",
        "CPU per delivery with more sockets in a room, with 300 sockets in more rooms, and with "
        "more processes.",
        flows.growth,
    ),
]
BY_NAME = {row.name: row for row in ROWS}
