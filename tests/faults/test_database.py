"""A database that is restarted, or locked, in the middle of a stream of updates."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import SETTINGS, Connect, Duo
from tests.harness.client import Client
from tests.harness.load import check_exact
from tests.harness.postgres import Postgres, running_postgres
from tests.harness.servers import Daphne
from tests.harness.stack import running_stack


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, named by DATABASE_URL."""
    with running_postgres() as server:
        monkeypatch.setenv("DATABASE_URL", server.url)
        yield server


@pytest.mark.database
@pytest.mark.postgres
async def test_postgres_crashes_and_comes_back(postgres: Postgres, tmp_path: Path) -> None:
    with running_stack(tmp_path, **SETTINGS) as stack:
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
