"""Tasks whose worker vanished without a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from celery.backends.base import DisabledBackend
from celery.exceptions import Retry
from celery.result import AsyncResult
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from config.celery import app
from realtime.events import log
from realtime.models import TaskState
from realtime.tasks import lease, signals
from realtime.tasks import state as task_state
from realtime.tasks.lease import LeaseKeeper, ReceivedLeaseKeeper
from realtime.tasks.queues import QueueProbe, Sighting
from realtime.tasks.task import TaskFailure
from tests.harness.rooms import project as project_room
from tests.harness.rooms import row

pytestmark = [
    pytest.mark.django_db,
    # Celery's result backend calls it.
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),
]

PROJECT = 7
LONG_AGO = timedelta(days=2)


def make_task(task_id: str, state: TaskState.State, *, age: timedelta) -> None:
    task_state.mark_queued(task_id=task_id, task_type="measure", room=project_room(PROJECT))
    TaskState.objects.filter(task_id=task_id).update(state=state, updated_at=Now() - age)


def endings() -> list[tuple[str, Any]]:
    return [
        (event.type, event.payload.get("result", event.payload.get("error")))
        for event in log.tail(row(PROJECT), 0)
    ]


def test_who_finished_without_telling_has_completed() -> None:
    make_task("stored", TaskState.State.RUNNING, age=LONG_AGO)
    app.backend.mark_as_done("stored", {"answer": 42})
    lease.sweep(QueueProbe())
    lease.sweep(QueueProbe())
    assert endings() == [("task_completed", {"answer": 42})]


def test_who_failed_without_telling_has_failed() -> None:
    make_task("raised", TaskState.State.RUNNING, age=LONG_AGO)
    app.backend.mark_as_failure("raised", ValueError("too big"))
    lease.sweep(QueueProbe())
    app.backend.mark_as_failure("explained", TaskFailure("The image is too big"))
    make_task("explained", TaskState.State.RUNNING, age=LONG_AGO)
    lease.sweep(QueueProbe())
    assert endings() == [
        ("task_failed", "The task failed; the server has logged why"),
        ("task_failed", "The image is too big"),
    ]


def test_who_left_nothing_is_lost() -> None:
    make_task("killed", TaskState.State.RUNNING, age=LONG_AGO)
    make_task("forgotten", TaskState.State.QUEUED, age=LONG_AGO)
    lease.sweep(QueueProbe())
    assert sorted(endings()) == [
        ("task_failed", "The task was never started"),
        ("task_failed", "The worker was lost"),
    ]


@pytest.mark.parametrize("stored", [b"no JSON", b"\xff", b"[]", b"{}"])
def test_whose_result_cannot_be_read_is_lost_and_holds_up_nobody(stored: bytes) -> None:
    for task_id in ("broken", "stored"):
        make_task(task_id, TaskState.State.RUNNING, age=LONG_AGO)
    backend: Any = app.backend
    backend.set(backend.get_key_for_task("broken"), stored)
    backend.mark_as_done("stored", {"answer": 42})
    lease.sweep(QueueProbe())
    assert sorted(endings(), key=str) == [
        ("task_completed", {"answer": 42}),
        ("task_failed", "The worker was lost"),
    ]


def test_who_still_runs_or_waits_is_left_alone() -> None:
    make_task("running", TaskState.State.RUNNING, age=timedelta(0))
    make_task("waiting", TaskState.State.QUEUED, age=timedelta(hours=1))
    make_task("over", TaskState.State.COMPLETED, age=LONG_AGO)
    lease.sweep(QueueProbe())
    assert endings() == []


def test_a_sign_of_life_in_the_last_moment_counts() -> None:
    make_task("slow", TaskState.State.RUNNING, age=LONG_AGO)
    seen = TaskState.objects.get(task_id="slow").updated_at
    task_state.prolong(["slow"])
    assert not task_state.mark_failed("slow", "The worker was lost", as_of=seen)
    now = TaskState.objects.get(task_id="slow").updated_at
    assert abs(timezone.now() - now) < timedelta(minutes=1)
    assert task_state.mark_failed("slow", "The worker was lost", as_of=now)


def test_a_result_backend_that_is_away_settles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_task("unknown", TaskState.State.RUNNING, age=LONG_AGO)

    def away(*_: Any, **__: Any) -> None:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(app.backend, "get", away)
    with pytest.raises(ConnectionError):
        lease.sweep(QueueProbe())
    assert endings() == []


def test_a_task_that_will_be_tried_again_only_waits() -> None:
    from tests.host.tasks import obey as task

    make_task("again", TaskState.State.RUNNING, age=LONG_AGO)
    request = type("Request", (), {"id": "again"})()
    signals.on_retry(sender=task, request=request, reason=Retry())
    lease.sweep(QueueProbe())
    assert endings() == []
    signals.on_prerun(sender=task, task_id="again", args=(), kwargs={"project_id": PROJECT})
    signals.on_postrun(sender=task, task_id="again", state="SUCCESS", retval=None)
    assert TaskState.objects.get(task_id="again").state == TaskState.State.RUNNING


def test_without_a_result_backend_a_lost_task_ends_and_so_do_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = DisabledBackend(app=app)
    monkeypatch.setattr(AsyncResult, "backend", backend, raising=False)
    monkeypatch.setattr(AsyncResult, "__init__", lambda self, task_id: setattr(self, "id", task_id))
    for number in range(5):
        make_task(str(number), TaskState.State.RUNNING, age=LONG_AGO)
    lease.sweep(QueueProbe())
    assert endings() == [("task_failed", "The worker was lost")] * 5


# --- what the broker lost


@pytest.fixture
def probe() -> QueueProbe:
    """A task waits in a queue of its own, and has been silent for some leases."""
    make_task("gone", TaskState.State.QUEUED, age=timedelta(hours=2))
    TaskState.objects.update(queue="lost-and-found")
    return QueueProbe()


def look(probe: QueueProbe) -> None:
    """Sweep, and have the broker's answer; then an hour passes."""
    lease.sweep(probe)
    probe.wait(20)
    for queue, (silent_since, _) in probe.sightings.items():
        earlier = silent_since - timedelta(hours=1)
        probe.sightings[queue] = Sighting(earlier, float("-inf"))


