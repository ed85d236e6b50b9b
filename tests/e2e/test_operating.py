"""What operators ask of running servers: health and metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness import rest
from tests.harness.database import temporary_database
from tests.harness.servers import Daphne
from tests.harness.stack import Stack, run_manage, server_environment
from tests.harness.valkey import Valkey

RECOVERS_WITHIN = 15.0


class Ground:
    """A server whose Valkey a test may kill."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self.valkey = Valkey(directory)
        self.valkey.start()
        environment = server_environment(directory, database_url, self.valkey.url)
        self.web = Daphne(environment=environment, directory=directory)

    def get(self, path: str) -> tuple[int, str]:
        return rest.get(self.web.url + path)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with temporary_database(tmp_path) as database_url:
        ground = Ground(tmp_path, database_url)
        run_manage(ground.web.environment, "migrate", "--noinput", "--verbosity=0")
        ground.web.start()
        yield ground
        ground.web.stop()
        ground.valkey.stop()


def test_ready_names_a_redis_that_is_away_until_it_is_back(ground: Ground) -> None:
    healthy = '{"database": "ok", "redis": "ok"}'
    assert ground.get("/health/ready") == (HTTPStatus.OK, healthy)
    ground.valkey.kill()
    without = '{"database": "ok", "redis": "unreachable"}'
    assert ground.get("/health/ready") == (HTTPStatus.SERVICE_UNAVAILABLE, without)
    assert ground.get("/health/live") == (HTTPStatus.OK, "ok\n")

    ground.valkey.start()
    deadline = time.monotonic() + RECOVERS_WITHIN
    while (answer := ground.get("/health/ready"))[0] != HTTPStatus.OK:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def test_ready_names_a_redis_that_hangs(ground: Ground) -> None:
    ground.valkey.pause()
    without = '{"database": "ok", "redis": "unreachable"}'
    assert ground.get("/health/ready") == (HTTPStatus.SERVICE_UNAVAILABLE, without)
    ground.valkey.resume()


def test_ready_names_a_database_that_is_away(stack: Stack, tmp_path: Path) -> None:
    away = {"DATABASE_URL": f"sqlite:///{tmp_path}/no/such/directory/db.sqlite3"}
    web = Daphne(environment=stack.environment | away, directory=tmp_path)
    web.start()
    try:
        status, body = rest.get(f"{web.url}/health/ready")
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        assert body == '{"database": "unreachable", "redis": "ok"}'
        assert rest.get(f"{web.url}/health/live")[0] == HTTPStatus.OK
    finally:
        web.stop()


def figures(stack: Stack) -> dict[str, float]:
    """Return the metrics of the running server: name, labels in brackets → value."""
    _, text = rest.get(f"{stack.web.url}/metrics")
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_metrics_count_what_happens(stack: Stack, project_id: int) -> None:
    before = figures(stack)

    async def grown(name: str, by: float) -> None:
        async with asyncio.timeout(10):
            while figures(stack)[name] != before.get(name, 0) + by:
                await asyncio.sleep(0.05)

    async with await stack.connect("alice") as alice, await stack.connect("bob") as bob:
        await alice.join(project_id)
        await bob.join(project_id)
        await alice.expect("user_joined")
        await grown("realtime_sockets", 2)
        await grown("realtime_rooms", 1)
        await grown("realtime_commands_total[join_project]", 2)
        delivered = figures(stack)["realtime_deliveries_total"]
        update: dict[str, Any] = {"project_id": project_id, "data": {"title": "Counted"}}
        await alice.send("update_project", update)
        await bob.expect("project_updated")
        await grown("realtime_update_seconds_count", 1)
        await grown("realtime_batch_size_bucket[1.0]", 1)
        assert figures(stack)["realtime_deliveries_total"] == delivered + 2
        await alice.send("no_such_type")
        await grown("realtime_errors_total[UNKNOWN_TYPE]", 1)
    await grown("realtime_sockets", 0)
    await grown("realtime_rooms", 0)


def test_the_metrics_are_not_public(stack: Stack, tmp_path: Path) -> None:
    production = {"DEBUG": "0", "SECRET_KEY": "x" * 50, "ALLOWED_HOSTS": "127.0.0.1"}
    environment = stack.environment | production | {"METRICS_TOKEN": "of-prometheus"}
    web = Daphne(environment=environment, directory=tmp_path)
    web.start()
    try:
        assert rest.get(f"{web.url}/metrics")[0] == HTTPStatus.NOT_FOUND
        status, text = rest.get(f"{web.url}/metrics", token="of-prometheus")
        assert status == HTTPStatus.OK
        assert "realtime_sockets 0.0" in text
        # Probes come by plain HTTP, to a site that sends browsers to HTTPS.
        assert rest.get(f"{web.url}/health/ready")[0] == HTTPStatus.OK
    finally:
        web.stop()
