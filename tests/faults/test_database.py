"""A database that is restarted, or locked, in the middle of a stream of updates."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.conftest import SETTINGS, Connect, Duo
from tests.harness import rest
from tests.harness.client import Client
from tests.harness.load import check_exact
from tests.harness.postgres import Postgres, running_postgres
from tests.harness.servers import Daphne
from tests.harness.stack import Stack, running_stack


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, named by DATABASE_URL."""
    with running_postgres() as server:
        monkeypatch.setenv("DATABASE_URL", server.url)
        yield server


@pytest.mark.database
@pytest.mark.postgres
async def test_postgres_crashes_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    with running_stack(tmp_path, SETTINGS) as stack:
        second = Daphne(environment=stack.environment, directory=tmp_path)
        second.start()
        duo = Duo(stack, second)
        project_id = stack.new_project()
        crowd = duo.crowd(project_id)
        try:
            async with crowd.present():
                for person in crowd.people[:4]:
                    crowd.write_on(person, pause=0.02)
                await crowd.makes_progress()
                for _ in range(2):
                    await asyncio.to_thread(postgres.crash_and_restart)
                    await crowd.makes_progress(timeout=40)
                await crowd.finish()
                log = await asyncio.to_thread(duo.log, project_id)
                await asyncio.gather(*(person.reaches(len(log), 5) for person in crowd.people))
                check_exact(crowd, log)
        finally:
            second.stop()


@pytest.mark.database
@pytest.mark.postgres
async def test_requests_that_wait_for_the_database_hold_up_no_room(
    postgres: Postgres, tmp_path: Path
) -> None:
    """More requests than Django's pool has connections wait for a lock, each with one."""
    with running_stack(tmp_path, SETTINGS) as stack:
        held_id, project_id = stack.new_project(), stack.new_project()
        alice, bob = await stack.connect("alice"), await stack.connect("bob")
        for person in (alice, bob):
            await person.join(project_id)
        stack.token("carol")
        with psycopg.connect(stack.environment["DATABASE_URL"]) as lock:
            lock.execute("SELECT FROM projects_project WHERE id = %s FOR UPDATE", [held_id])
            many = ThreadPoolExecutor(30)
            requests = [many.submit(rename, stack, held_id) for _ in range(30)]
            with psycopg.connect(stack.environment["DATABASE_URL"], autocommit=True) as watch:
                async with asyncio.timeout(30):
                    while waiting(watch) < 5:
                        await asyncio.sleep(0.05)
                watch.execute("UPDATE auth_user SET is_active = false WHERE username = 'bob'")
            await update(alice, project_id)
            assert (await alice.wait_for("ack"))["ref"] == project_id
            error = await bob.wait_for("error")
            assert error["payload"]["code"] == "USER_INACTIVE"
            carol = await stack.connect("carol")
            await carol.join(project_id)
            assert waiting(lock) >= 5, "they have waited all the time"
        for request in requests:
            assert await asyncio.wrap_future(request) in (200, 503)


def rename(stack: Stack, project_id: int) -> int:
    try:
        stack.api("PATCH", f"projects/{project_id}/", {"title": "Held"})
    except rest.Refused as refused:
        return refused.status
    return 200


def waiting(connection: psycopg.Connection[Any]) -> int:
    """Return how many connections wait for a lock."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.database
@pytest.mark.postgres
async def test_a_restarted_postgres_fails_no_read(postgres: Postgres, tmp_path: Path) -> None:
    """503 with Retry-After while it is away, and nothing worse; the rooms go on at once."""
    with running_stack(tmp_path, SETTINGS) as stack:
        project_id = stack.new_project()
        url, token = f"{stack.web.url}/api/projects/{project_id}/", stack.token("alice")
        answers: list[tuple[int, str | None]] = []

        def read_on(is_over: threading.Event) -> None:
            while not is_over.is_set():
                answers.append(rest.status(url, token))

        is_over = threading.Event()
        with ThreadPoolExecutor(4) as readers:
            reading = [readers.submit(read_on, is_over) for _ in range(4)]
            try:
                for _ in range(2):
                    await asyncio.to_thread(postgres.crash_and_restart)
                    async with asyncio.timeout(40):
                        seen = len(answers)
                        while (200, None) not in answers[seen:]:
                            await asyncio.sleep(0.05)
            finally:
                is_over.set()
        for reader in reading:
            reader.result()
        assert set(answers) <= {(200, None), (503, "1")}
        # Idle connections, in the pool and of the rooms, that end while nobody looks.
        await asyncio.to_thread(postgres.restart)
        # The pool pauses for longer after each that it finds closed; then a request is told 503.
        after = [rest.status(url, token) for _ in range(20)]
        assert set(after) <= {(200, None), (503, "1")}
        assert after[-10:] == [(200, None)] * 10
        alice = await stack.connect("alice")
        await alice.join(project_id)
        await update(alice, project_id)
        assert (await alice.wait_for("ack"))["ref"] == project_id


LOCKED = 10.0
"""Seconds that another process holds the write lock."""


async def test_sqlite_is_locked(duo: Duo, connect: Connect) -> None:
    """Writers wait, in as many projects as there are threads; who only reads does not."""
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("is about SQLite")
    project_ids = [duo.stack.new_project() for _ in range(6)]
    alice = await connect("alice")
    duo.stack.token("carol")  # to sign in is to write
    for project_id in project_ids:
        await alice.join(project_id)
    with closing(sqlite3.connect(duo.stack.directory / "db.sqlite3", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        is_over = asyncio.create_task(asyncio.sleep(LOCKED))
        for project_id in project_ids:
            await update(alice, project_id)
        carol = await connect("carol")
        await carol.join(project_ids[0])
        assert not is_over.done(), "carol joined while it was locked"
        await is_over
        assert [m["type"] for m in await alice.drain()] == ["user_joined"], "hers"
        lock.execute("ROLLBACK")

    acknowledged: set[int] = set()
    while len(acknowledged) < len(project_ids):
        message = await alice.receive()
        if message.get("ref") in project_ids:
            if message["type"] == "ack":
                assert message["payload"]["seq"] == 3, "behind two new members"
                acknowledged.add(message["ref"])
            else:
                assert message["payload"]["code"] == "UNAVAILABLE"
                assert message["payload"]["retry_after"] > 0
                await update(alice, message["ref"])
    assert [event["seq"] for event in duo.log(project_ids[0])] == [1, 2, 3]
    updated = await carol.wait_for("project_updated")
    assert updated["payload"]["changes"] == {"title": "Patient"}


async def update(client: Client, project_id: int) -> None:
    await client.send(
        "update_project",
        {"project_id": project_id, "data": {"title": "Patient"}},
        ref=project_id,
        idempotency_key="once",
    )
