"""Only an outage is tried again: each other error of a database is a fault, told with its code."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import Error, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from pytest_django import Settings

from realtime.db import threads
from realtime.db.outages import is_lost_conflict, is_outage
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.models import Room
from realtime.ops import health
from realtime.protocol.errors import ProtocolError
from realtime.rooms import Access, Outcome, Pending
from tests.boards.models import Board
from tests.harness.rooms import project as project_room
from tests.harness.rooms import serve
from tests.harness.shopping import make_list
from tests.harness.sockets import Socket
from tests.host.rooms import ShoppingRoom

pytestmark = pytest.mark.django_db(transaction=True)


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def twice() -> None:
    Room.objects.bulk_create([Room(kind="project", key="1"), Room(kind="project", key="1")])


def not_a_number() -> None:
    sql("SELECT CAST('x' AS bigint)" if is_postgres() else "SELECT abs('x', 1)")


FAULTS: list[Callable[[], object]] = [
    twice,  # IntegrityError
    not_a_number,  # DataError
    lambda: sql("SELECT 1 FROM no_such_table"),  # ProgrammingError; SQLite: OperationalError
    lambda: sql("SELECT FROM WHERE"),
    lambda: Room.objects.create(kind="project", key="1", seq=2**70),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_no_outage(fault: Callable[[], object]) -> None:
    with pytest.raises((Error, OverflowError)) as raised:
        fault()
    assert not is_outage(raised.value)
    assert not is_lost_conflict(raised.value)


@pytest.fixture
def plan_id() -> Iterator[str]:
    """A plan that somebody else has locked; to wait for it soon fails."""
    plan = Board.objects.create(title="Held")
    is_locked, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Board.objects.select_for_update().get(pk=plan.pk)
            is_locked.set()
            is_over.wait()
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    is_locked.wait()
    sql("SET lock_timeout = 10" if is_postgres() else "PRAGMA busy_timeout = 10")
    yield str(plan.pk)
    is_over.set()
    holder.join()
    connection.close()


def test_a_lock_that_is_not_to_be_had_is_one(plan_id: str) -> None:
    with pytest.raises(Error) as raised:
        Board.objects.filter(pk=plan_id).update(title="Mine")
    assert is_outage(raised.value)


def test_a_request_that_meets_one_is_told_to_come_back(
    plan_id: str, client: Client, settings: Settings
) -> None:
    client.raise_request_exception = False
    settings.ROOT_URLCONF = __name__
    answer = client.get(f"/waiting?id={plan_id}")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json().keys() == {"detail"}
    assert client.get("/faulty").status_code == 500, "a fault of ours is none"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_another_middleware_meets_is_told_too(
    plan_id: str, settings: Settings, when: str, *, is_async: bool
) -> None:
    """As the one of sessions, which saves one when the view has ended."""
    settings.MIDDLEWARE = [
        "realtime.middleware.UnavailableMiddleware",
        f"{__name__}.Stamps",
        f"{__name__}.Waits{when.title()}",
    ]
    settings.ROOT_URLCONF = __name__

    def ask(path: str) -> Any:
        if not is_async:
            return Client(raise_request_exception=False).get(path)
        get = AsyncClient(raise_request_exception=False).get
        return async_to_sync(get)(path)

    answer = ask(f"/fine?id={plan_id}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Stamp"], "what stands between may add to it"
    assert ask("/fine").status_code == 500, "a fault of ours is none"


class Stamps:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers["Stamp"] = "yes"
        return response


class WaitsBefore(Stamps):
    """Writes a row that is locked; without an id it makes a mistake."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.write(request)
        return self.get_response(request)

    def write(self, request: HttpRequest) -> None:
        waiting(request)


class WaitsAfter(WaitsBefore):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        self.write(request)
        return response


