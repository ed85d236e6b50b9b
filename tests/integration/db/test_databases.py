"""Hosts with more than one database, and what `manage.py check` says of those that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from realtime.db import threads
from realtime.events import log
from realtime.events.new_event import NewEvent
from realtime.models import Event, Room, TaskState
from realtime.tasks import lease, state
from realtime.tasks.queues import QueueProbe
from realtime.tasks.task import RoomTask
from tests.boards.models import Label
from tests.harness.rooms import project as project_room
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.models import ShoppingList
from tests.host.rooms import ShoppingRoom
from tests.host.tasks import obey

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "other"]),
    pytest.mark.usefixtures("shopping"),
]

REPLICA = ["realtime.db.routers.ReadWhereWritten", "tests.host.routers.Replica"]
MOVED = ["tests.host.routers.Moved"]


@pytest.fixture(params=[REPLICA, MOVED], ids=["replica", "moved"])
def written(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The alias of the database in which everything is written; the other one stays empty."""
    settings.DATABASE_ROUTERS = request.param
    return "other" if request.param is MOVED else "default"


async def test_a_room_reads_where_it_writes(written: str) -> None:
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    alice, bob = [await Socket.connect(token) for token in tokens]
    await alice.join(list_id)
    first = await alice.update(list_id, {"milk": 1}, idempotency_key="once")
    again = await alice.update(list_id, {"milk": 1}, idempotency_key="once")
    assert [a["payload"].get("duplicate") for a in (first, again)] == [False, True]
    joined = await bob.join(list_id)
    assert (joined["seq"], joined["project"]) == (1, {"bread": 1, "milk": 1})
    newer = {"project_id": list_id, "data": {"milk": 2}}
    stale = await bob.call("update_project", {**newer, "base_seq": 0})
    assert stale["payload"]["code"] == "CONFLICT"
    assert stale["payload"]["details"]["current"] == {"milk": 1}
    written_on = await bob.call("update_project", {**newer, "base_seq": 1})
    assert written_on["payload"]["seq"] == 2
    assert (await alice.until("project_updated"))["payload"]["changes"] == {"milk": 1}
    assert (await alice.until("project_updated"))["payload"]["changes"] == {"milk": 2}

    def count(alias: str) -> list[int]:
        return [model.objects.using(alias).count() for model in (Room, Event, ShoppingList)]

    empty = "default" if written == "other" else "other"
    assert await threads.run(count, written) == [1, 2, 1]
    assert await threads.run(count, empty) == [0, 0, 0]
    for socket in (alice, bob):
        await socket.disconnect()


def test_a_history_is_read_where_it_is_written(written: str) -> None:
    [project_id, _] = make_list_now("alice")
    client = APIClient()
    client.force_authenticate(User.objects.using(written).get(username="alice"))
    with transaction.atomic(using=written):
        log.append(project_room(project_id), [NewEvent("noted", {"text": "milk"})])
    answer = client.get(f"/api/projects/{project_id}/events/")
    assert [event["seq"] for event in answer.json()["events"]] == [1]


def make_list_now(*names: str) -> tuple[int, list[str]]:
    from realtime.db.routers import reading_where_written

    with reading_where_written():
        return make_list(*names)


def test_a_task_is_told_where_it_is_written(written: str) -> None:
    state.mark_queued(task_id="t", task_type="count", room=project_room(1))
    state.mark_started("t")
    obey.push_request(id="t")
    try:
        obey.report_progress(40, "Counting")
    finally:
        obey.pop_request()
    task = TaskState.objects.using(written).get()
    assert (task.state, task.progress) == (TaskState.State.RUNNING, 40)
    assert state.mark_completed("t", {"words": 3})
    assert Event.objects.using(written).get().type == "task_completed"
    assert log.prune(timezone.timedelta(0)) == 2  # type: ignore[attr-defined]


# --- what must not be


def test_a_change_and_its_event_are_in_one_database(settings: Settings) -> None:
    """Otherwise one of them could be there without the other."""
    project_id, _ = make_list("alice")
    settings.DATABASE_ROUTERS = ["tests.host.routers.Apart"]
    assert "realtime.E011" in ids()
    with (
        pytest.raises(transaction.TransactionManagementError, match="using='other'"),
        transaction.atomic(),
    ):
        log.append(project_room(project_id), [NewEvent("noted", {})])


