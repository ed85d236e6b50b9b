"""The guarantees of the README, each as a function from a run's notes to what broke it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tests.soak.record import Event, Json, Loss, Notes, Stream

REVOKED_WITHIN = 2.0
"""Seconds. The time in which a server or its database did not run does not count."""
BLIND = ("pause server", "crash PostgreSQL")
"""The outages in which a server cannot look who has access."""
RECOVERY = 3.0
"""Seconds after an outage until a server has looked again; they are added to each outage."""
STOPPED_WITHIN = 5.0
"""Seconds: docs/deploy.md says 3, on a machine that does nothing else."""
ANSWERED_WITHIN = 30.0
"""Seconds after which a command on a connection that lives must have its answer."""
TASK_LEASE = 8.0 + 15.0
"""Seconds: TASK_LEASE of `tests.soak.settings`, and what looking for lost tasks takes."""
MEMORY_GROWTH = 40 * 1024 * 1024
FILES_GROWTH = 40
"""Connections to the database and Redis, which are made as they are needed.

Measured on uvicorn: 31, as the ten database threads have 21 files of SQLite; there were as many
after seven rounds of crashed clients and six restarts of Redis as after the first.
"""

ENDS = ("task_completed", "task_failed")


class Result(NamedTuple):
    name: str
    examined: int
    violations: list[str]


class Check(NamedTuple):
    name: str
    count: Callable[[Notes], int]
    find: Callable[[Notes], Iterator[str]]


def check_all(notes: Notes) -> list[Result]:
    return [Result(check.name, check.count(notes), list(check.find(notes))) for check in CHECKS]


# --- the log and the updates


def _by_project(notes: Notes) -> dict[int, list[Event]]:
    logs: defaultdict[int, list[Event]] = defaultdict(list)
    for event in sorted(notes.events, key=lambda event: (event.project_id, event.seq)):
        logs[event.project_id].append(event)
    return logs


def log_has_no_gap(notes: Notes) -> Iterator[str]:
    for project_id, log in _by_project(notes).items():
        seqs = [event.seq for event in log]
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"the log of project {project_id} is not 1, 2, 3, …: {_first_break(seqs)}"


def _first_break(seqs: list[int]) -> str:
    for expected, seq in enumerate(seqs, start=1):
        if seq != expected:
            return f"{seq} where {expected} belongs"
    return "nothing"


def _marks(payload: Json) -> Iterator[str]:
    """Return what an update may be known by: the values of its content, and its title."""
    changes = payload.get("changes", {})
    marks = {changes.get("title"), *(changes.get("content") or {}).values()}
    yield from (mark for mark in marks if isinstance(mark, str))


def updates_are_exact(notes: Notes) -> Iterator[str]:
    """Acknowledged means stored, once, at that position; refused means not stored."""
    stored: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for event in notes.events:
        for mark in _marks(event.payload):
            stored[event.project_id, mark].append(event.seq)
    for update in notes.updates:
        seqs = stored[update.project_id, update.mark]
        name = f"update {update.mark} of project {update.project_id}"
        if len(seqs) > 1:
            yield f"{name} happened {len(seqs)} times, at {seqs}"
        if update.outcome == "done" and not seqs and update.project_id in notes.projects:
            yield f"{name} was acknowledged (seq {update.seq}) and is not in the log"
        if update.outcome == "done" and update.seq is not None and seqs and update.seq not in seqs:
            yield f"{name} was acknowledged with seq {update.seq} and is at {seqs[0]}"
        if update.is_refused_at_once and seqs:
            yield f"{name} was refused ({update.outcome}) and happened at {seqs[0]}"


def updates_are_settled(notes: Notes) -> Iterator[str]:
    for update in notes.updates:
        if not update.outcome:
            yield f"update {update.mark} of project {update.project_id} never had an outcome"
    yield from (f"left open: {name}" for name in notes.left_open)


# --- what clients saw


def everybody_is_back(notes: Notes) -> Iterator[str]:
    yield from (f"not back, or behind: {name}" for name in notes.absent)


def streams_are_exact(notes: Notes) -> Iterator[str]:
    logs = _by_project(notes)
    for stream in notes.streams:
        if fault := _fault_of(stream, logs.get(stream.project_id, [])):
            yield f"{stream.client} in project {stream.project_id}: {fault}"
    for stray in notes.strays:
        yield (f"{stray.client} is not in project {stray.project_id}, and was sent {stray.message}")


def _fault_of(stream: Stream, log: list[Event]) -> str:
    """Return the first thing that is wrong with a stream, or nothing."""
    position = stream.start
    for seen in stream.seen:
        if position is not None and seen.seq != position + 1:
            return f"saw {seen.seq} after {position}"
        position = seen.seq
        if not 0 < seen.seq <= len(log):
            if log:  # else the project is gone, and its log with it
                return f"saw {seen.seq}, which the log does not have"
        elif (log[seen.seq - 1].type, log[seen.seq - 1].payload) != (seen.type, seen.payload):
            return f"saw another {seen.seq} ({seen.type}) than the log has"
    if stream.is_open and position is not None and position != len(log):
        return f"is at {position} at the end, the log at {len(log)}"
    return ""


def signals_are_not_repeated(notes: Notes) -> Iterator[str]:
    shown = Counter((signal.client, signal.mark) for signal in notes.signals)
    for (client, mark), count in shown.items():
        if count > 1:
            yield f"{client} was shown signal {mark} {count} times"


def states_are_equal(notes: Notes) -> Iterator[str]:
    for project_id, project in notes.projects.items():
        if (shown := notes.shown_by_rest.get(project_id)) is not None and shown != project:
            yield f"REST shows project {project_id} as {_difference(shown, project)}"
    for final in notes.states:
        truth = notes.projects.get(final.project_id)
        if truth is not None and final.state != truth:
            yield (
                f"{final.client} at {final.seq} shows project {final.project_id} with "
                f"{_difference(final.state, truth)}"
            )


def _difference(shown: Json, truth: Json) -> str:
    keys = [key for key in {**shown, **truth} if shown.get(key) != truth.get(key)]
    found = ", ".join(f"{key} {shown.get(key)!r} for {truth.get(key)!r}" for key in keys)
    return found[:300]


def every_ref_is_answered_once(notes: Notes) -> Iterator[str]:
    for connection in notes.connections:
        end = connection.closed_at or notes.ended_at
        for ref, sent_at in connection.sent.items():
            count = connection.answers[ref]
            waited = end - sent_at - _outage(notes, sent_at, end)
            if count > 1:
                yield f"{connection.client} got {count} answers to {ref}"
            elif count == 0 and (connection.closed_at is None or waited > ANSWERED_WITHIN):
                yield f"{connection.client} got no answer to {ref} in {waited:.1f} s"
        for ref in connection.answers.keys() - connection.sent.keys():
            yield f"{connection.client} got an answer to {ref}, which it did not send"


# --- access


def _outage(notes: Notes, since: float, until: float, *names: str) -> float:
    """Return how long something did not run, the time to get over it included."""
    return sum(
        max(0.0, min(until, outage.until + RECOVERY) - max(since, outage.since))
        for outage in notes.outages
        if not names or outage.name in names
    )


def nothing_is_shown_after_access_ended(notes: Notes) -> Iterator[str]:
    created = {(event.project_id, event.seq): event.created_at for event in notes.events}
    losses: defaultdict[int, list[Loss]] = defaultdict(list)
    for loss in notes.losses:
        losses[loss.user_id].append(loss)
    for stream in notes.streams:
        yield from _removals(stream)
        for seen in stream.seen:
            made_at = created.get((stream.project_id, seen.seq))
            if made_at is None:
                continue
            name = f"{stream.client} was shown event {seen.seq} of project {stream.project_id}"
            if late := _lateness(notes, losses, stream, made_at, seen.at):
                yield f"{name}, made {late:.1f} s after access ended"
            late = made_at - seen.token_ends
            if late > REVOKED_WITHIN + _outage(notes, seen.token_ends, made_at, *BLIND):
                yield f"{name}, made {late:.1f} s after its token ended"
    for signal in notes.signals:
        if late := _lateness(notes, losses, signal, signal.sent_at, signal.at):
            yield (
                f"{signal.client} was shown a signal in project {signal.project_id}, "
                f"sent {late:.1f} s after access ended"
            )


def rooms_end_with_their_projects(notes: Notes) -> Iterator[str]:
    for deletion in notes.deletions:
        deleted_at, put_out_at = deletion.deleted_at, deletion.put_out_at
        late = put_out_at - deleted_at
        if late > REVOKED_WITHIN + _outage(notes, deleted_at, put_out_at, *BLIND):
            yield f"project {deletion.project_id} had somebody in it {late:.1f} s after its end"


def _lateness(
    notes: Notes,
    losses: dict[int, list[Loss]],
    client: Stream | object,
    made_at: float,
    at: float,
) -> float:
    """Return the seconds after the loss at which something was made that is too late; else 0.

    What was made while there was access may arrive late: networks are slow, and so are readers.
    """
    user_id: int = client.user_id  # type: ignore[union-attr]
    project_id: int = client.project_id  # type: ignore[union-attr]
    for loss in losses.get(user_id, []):
        if not loss.covers(project_id) or not loss.since < made_at <= at < loss.until:
            continue
        late = made_at - loss.since
        if late > REVOKED_WITHIN + _outage(notes, loss.since, made_at, *BLIND):
            return late
    return 0.0


def _removals(stream: Stream) -> Iterator[str]:
    """A removal stands in the log: no live event may follow it, however little time passed."""
    if stream.joined_at_seq is None:
        return
    removed_at: int | None = None
    for seen in stream.seen:
        if removed_at is not None:
            yield (
                f"{stream.client} was removed from project {stream.project_id} at {removed_at} "
                f"and shown {seen.seq}"
            )
            return
        is_own = seen.type == "member_changed" and seen.payload["user_id"] == stream.user_id
        if is_own and seen.payload["role"] is None and seen.seq > stream.joined_at_seq:
            removed_at = seen.seq


# --- presence, tasks


def presence_is_right(notes: Notes) -> Iterator[str]:
    for final in notes.presence:
        if final.shown != final.expected:
            yield (
                f"{final.server} shows users {sorted(final.shown)} in project {final.project_id}, "
                f"where {sorted(final.expected)} are"
            )


def every_task_ends_once(notes: Notes) -> Iterator[str]:
    ends = Counter(event.payload["task_id"] for event in notes.events if event.type in ENDS)
    for task in notes.tasks:
        count = ends.pop(task.task_id, 0)
        has_ended = task.state in ("completed", "failed")
        if count != has_ended and not (count == 0 and task.project_id not in notes.projects):
            yield f"task {task.task_id} is {task.state} and has {count} ends in the log"
        if task.state == "running" and notes.ended_at - task.updated_at > TASK_LEASE:
            yield f"task {task.task_id} is running, and unheard of since {task.updated_at:.0f}"
        if task.state == "queued" and not may_be_lost(notes, task.created_at):
            yield f"task {task.task_id} is queued since {task.created_at:.0f}, and Redis lost none"
    for task_id in ends:
        yield f"there is an end of task {task_id}, which is not known"


def may_be_lost(notes: Notes, created_at: float) -> bool:
    """Return whether Redis lost what was queued at a time."""
    return any(lost_at >= created_at for lost_at in notes.queue_lost_at)


# --- the logs, and what a process holds

HEADER = re.compile(r"^\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+")
BAD = re.compile(r"Traceback \(most recent call last\)|\b(?:ERROR|CRITICAL)\b")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|[?&](?:token|ticket)=(?!\[redacted\])\w")
AFTERMATH = 20.0
"""Seconds after an outage in which it may still be told of."""

_REDIS = ("kill Redis", "pause Redis", "flush Redis")
_POSTGRES = ("crash PostgreSQL",)
_WORKER = ("kill worker",)

ALLOWED: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Libraries that say at ERROR that they try again.
    (r"ERROR channels_redis\.pubsub: Unexpected exception in receive task", _REDIS),
    (r"ERROR celery\.worker\.consumer\.consumer: consumer: Cannot connect to redis", _REDIS),
    (r"ERROR celery\.backends\.redis: Connection to Redis lost: Retry", _REDIS),
    # A fault of Celery's: it restarts a part that had not been started.
    (r"ERROR celery\.bootsteps: Error on restarting Gossip", _REDIS),
    # The result of a task cannot be stored; the end of the task is told all the same.
    (r"(?s)ERROR celery\.worker\.request: Task handler raised error.*redis\.exceptions", _REDIS),
    (r"(?s)py\.warnings: .*RuntimeWarning: Exception raised outside body: network:", _REDIS),
    # Redis is needed to start a task; whoever starts one is told.
    (r"ERROR realtime\.tasks\.task: .* action=enqueue_failed", _REDIS),
    # What follows from it, docs/operate.md says: the lease of the task ends it.
    (r"(?s)ERROR realtime\.tasks\.task: .* action=task_signal.*OperationalError", _POSTGRES),
    # REST says so to whoever asks, and Django logs each such answer.
    (r"ERROR django\.request: Service Unavailable: ", _POSTGRES),
    # A task of the host's that needs the database; `report_progress` must not fail one.
    (r"(?s)\A(?!.*report_progress).*ERROR celery\.app\.trace: Task .*OperationalError", _POSTGRES),
    (r"Process 'ForkPoolWorker-\d+' pid:\d+ exited with 'signal 9", _WORKER),
    (r"WorkerLostError", _WORKER),
)
"""Entries of the logs that a fault of the run explains: a pattern, and outages of that kind."""


def logs_are_clean(notes: Notes) -> Iterator[str]:
    for name, text in notes.logs.items():
        for line, entry in _entries(text):
            if BAD.search(entry) and not _is_allowed(entry, notes):
                lines = entry.splitlines()
                yield f"{name}:{line}: {lines[0]} … {lines[-1]}"[:600]


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield each entry with its first line's number: all that follows a time belongs to it."""
    start, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        if HEADER.match(line) and lines:
            yield start, "\n".join(lines)
            start, lines = number, []
        lines.append(line)
    if lines:
        yield start, "\n".join(lines)