def fine(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


def faulty(_: HttpRequest) -> HttpResponse:
    sql("SELECT 1 FROM no_such_table")
    return HttpResponse()


def waiting(request: HttpRequest) -> HttpResponse:
    """Write a row that is locked."""
    sql("SET lock_timeout = 10" if is_postgres() else "PRAGMA busy_timeout = 10")
    Board.objects.filter(pk=request.GET["id"]).update(title="Mine")
    return HttpResponse()


urlpatterns = [path("faulty", faulty), path("fine", fine), path("waiting", waiting)]


@pytest.mark.parametrize("name", ["/", "/nowhere/db.sqlite3"])
def test_a_file_that_cannot_be_opened_is_one(name: str) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised, closing(sqlite3.connect(name)) as file:
        file.execute("SELECT 1 FROM sqlite_master")
    error = OperationalError()
    error.__cause__ = raised.value
    assert is_outage(error)


class Breaks(ShoppingRoom):
    """Has a host's mistakes, one for each thing that clients may ask."""

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        for each in pending.values():
            for update in each.updates:
                if "fault" in update.data:
                    FAULTS[update.data["fault"]]()
        return super().update(pending)

    def access(self, *places: Any) -> dict[tuple[int, int], Access]:
        if Breaks.is_broken:
            FAULTS[2]()
        return super().access(*places)

    is_broken = False


@pytest.mark.usefixtures("shopping")
async def test_a_faulty_query_of_the_host_is_not_sent_again_and_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, Breaks)
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    alice, bob = [await Socket.connect(token) for token in tokens]
    for socket in (alice, bob):
        await socket.join(list_id)
    for number in range(len(FAULTS)):
        broken, fine = await asyncio.gather(
            alice.update(list_id, {"fault": number}), bob.update(list_id, {"milk": number + 1})
        )
        assert broken["payload"]["code"] == "INTERNAL_ERROR"
        assert "retry_after" not in broken["payload"]
        assert fine["type"] == "ack", "of the same transaction, but for the fault"
    faults = [r for r in caplog.records if getattr(r, "action", "") == "internal_error"]
    assert len(faults) == len(FAULTS)
    assert all(record.levelno == logging.ERROR and record.exc_info for record in faults)
    monkeypatch.setattr(Breaks, "is_broken", True)
    refused = await alice.call("join_project", {"project_id": list_id})
    assert refused["payload"]["code"] == "INTERNAL_ERROR"
    for socket in (alice, bob):
        await socket.disconnect()


@pytest.mark.postgres
async def test_of_a_deadlock_both_are_done() -> None:
    await threads.run(Room.objects.bulk_create, [Room(pk=key, key=str(key)) for key in (1, 2)])
    met = threading.Barrier(2)
    attempts: list[int] = []

    def lock_both(first: int, second: int) -> None:
        attempts.append(first)
        with transaction.atomic():
            Room.objects.select_for_update().get(pk=first)
            if len(attempts) <= 2:
                met.wait()
            Room.objects.filter(pk=second).update(seq=first)

    await asyncio.gather(threads.write(lock_both, 1, 2), threads.write(lock_both, 2, 1))
    assert len(attempts) == 3, "one of them twice"


@pytest.mark.postgres
async def test_a_connection_that_the_server_has_closed_costs_no_job() -> None:
    def others() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            [count] = cursor.fetchone()
        return int(count)

    for _ in range(3):
        reads = [threads.run(Room.objects.count) for _ in range(20)]
        writes = [threads.write(Room.objects.count) for _ in range(20)]
        assert await asyncio.gather(*reads, *writes) == [0] * 40
        assert await threads.run(others) > 0
    # Its connections are gone, too: it would wait to make new ones.
    connection.close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend


@pytest.mark.postgres
async def test_a_thread_without_work_gives_up_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host's tests end with DROP DATABASE, which needs to be alone."""
    monkeypatch.setattr(threads, "KEPT", 0.05)

    def own() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [pid] = cursor.fetchone()
        return int(pid)

    def alive(pids: set[int]) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity")
            return not pids.isdisjoint(pid for (pid,) in cursor)

    pids = set(await asyncio.gather(*(threads.run(own) for _ in range(20))))
    async with asyncio.timeout(30):
        while await asyncio.to_thread(alive, pids):
            await asyncio.sleep(0.05)


async def test_http_takes_no_connection_from_the_rooms() -> None:
    """Requests that hold all connections of Django's pool, and more that wait for one."""
    count = 20
    started, release = threading.Semaphore(0), threading.Event()

    def request() -> None:
        started.release()
        try:
            connection.ensure_connection()
            release.wait()
        except OperationalError:  # the pool's, in the end
            pass
        finally:
            connection.close()

    requests = [threading.Thread(target=request) for _ in range(count)]
    for thread in requests:
        thread.start()
        await asyncio.to_thread(started.acquire)
    try:
        async with asyncio.timeout(4):
            assert not await threads.run(Room.objects.exists)
            [result] = await threads.write(updates.write, project_room(1), [UpdateRequest(1, {})])
            assert isinstance(result, ProtocolError)
            assert (await health.look())["database"] == "ok"
    finally:
        release.set()
        for thread in requests:
            await asyncio.to_thread(thread.join)
