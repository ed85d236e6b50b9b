"""The checks of `script/soak` find what is planted; of a run without a fault they find nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from tests.soak.checks import ALLOWED, MEMORY_GROWTH, check_all
from tests.soak.record import (
    Connection,
    Deletion,
    Event,
    FinalPresence,
    FinalState,
    Json,
    Loss,
    Notes,
    Outage,
    Seen,
    Signal,
    Stop,
    Stray,
    Stream,
    Task,
    Update,
    Usage,
)

ALICE, BOB = 1, 2
PROJECT = 7
END = 100.0
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3fQ.c2lnbmF0dXJl"
STATE = {"title": "t2", "description": "", "status": "draft", "content": {"bob": "b1"}}
TASK = "task-1"
INFO = "2026-01-31 12:00:00,000 INFO daphne.server:"
LOST = "2026-01-31 12:00:00,000 ERROR channels_redis.pubsub: Unexpected exception in receive task"
LOST_AT = 1769860800.0


def update_event(seq: int, changes: Json, at: float) -> Event:
    payload = {"project_id": PROJECT, "changes": changes, "updated_by": "1"}
    return Event(PROJECT, seq, "project_updated", payload, at)


def member_event(seq: int, role: str | None, at: float) -> Event:
    payload = {"project_id": PROJECT, "user_id": BOB, "role": role}
    return Event(PROJECT, seq, "member_changed", payload, at)


def task_event(seq: int, at: float) -> Event:
    payload = {"task_id": TASK, "task_type": "dawdle", "result": {}}
    return Event(PROJECT, seq, "task_completed", payload, at)


def seen(event: Event, **more: float) -> Seen:
    return Seen(event.seq, event.type, event.payload, event.created_at + 0.1, **more)


LOG = [
    update_event(1, {"title": "t1"}, 10),
    update_event(2, {"content": {"bob": "b1"}}, 20),
    member_event(3, None, 30),
    update_event(4, {"title": "t2"}, 40),
    task_event(5, 50),
    member_event(6, "editor", 60),
]


def flawless() -> Notes:
    """Return the notes of a run in which alice saw everything, and bob lost access for a while."""
    command = Connection("raw-1", sent={"u1": 10.0}, closed_at=None)
    command.answers["u1"] = 1
    return Notes(
        events=list(LOG),
        projects={PROJECT: dict(STATE)},
        shown_by_rest={PROJECT: dict(STATE)},
        tasks=[Task(TASK, PROJECT, "completed", 45, 50)],
        streams=[
            Stream("alice", ALICE, PROJECT, 0, 0, [seen(event) for event in LOG]),
            Stream("bob", BOB, PROJECT, 0, 0, [seen(event) for event in LOG[:3]], is_open=False),
            Stream("bob", BOB, PROJECT, 3, 6, [seen(event) for event in LOG[3:]]),
        ],
        updates=[
            Update("alice", PROJECT, "t1", "done", 1, 1),
            Update("bob", PROJECT, "b1", "done", 2, 2),
            Update("alice", PROJECT, "t2", "done", 4, 1),
            Update("bob", PROJECT, "b2", "FORBIDDEN", None, 1),
            Update("bob", PROJECT, "b3", "unknown", None, 3),
        ],
        connections=[command],
        signals=[Signal("bob", BOB, PROJECT, "s1", sent_at=25, at=25.1)],
        losses=[Loss(BOB, PROJECT, since=30, until=40)],
        deletions=[Deletion(8, 70.0, 71.0)],
        states=[FinalState("alice", PROJECT, 6, dict(STATE))],
        presence=[FinalPresence("daphne", PROJECT, frozenset({1, 2}), frozenset({1, 2}))],
        stops=[Stop("daphne", 2.0)],
        usage=[Usage("daphne", 10**8, 10**8, 20, 25)],
        logs={"daphne.log": f"{INFO} Listening\n"},
        secrets={TOKEN},
        ended_at=END,
    )


def violations(notes: Notes) -> list[str]:
    return [text for result in check_all(notes) for text in result.violations]


def test_a_flawless_run_has_no_violation() -> None:
    assert violations(flawless()) == []


def lose_an_acknowledged_update(notes: Notes) -> None:
    notes.updates.append(Update("alice", PROJECT, "t9", "done", 7, 1))


def acknowledge_with_another_position(notes: Notes) -> None:
    notes.updates[0].seq = 2


def do_an_update_twice(notes: Notes) -> None:
    again = update_event(7, {"content": {"bob": "b1"}}, 70)
    notes.events.append(again)
    for stream in (notes.streams[0], notes.streams[2]):
        stream.seen.append(seen(again))


def do_a_refused_update(notes: Notes) -> None:
    notes.updates[0].outcome = "FORBIDDEN"


def leave_an_update_open(notes: Notes) -> None:
    notes.updates[0].outcome = ""


def leave_a_promise_open(notes: Notes) -> None:
    notes.left_open.append("promise ready-1")


def lose_an_event_of_the_log(notes: Notes) -> None:
    del notes.events[1]


def show_an_event_twice(notes: Notes) -> None:
    notes.streams[0].seen.insert(2, notes.streams[0].seen[1])


def leave_an_event_out(notes: Notes) -> None:
    del notes.streams[0].seen[1]


def leave_the_first_out(notes: Notes) -> None:
    del notes.streams[0].seen[0]


def leave_the_last_out(notes: Notes) -> None:
    del notes.streams[0].seen[-1]


def show_another_event(notes: Notes) -> None:
    first, second = notes.streams[0].seen[:2]
    notes.streams[0].seen[1] = Seen(second.seq, second.type, first.payload, second.at)


def show_what_is_not_in_the_log(notes: Notes) -> None:
    notes.streams[0].seen.append(Seen(7, "project_updated", {}, 70))


def send_to_who_is_not_in_the_room(notes: Notes) -> None:
    notes.strays.append(Stray("bob", PROJECT, "project_updated"))


def show_another_state(notes: Notes) -> None:
    notes.states[0].state["title"] = "t1"


def show_another_state_by_rest(notes: Notes) -> None:
    notes.shown_by_rest[PROJECT]["title"] = "t1"


def answer_twice(notes: Notes) -> None:
    notes.connections[0].answers["u1"] = 2


def answer_nothing(notes: Notes) -> None:
    del notes.connections[0].answers["u1"]


def answer_what_was_not_asked(notes: Notes) -> None:
    notes.connections[0].answers["u2"] = 1


def show_an_event_after_the_removal(notes: Notes) -> None:
    """At once, so that only the order of the log tells."""
    late = update_event(4, {"title": "t2"}, 30.1)
    notes.events[3] = late
    notes.streams[1].seen.append(seen(late))


def show_an_event_to_who_is_deactivated(notes: Notes) -> None:
    notes.losses.append(Loss(ALICE, None, since=45, until=55))


def show_an_event_after_the_token(notes: Notes) -> None:
    notes.streams[0].seen[4] = seen(LOG[4], token_ends=40)


def show_a_signal_after_access_ended(notes: Notes) -> None:
    notes.signals.append(Signal("bob", BOB, PROJECT, "s2", sent_at=33, at=33.1))


def stay_away(notes: Notes) -> None:
    notes.absent.append("python-1 in project 7 (None)")


def repeat_a_signal(notes: Notes) -> None:
    notes.signals *= 2


def stop_too_late(notes: Notes) -> None:
    notes.stops.append(Stop("daphne", 19.0))


def keep_somebody_in_a_deleted_project(notes: Notes) -> None:
    notes.deletions.append(Deletion(8, 80.0, 90.0))


def list_who_is_gone(notes: Notes) -> None:
    notes.presence[0] = FinalPresence("daphne", PROJECT, frozenset({1, 2, 3}), frozenset({1, 2}))


def list_not_who_is_here(notes: Notes) -> None:
    notes.presence[0] = FinalPresence("daphne", PROJECT, frozenset({1}), frozenset({1, 2}))


def end_a_task_twice(notes: Notes) -> None:
    again = task_event(7, 70)
    notes.events.append(again)
    for stream in (notes.streams[0], notes.streams[2]):
        stream.seen.append(seen(again))


def end_no_task(notes: Notes) -> None:
    notes.tasks.append(Task("task-2", PROJECT, "failed", 45, 50))


def leave_a_task_running(notes: Notes) -> None:
    notes.tasks.append(Task("task-2", PROJECT, "running", 45, 50))


def leave_a_task_queued(notes: Notes) -> None:
    notes.tasks.append(Task("task-2", PROJECT, "queued", 45, 45))


def log_a_traceback(notes: Notes) -> None:
    notes.logs = {"daphne.log": f"{INFO} …\nTraceback (most recent call last):\nKeyError: 1\n"}


def log_an_outage_that_was_none(notes: Notes) -> None:
    notes.logs = {"daphne.log": f"{INFO}\n{LOST}\n"}


def log_an_error(notes: Notes) -> None:
    notes.logs = {"daphne.log": "2026-01-31 12:00:00,000 ERROR realtime.consumers: …\n"}


def log_a_token(notes: Notes) -> None:
    notes.logs = {"daphne.log": f"INFO GET /?token={TOKEN}\n"}


def grow(notes: Notes) -> None:
    notes.usage[0] = Usage("daphne", 10**8, 10**8 + MEMORY_GROWTH + 1, 20, 25)


def keep_files_open(notes: Notes) -> None:
    notes.usage[0] = Usage("daphne", 10**8, 10**8, 20, 200)


PLANTED: dict[Callable[[Notes], None], str] = {
    lose_an_acknowledged_update: "acknowledged (seq 7) and is not in the log",
    acknowledge_with_another_position: "acknowledged with seq 2 and is at 1",
    do_an_update_twice: "happened 2 times",
    do_a_refused_update: "was refused (FORBIDDEN) and happened",
    leave_an_update_open: "never had an outcome",
    leave_a_promise_open: "left open: promise ready-1",
    lose_an_event_of_the_log: "is not 1, 2, 3, …: 3 where 2 belongs",
    show_an_event_twice: "saw 2 after 2",
    leave_an_event_out: "saw 3 after 1",
    leave_the_first_out: "saw 2 after 0",
    leave_the_last_out: "is at 5 at the end, the log at 6",
    show_another_event: "saw another 2",
    show_what_is_not_in_the_log: "which the log does not have",
    send_to_who_is_not_in_the_room: "is not in project 7",
    show_another_state: "alice at 6 shows",
    show_another_state_by_rest: "REST shows project 7",
    answer_twice: "got 2 answers to u1",
    answer_nothing: "got no answer to u1",
    answer_what_was_not_asked: "an answer to u2, which it did not send",
    show_an_event_after_the_removal: "was removed from project 7 at 3 and shown 4",
    show_an_event_to_who_is_deactivated: "alice was shown event 5",
    show_an_event_after_the_token: "10.0 s after its token ended",
    show_a_signal_after_access_ended: "sent 3.0 s after access ended",
    stay_away: "not back, or behind: python-1",
    repeat_a_signal: "bob was shown signal s1 2 times",
    stop_too_late: "daphne ended 19.0 s after SIGTERM",
    keep_somebody_in_a_deleted_project: "somebody in it 10.0 s after its end",
    list_who_is_gone: "shows users [1, 2, 3]",
    list_not_who_is_here: "shows users [1] in",
    end_a_task_twice: "has 2 ends",
    end_no_task: "is failed and has 0 ends",
    leave_a_task_running: "is running, and unheard of",
    leave_a_task_queued: "is queued since 45, and Redis lost none",
    log_a_traceback: "KeyError: 1",
    log_an_outage_that_was_none: "daphne.log:2: 2026",
    log_an_error: "ERROR realtime.consumers",
    log_a_token: "holds a token",
    grow: "MiB more than before",
    keep_files_open: "180 files more than before",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_violation_is_found(plant: Callable[[Notes], None]) -> None:
    notes = flawless()
    plant(notes)
    assert [text for text in violations(notes) if PLANTED[plant] in text]


def allow_for_an_outage(notes: Notes) -> None:
    """What a server could not look up while its database was down, it looks up afterwards."""
    show_a_signal_after_access_ended(notes)
    notes.outages.append(Outage("crash PostgreSQL", 30.5, 32.5))


def allow_what_arrives_late(notes: Notes) -> None:
    notes.signals.append(Signal("bob", BOB, PROJECT, "s2", sent_at=29.9, at=36))


def allow_what_a_closed_connection_left(notes: Notes) -> None:
    answer_nothing(notes)
    notes.connections[0].closed_at = 12.0


def allow_a_task_that_redis_lost(notes: Notes) -> None:
    leave_a_task_queued(notes)
    notes.queue_lost_at.append(46.0)


def allow_what_an_outage_is_told_with(notes: Notes) -> None:
    notes.logs = {"daphne.log": f"{LOST}\nTraceback (most recent call last):\nOSError\n"}
    notes.outages.append(Outage("kill Redis", LOST_AT - 5, LOST_AT - 3))


@pytest.mark.parametrize(
    "allow",
    [
        allow_what_an_outage_is_told_with,
        allow_for_an_outage,
        allow_what_arrives_late,
        allow_what_a_closed_connection_left,
        allow_a_task_that_redis_lost,
    ],
    ids=lambda allow: allow.__name__,
)
def test_a_fault_of_the_run_is_no_violation(allow: Callable[[Notes], None]) -> None:
    notes = flawless()
    allow(notes)
    assert violations(notes) == []


LOGGERS = re.compile(r"(?:realtime|projects|config)(?:\\\.\w+)+(?=:)")


def test_what_is_allowed_is_still_written_somewhere() -> None:
    """A module that has moved logs under another name, and every outage would be a violation."""
    names = {name.replace("\\", "") for pattern, _ in ALLOWED for name in LOGGERS.findall(pattern)}
    assert names
    assert [name for name in names if find_spec(name) is None] == []