def _is_allowed(entry: str, notes: Notes) -> bool:
    header = HEADER.match(entry)
    if header is None:
        return False
    at = datetime.strptime(header[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    current = {
        outage.name
        for outage in notes.outages
        if outage.since - 1 <= at <= outage.until + AFTERMATH
    }
    return any(
        current.intersection(names) and re.search(pattern, entry) for pattern, names in ALLOWED
    )


def logs_hold_no_token(notes: Notes) -> Iterator[str]:
    for name, text in notes.logs.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if TOKEN.search(line):
                yield f"{name}:{number} holds a token"
        yield from (f"{name} holds a token" for secret in notes.secrets if secret in text)


def servers_stop_in_time(notes: Notes) -> Iterator[str]:
    for stop in notes.stops:
        if stop.seconds > STOPPED_WITHIN:
            yield f"{stop.server} ended {stop.seconds:.1f} s after SIGTERM"


def processes_do_not_grow(notes: Notes) -> Iterator[str]:
    for usage in notes.usage:
        memory = usage.memory_after - usage.memory_before
        files = usage.files_after - usage.files_before
        if memory > MEMORY_GROWTH:
            yield f"{usage.server} holds {memory / 2**20:.0f} MiB more than before"
        if files > FILES_GROWTH:
            yield f"{usage.server} holds {files} files more than before"


def _log_lines(notes: Notes) -> int:
    return sum(text.count("\n") for text in notes.logs.values())


CHECKS = (
    Check("the log has no gap", lambda n: len(n.events), log_has_no_gap),
    Check("updates are stored once", lambda n: len(n.updates), updates_are_exact),
    Check("every promise is settled", lambda n: len(n.updates), updates_are_settled),
    Check(
        "events are shown once and in order",
        lambda n: sum(len(stream.seen) for stream in n.streams),
        streams_are_exact,
    ),
    Check("everybody is back", lambda n: len(n.states), everybody_is_back),
    Check("signals are not repeated", lambda n: len(n.signals), signals_are_not_repeated),
    Check("clients show what REST shows", lambda n: len(n.states), states_are_equal),
    Check(
        "every ref has one answer",
        lambda n: sum(len(connection.sent) for connection in n.connections),
        every_ref_is_answered_once,
    ),
    Check(
        "nothing after access ended",
        lambda n: len(n.losses),
        nothing_is_shown_after_access_ended,
    ),
    Check(
        "rooms end with their projects", lambda n: len(n.deletions), rooms_end_with_their_projects
    ),
    Check("presence is right", lambda n: len(n.presence), presence_is_right),
    Check("every task ends once", lambda n: len(n.tasks), every_task_ends_once),
    Check("no fault in the logs", _log_lines, logs_are_clean),
    Check("no token in the logs", lambda n: len(n.secrets), logs_hold_no_token),
    Check("servers stop in time", lambda n: len(n.stops), servers_stop_in_time),
    Check("processes do not grow", lambda n: len(n.usage), processes_do_not_grow),
)