async def test_and_an_update_is_refused_before_it_changes_anything(settings: Settings) -> None:
    list_id, [token] = await threads.run(make_list, "alice")
    settings.DATABASE_ROUTERS = ["tests.host.routers.Apart"]
    alice = await Socket.connect(token)
    await alice.join(list_id)
    refused = await alice.update(list_id, {"milk": 2})
    assert refused["payload"]["code"] == "INTERNAL_ERROR"
    shopping = await threads.run(ShoppingList.objects.get)
    assert shopping.items == {"bread": 1}
    await alice.disconnect()


def ids() -> set[str | None]:
    return {message.id for message in run_checks(databases=[])}


def test_a_replica_without_the_router_is_told(settings: Settings) -> None:
    settings.DATABASE_ROUTERS = REPLICA[1:]
    assert "realtime.E012" in ids()
    settings.DATABASE_ROUTERS = REPLICA
    assert not ids()


def test_sqlite_without_immediate_transactions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    used = connections["other"].settings_dict["OPTIONS"]
    monkeypatch.setattr("realtime.checks.databases.alias", lambda: "other")
    assert "realtime.E010" not in ids()
    monkeypatch.delitem(used, "transaction_mode")
    assert "realtime.E010" in ids()
    monkeypatch.setattr(django, "VERSION", (4, 2, 20))
    assert {"realtime.W010"} < ids() | {""}
    assert "realtime.E010" not in ids()


def test_connections_that_pile_up_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["other"], "CONN_MAX_AGE", 60)
    assert ids() == {"realtime.W011"}


# --- nothing of ours fails a task


@pytest.fixture
def running() -> Iterator[RoomTask]:
    """A task that runs, in this thread."""
    state.mark_queued(task_id="t", task_type="count", room=project_room(1))
    obey.push_request(id="t")
    yield obey
    obey.pop_request()


@pytest.mark.parametrize("percent", [float("nan"), float("inf"), "half", None])
def test_progress_that_is_none_fails_no_task(running: RoomTask, percent: Any) -> None:
    running.report_progress(percent, "x")


def test_a_database_that_fails_progress_spoils_no_transaction(
    running: RoomTask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(TaskState._meta, "db_table", "gone")
    with transaction.atomic():
        label = Label.objects.create(name="The task's work")
        running.report_progress(50)
        label.name = "and more of it"
        label.save()
    assert Label.objects.get().name == "and more of it"
    assert [getattr(record, "action", "") for record in caplog.records] == ["task_signal"]


def test_a_soft_time_limit_reaches_the_task(
    running: RoomTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(state, "record_progress", interrupted)
    with pytest.raises(SoftTimeLimitExceeded):
        running.report_progress(50)


# --- one clock


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("aware", [True, False])
def test_a_task_that_was_just_queued_or_started_is_not_lost(
    settings: Settings, zone: str, aware: bool
) -> None:
    settings.USE_TZ = aware
    settings.TIME_ZONE = zone
    settings.REALTIME = settings.REALTIME | {"TASK_LEASE": 60, "TASK_QUEUE_LIMIT": 60}
    try:
        for name in ("queued", "running"):
            state.mark_queued(task_id=name, task_type="count", room=project_room(1))
        state.mark_started("running")
        lease.sweep(QueueProbe())
        assert set(TaskState.objects.values_list("state", flat=True)) == {"queued", "running"}
        # And none that is overdue is kept.
        settings.REALTIME = settings.REALTIME | {"TASK_LEASE": -1, "TASK_QUEUE_LIMIT": -1}
        lease.sweep(QueueProbe())
        assert set(TaskState.objects.values_list("state", flat=True)) == {"failed"}
    finally:
        connections.close_all()


# --- ATOMIC_REQUESTS


def test_health_needs_no_transaction(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    for alias in connections:
        monkeypatch.setitem(connections[alias].settings_dict, "ATOMIC_REQUESTS", True)
        monkeypatch.setitem(connections.settings[alias], "ATOMIC_REQUESTS", True)
    with CaptureQueriesContext(connections["default"]) as captured:
        assert client.get("/health/live").status_code == 200
    assert not captured.captured_queries
    assert client.get("/health/ready").status_code == 200
    settings.DEBUG = True
    assert client.get("/metrics").status_code == 200


def test_the_rooms_of_a_host_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, Nameless)
    assert not ids()


class Nameless(ShoppingRoom):
    model = None
