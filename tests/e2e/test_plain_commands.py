"""What a Django developer types, with nothing set: migrate, then one server process alone.

No worker, no Redis, no demo: the server starts the embedded Valkey itself, and serves the contract.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.development import valkey
from tests.harness import rest
from tests.harness.client import Client
from tests.harness.process import ROOT
from tests.harness.servers import Daphne, Runserver, WebServer
from tests.harness.shape import assert_like_example
from tests.harness.stack import run_manage

UNSET = (
    *("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "DEBUG", "SIGN_IN_RATE"),
    *("SECRET_KEY", "ALLOWED_HOSTS", "ALLOWED_ORIGINS"),
)
PASSWORD = "of-this-test"
MAKE_USERS = f"""
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from django.contrib.auth.models import User
for name in ("ann", "ben"):
    User.objects.create_user(name, password={PASSWORD!r})
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A fresh machine's, with a database that has two users and nothing else."""
    var_dir = tmp_path_factory.mktemp("var")
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment["VAR_DIR"] = str(var_dir)
    run_manage(environment, "migrate")
    subprocess.run([sys.executable, "-c", MAKE_USERS], cwd=ROOT, env=environment, check=True)
    yield environment
    assert valkey.stop_if_unused(var_dir)


@pytest.fixture(params=[Daphne, Runserver], ids=lambda kind: kind.name)
def web(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path
) -> Iterator[WebServer]:
    server: WebServer = request.param(environment=environment, directory=tmp_path)
    server.start()
    yield server
    server.stop()


async def test_one_process_serves_the_contract(web: WebServer) -> None:
    ann_token, ben_token = (
        rest.call("POST", f"{web.url}/api/token/", {"username": name, "password": PASSWORD})[
            "access"
        ]
        for name in ("ann", "ben")
    )
    projects = f"{web.url}/api/projects/"
    project_id = rest.call("POST", projects, {"title": "Plain"}, token=ann_token)["id"]
    member = {"username": "ben", "role": "editor"}
    rest.call("POST", f"{projects}{project_id}/members/", member, token=ann_token)

    async with (
        await Client.connect(web.websocket_url, ann_token) as ann,
        await Client.connect(web.websocket_url, ben_token) as ben,
    ):
        assert_like_example(await ann.join(project_id))
        joined = await ben.join(project_id)
        assert await ann.expect("user_joined") == joined

        changes = {"title": "Plainer"}
        await ben.send("update_project", {"project_id": project_id, "data": changes})
        updated = await ann.expect("project_updated")
        assert_like_example(updated, added=["seq"])
        assert updated["payload"]["changes"] == changes
        assert await ben.expect("project_updated") == updated

        await ben.send("leave_project", {"project_id": project_id})
        left = await ann.expect("user_left")
        assert_like_example(left)
        assert left["payload"]["user_id"] == joined["payload"]["user_id"]