def test_a_task_that_the_broker_lost_is_found(probe: QueueProbe) -> None:
    look(probe)
    assert endings() == []
    look(probe)
    assert endings() == [("task_failed", "The task was lost before it was started")]


def test_a_task_that_may_still_be_in_its_queue_waits(probe: QueueProbe) -> None:
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue("lost-and-found")
        queue.put("a task, perhaps this one")
        for _ in range(3):
            look(probe)
        assert endings() == []
        queue.clear()
        queue.close()


def test_a_task_that_a_worker_has_taken_waits(probe: QueueProbe) -> None:
    look(probe)
    task_state.keep_queued(["gone"])
    look(probe)
    TaskState.objects.update(updated_at=Now() - timedelta(minutes=1))
    look(probe)
    assert endings() == []


def test_where_the_queue_is_not_known_a_task_waits(probe: QueueProbe) -> None:
    TaskState.objects.update(queue="")
    for _ in range(3):
        look(probe)
    assert endings() == []


def keeping() -> list[threading.Thread]:
    """Return the threads that renew leases."""
    return [thread for thread in threading.enumerate() if thread.name == "task-leases"]


def test_a_worker_keeps_what_it_has_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = settings.REALTIME | {"TASK_LEASE": 0.03}
    kept = threading.Event()

    def keep(task_ids: Collection[str]) -> None:
        assert set(task_ids) == {"taken"}
        kept.set()

    monkeypatch.setattr(task_state, "keep_queued", keep)
    received = ReceivedLeaseKeeper()

    class Request:
        id = "taken"

    request = Request()
    received.add(request)
    [thread] = keeping()
    assert kept.wait(10)
    del request
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_tasks_that_come_and_go_do_not_keep_a_lease_from_being_prolonged(
    settings: Settings,
) -> None:
    """As in a pool of threads, where one task is long and the others are short."""
    settings.REALTIME = settings.REALTIME | {"TASK_LEASE": 0.3}
    make_task("long", TaskState.State.RUNNING, age=LONG_AGO)
    before = TaskState.objects.get(task_id="long").updated_at
    keeper = LeaseKeeper(task_state.prolong)
    keeper.hold("long")
    [thread] = keeping()
    given_up_at = time.monotonic() + 10
    while TaskState.objects.get(task_id="long").updated_at == before:
        assert time.monotonic() < given_up_at, "its worker would be taken for lost"
        keeper.hold("short")
        keeper.release("short")
    keeper.release("long")
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_whatever_a_prolonging_runs_into_the_next_is_tried(
    settings: Settings,
) -> None:
    settings.REALTIME = settings.REALTIME | {"TASK_LEASE": 0.03}
    twice = threading.Semaphore(0)

    def prolong(_: Collection[str]) -> None:
        twice.release()
        raise RuntimeError("no error of a database")

    keeper = LeaseKeeper(prolong)
    keeper.hold("a")
    for _ in range(2):
        assert twice.acquire(timeout=10)
    keeper.release("a")


def test_a_lease_is_kept_while_a_task_runs_and_no_longer(
    settings: Settings,
) -> None:
    settings.REALTIME = settings.REALTIME | {"TASK_LEASE": 0.03}
    prolonged: list[set[str]] = []
    twice = threading.Event()

    def prolong(task_ids: Collection[str]) -> None:
        prolonged.append(set(task_ids))
        if len(prolonged) >= 2:
            twice.set()

    keeper = LeaseKeeper(prolong)
    keeper.hold("a")
    [thread] = keeping()
    assert twice.wait(10)
    keeper.release("a")
    thread.join(10)
    assert not thread.is_alive()
    assert prolonged[0] == {"a"}
    keeper.hold("b")
    assert keeping(), "again"
    keeper.release("b")
