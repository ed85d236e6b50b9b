"""A whole system: Valkey, a migrated database with the demo data, Daphne and a worker."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.database import temporary_database
from tests.harness.process import run_python
from tests.harness.servers import Daphne, WebServer, Worker
from tests.harness.valkey import Valkey

DEMO_PASSWORD = "realtime"
DEMO_PROJECT = 1

FRONT_END = "http://front.example:3000"
"""The origin of pages elsewhere that may use a stack."""

TOKEN_AGE = 60.0
"""Seconds; the access tokens of the demo live longer."""


@dataclass
class Stack:
    """Running servers that share one database and one Valkey."""

    directory: Path
    valkey: Valkey
    environment: dict[str, str]
    """What one more server of this stack needs."""
    web: WebServer
    worker: Worker
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def token(self, username: str) -> str:
        """Return an access token of a demo user, at most a minute old."""
        token, fetched_at = self._tokens.get(username, ("", -inf))
        if time.monotonic() - fetched_at > TOKEN_AGE:
            credentials = {"username": username, "password": DEMO_PASSWORD}
            token = rest.call("POST", f"{self.web.url}/api/token/", credentials)["access"]
            self._tokens[username] = token, time.monotonic()
        return token

    def api(self, method: str, path: str, data: Any = None, *, user: str = "alice") -> Any:
        """Call `/api/<path>` as a demo user; raises `rest.Refused`."""
        return rest.call(method, f"{self.web.url}/api/{path}", data, token=self.token(user))

    def new_project(self) -> int:
        """Create a project of alice's, which bob edits and carol views, and return its id."""
        project_id: int = self.api("POST", "projects/", {"title": "A test's own"})["id"]
        for username, role in (("bob", "editor"), ("carol", "viewer")):
            member = {"username": username, "role": role}
            self.api("POST", f"projects/{project_id}/members/", member)
        return project_id

    def demo_canvas(self) -> int:
        """Return the id of a photograph of the demo project."""
        canvas_id: int = self.api("GET", f"projects/{DEMO_PROJECT}/canvases/")[0]["id"]
        return canvas_id

    async def connect(self, username: str, web: WebServer | None = None) -> Client:
        """Connect a demo user, to this stack's server or to another one."""
        return await Client.connect((web or self.web).websocket_url, self.token(username))

    def manage(self, *arguments: str) -> str:
        """Run a management command and return what it printed."""
        return run_manage(self.environment, *arguments)


def run_manage(environment: dict[str, str], *arguments: str) -> str:
    return run_python(environment, "manage.py", *arguments)


def server_environment(directory: Path, database_url: str, redis_url: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "1",
        "VAR_DIR": str(directory),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ALLOWED_ORIGINS": FRONT_END,
        "SIGN_IN_RATE": "10000/min",
    }


@contextmanager
def running_stack(
    directory: Path, variables: Mapping[str, str] | None = None, *, copies: Path | None = None
) -> Iterator[Stack]:
    """Run a stack in an empty directory; nothing of it is left running.

    Args:
        variables: put into the environment of its servers.
        copies: where stacks keep their first database and uploads, to be copied by the next.
    """
    with ExitStack() as clean_up:
        valkey = Valkey(directory)
        clean_up.callback(valkey.stop)
        valkey.start()
        database_url = clean_up.enter_context(temporary_database(directory))
        environment = server_environment(directory, database_url, valkey.url) | dict(
            variables or {}
        )
        if copies is None or database_url.startswith("postgres"):
            _fill(environment)
        else:
            _fill_once(environment, directory, copies / "demo")
        web = Daphne(environment=environment, directory=directory)
        worker = Worker(environment=environment, directory=directory)
        for server in (web, worker):
            clean_up.callback(server.stop)
            server.start()
        yield Stack(directory, valkey, environment, web, worker)


def _fill(environment: dict[str, str]) -> None:
    run_manage(environment, "migrate", "--noinput", "--verbosity=0")
    run_manage(environment, "demo_data")


def _fill_once(environment: dict[str, str], directory: Path, kept: Path) -> None:
    """Fill a SQLite database, or copy what another process of this run has filled."""
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _fill(environment)
            unfinished = kept.with_suffix(".unfinished")  # nobody copies half of it
            unfinished.mkdir()
            shutil.copy(directory / "db.sqlite3", unfinished)
            shutil.copytree(directory / "media", unfinished / "media")
            unfinished.rename(kept)
            return
    shutil.copytree(kept, directory, dirs_exist_ok=True)
