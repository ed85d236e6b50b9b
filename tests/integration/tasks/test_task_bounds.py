"""How many tasks may be open, and which project a call of a task belongs to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from celery import Celery, shared_task
from django.contrib.auth.models import User
from django.db import close_old_connections, connection, transaction
from pytest_django import Settings

from realtime.events import log
from realtime.live import joins
from realtime.live.joins import JoinRequest, View
from realtime.models import TaskState
from realtime.tasks import RoomTask, TooManyTasks, state
from tests.harness.plans import make_plan, room_of, row
from tests.harness.rooms import project as project_room
from tests.harness.valkey import Valkey
from tests.tasks import cases

pytestmark = [
    pytest.mark.django_db,
    # Celery's result backend calls it.
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),
]

PROJECT = 7


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were sent to the broker, which no worker is to run."""
    ids: list[str] = []

    def apply_async(_: Any, *, task_id: str, **__: Any) -> None:
        ids.append(task_id)

    monkeypatch.setattr(RoomTask, "apply_async", apply_async)
    return ids


def bounds(settings: Settings, **values: int) -> None:
    settings.REALTIME = settings.REALTIME | values


def test_a_room_and_a_user_have_so_many_open_tasks(settings: Settings) -> None:
    bounds(settings, MAX_OPEN_TASKS=3, MAX_OPEN_TASKS_PER_USER=2)
    first = cases.adopted.enqueue(user_id=1, project_id=PROJECT)
    cases.adopted.enqueue(user_id=1, project_id=PROJECT)
    with pytest.raises(TooManyTasks, match="2 tasks that you started"):
        cases.adopted.enqueue(user_id=1, project_id=PROJECT + 1)
    cases.adopted.enqueue(user_id=2, project_id=PROJECT)
    with pytest.raises(TooManyTasks, match="3 tasks wait or run here"):
        cases.adopted.enqueue(project_id=PROJECT)
    state.mark_completed(first, {})
    cases.adopted.enqueue(user_id=1, project_id=PROJECT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bound", ["room", "user", "subject"])
def test_requests_that_come_together_do_not_pass_a_bound(settings: Settings, bound: str) -> None:
    bounds(
        settings,
        MAX_OPEN_TASKS=2 if bound == "room" else 100,
        MAX_OPEN_TASKS_PER_USER=2 if bound == "user" else 100,
    )
    together = Barrier(6, timeout=20)

    def enqueue(number: int) -> str:
        close_old_connections()
        together.wait()
        try:
            return cases.adopted.enqueue(
                user_id=1 if bound == "user" else number,
                project_id=number if bound == "user" else PROJECT,
                subject="canvas 1" if bound == "subject" else "",
            )
        except TooManyTasks:
            return "refused"
        finally:
            close_old_connections()

    with ThreadPoolExecutor(6) as threads:
        ids = list(threads.map(enqueue, range(1, 7)))
    assert TaskState.objects.count() == (1 if bound == "subject" else 2)
    assert len(set(ids)) == (1 if bound == "subject" else 3)


def test_a_join_is_told_of_the_newest_tasks_only() -> None:
    alice = User.objects.create_user("alice")
    plan = make_plan(alice, "Sea")
    TaskState.objects.bulk_create(
        TaskState(task_id=f"{number:04}", room_id=row(plan), task_type="t") for number in range(300)
    )
    [view] = joins.read([JoinRequest(room_of(plan), alice.pk)])
    assert isinstance(view, View)
    assert [task.task_id for task in view.tasks] == [f"{number:04}" for number in range(250, 300)]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, valkey: Valkey
) -> None:
    monkeypatch.undo()  # it is sent for real
    app = Celery("hanging", set_as_current=False, broker=valkey.url, backend=valkey.url)
    app.conf.broker_transport_options = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}
    task = app.task(base=RoomTask, name="hanging.adopted")(cases.adopted.run)
    first = task.enqueue(project_id=PROJECT)
    assert TaskState.objects.get(task_id=first).state == TaskState.State.QUEUED
    valkey.pause()
    try:
        second = task.enqueue(project_id=PROJECT)
    finally:
        valkey.resume()
    assert TaskState.objects.get(task_id=second).error == (
        "The task could not be queued; try again"
    )
    app.close()


def test_a_task_that_the_broker_does_not_take_has_failed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def no_json(*_: Any, **__: Any) -> None:
        raise TypeError("Object of type object is not JSON serializable")

    monkeypatch.setattr(RoomTask, "apply_async", no_json)
    with django_capture_on_commit_callbacks(execute=True):
        cases.adopted.enqueue(project_id=PROJECT)
    [event] = log.tail(log.row_of(project_room(PROJECT)), 0)
    assert event.payload["error"] == "The task could not be queued; try again"


# --- which project a call belongs to


@shared_task(base=RoomTask, bind=True)
def plain(self: Any, project_id: Any, other: int = 0) -> None: ...


@shared_task(base=RoomTask, room="project", key="board")
def of_a_board(number: int, board: Any = 5) -> None: ...


@shared_task(base=RoomTask)
def of_none(number: int) -> None: ...


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "project_id"),
    [
        (plain, (7,), {}, 7),
        (plain, ("7", 1), {}, 7),
        (plain, (), {"project_id": "7"}, 7),
        (plain, (), {"project_id": 7, "unknown": 1}, 7),
        (plain, (None,), {}, None),
        (plain, ("seven",), {}, None),
        (plain, (True,), {}, None),
        (plain, (2**63,), {}, None),
        (plain, (), {}, None),
        (of_a_board, (1, 7), {}, 7),
        (of_a_board, (1,), {"board": 7}, 7),
        (of_a_board, (1,), {}, 5),
        (of_none, (1,), {}, None),
    ],
)
def test_the_project_of_a_call(task: Any, args: Any, kwargs: Any, project_id: int | None) -> None:
    room = None if project_id is None else project_room(project_id)
    assert task.room_of(args, kwargs) == room


def test_a_task_whose_calls_belong_to_no_project_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @shared_task(base=RoomTask)
    def without_key(number: int) -> None: ...

    @shared_task(base=RoomTask)
    def with_key(project_id: Any) -> None: ...

    for _ in range(3):
        without_key.room_of((1,), {})
        with_key.room_of(("seven",), {})
    [first, second] = [record.getMessage() for record in caplog.records]
    assert "without_key has no argument with the key of a room" in first
    assert "'seven'" in second


# --- nothing of ours fails a host's task


def test_what_cannot_be_told_fails_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    told = ("mark_queued", "mark_started", "record_progress", "mark_completed", "mark_failed")
    for name in told:
        monkeypatch.setattr(state, name, away)

    @shared_task(base=RoomTask, bind=True)
    def measure(self: RoomTask, *, project_id: int) -> int:
        self.report_progress(50)
        self.report_progress(float("nan"))
        self.report_progress("much")  # type: ignore[arg-type]
        self.update_state(state="PROGRESS", meta={"progress": 60, "message": None})
        return User.objects.count()

    with transaction.atomic():
        assert measure.apply(kwargs={"project_id": PROJECT}).get() == 0
        assert User.objects.count() == 0, "the transaction goes on"
