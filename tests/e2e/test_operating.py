"""What operators ask of running servers: health and metrics."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.database import temporary_database
from tests.harness.servers import Daphne, Uvicorn, WebServer
from tests.harness.stack import Stack, run_manage, server_environment
from tests.harness.valkey import Valkey

RECOVERS_WITHIN = 15.0


class Ground:
    """A server whose Valkey a test may kill."""

    def __init__(self, kind: type[WebServer], directory: Path, database_url: str) -> None:
        self.valkey = Valkey(directory)
        self.valkey.start()
        environment = server_environment(directory, database_url, self.valkey.url)
        self.web = kind(environment=environment, directory=directory)

    def get(self, path: str) -> tuple[int, str]:
        return rest.get(self.web.url + path)

    def wait_until(self, answer: tuple[int, str]) -> None:
        wait_until_ready_is(self.web, answer)


def wait_until_ready_is(web: WebServer, answer: tuple[int, str]) -> None:
    deadline = time.monotonic() + RECOVERS_WITHIN
    while (found := rest.get(f"{web.url}/health/ready")) != answer:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def states(**other: str) -> str:
    """Return what /health/ready says, where all but some parts are well."""
    well = dict.fromkeys(("process", "database", "redis", "channel_layer"), "ok")
    return json.dumps(well | other)


READY = (HTTPStatus.OK, states())
WITHOUT_REDIS = (
    HTTPStatus.SERVICE_UNAVAILABLE,
    states(redis="unreachable", channel_layer="unreachable"),
)


@pytest.fixture(params=[Daphne, Uvicorn])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with temporary_database(tmp_path) as database_url:
        ground = Ground(request.param, tmp_path, database_url)
        run_manage(ground.web.environment, "migrate", "--noinput", "--verbosity=0")
        ground.web.start()
        yield ground
        ground.web.stop()
        ground.valkey.stop()


def test_34_ready_names_a_redis_that_is_away_until_it_is_back(ground: Ground) -> None:
    ground.wait_until(READY)
    ground.valkey.kill()
    assert ground.get("/health/ready") == WITHOUT_REDIS
    assert ground.get("/health/live") == (HTTPStatus.OK, "ok\n")
    ground.valkey.start()
    ground.wait_until(READY)

    ground.valkey.pause()
    assert ground.get("/health/ready") == WITHOUT_REDIS
    ground.valkey.resume()
    ground.wait_until(READY)


def test_ready_names_a_database_that_is_away_until_it_is_there(
    stack: Stack, tmp_path: Path
) -> None:
    directory = tmp_path / "not" / "yet"
    environment = stack.environment | {"DATABASE_URL": f"sqlite:///{directory}/db.sqlite3"}
    web = Daphne(environment=environment, directory=tmp_path)
    web.start()
    try:
        without = (HTTPStatus.SERVICE_UNAVAILABLE, states(database="unreachable"))
        assert rest.get(f"{web.url}/health/ready") == without
        assert rest.get(f"{web.url}/health/live")[0] == HTTPStatus.OK
        directory.mkdir(parents=True)
        run_manage(environment, "migrate", "--noinput", "--verbosity=0")
        wait_until_ready_is(web, READY)
    finally:
        web.stop()


def figures(web: WebServer) -> dict[str, float]:
    """Return the metrics of a running server: name, labels in brackets → value."""
    _, text = rest.get(f"{web.url}/metrics")
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("kind", [Daphne, Uvicorn])
async def test_the_metrics_count_what_happens(
    stack: Stack, second: WebServer, project_id: int, kind: type[WebServer]
) -> None:
    web = stack.web if isinstance(stack.web, kind) else second
    before = figures(web)

    async def grown(name: str, by: float) -> None:
        async with asyncio.timeout(30):
            while figures(web)[name] != before[name] + by:
                await asyncio.sleep(0.05)

    async with (
        await stack.connect("alice", web) as alice,
        await stack.connect("bob", web) as bob,
    ):
        await alice.join(project_id)
        await bob.join(project_id)
        await alice.expect("user_joined")
        await grown("realtime_sockets", 2)
        await grown("realtime_rooms", 1)
        await grown("realtime_joined_sockets", 2)
        await grown("realtime_subscriptions", 2)
        await grown("realtime_connections_total", 2)
        await grown("realtime_commands_total[join_project]", 2)
        await grown("realtime_join_seconds_count", 2)
        delivered = figures(web)["realtime_deliveries_total"]
        update: dict[str, Any] = {"project_id": project_id, "data": {"title": "Counted"}}
        await alice.send("update_project", update)
        await bob.expect("project_updated")
        await grown("realtime_update_seconds_count", 1)
        await grown("realtime_write_seconds_count", 1)
        await grown("realtime_batch_size_bucket[1.0]", 1)
        assert figures(web)["realtime_deliveries_total"] == delivered + 2
        await alice.send("no_such_type")
        await grown("realtime_errors_total[UNKNOWN_TYPE]", 1)
    await grown("realtime_sockets", 0)
    await grown("realtime_rooms", 0)
    await grown("realtime_closes_total[client]", 2)

    refused = await Client.connect(web.websocket_url, "nonsense")
    await refused.expect("error")
    assert await refused.expect_close() == 4101
    await grown("realtime_closes_total[4101]", 1)
    await grown("realtime_errors_total[TOKEN_INVALID]", 1)
    await grown("realtime_connections_total", 3)


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
