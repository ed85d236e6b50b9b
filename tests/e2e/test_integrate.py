"""docs/contract.md, followed to the letter in an empty directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from realtime.client import Realtime, Refused
from tests.harness import guide, rest
from tests.harness.absent import ABSENT
from tests.harness.admin import Admin
from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.process import ROOT, ServerProcess
from tests.harness.valkey import Valkey
from tests.harness.wheel import write

INSTALL = re.compile(r'^    pip install "(?P<package>.*)"$', re.MULTILINE)
SETUP = """
from django.contrib.auth.models import User
from boards.models import Board
alice = User.objects.create_superuser("alice", password="realtime")
bob = User.objects.create_user("bob", password="realtime")
User.objects.create_user("dave", password="realtime")
board = Board.objects.create(title="Plans", text="one two\\nthree")
board.people.set([alice, bob])
"""
COMMAND = """…
    @rooms.command
    def retitle(self, board, user_id, payload: "Retitle"):
        return Updated(services.edit(board, user_id, {"title": payload.title}))


import msgspec


class Retitle(msgspec.Struct):
    title: str
"""
"""What a host adds to the page's `rooms.py`: section 5 points to the page that has it."""


def with_what_they_need(requirements: list[str]) -> set[str]:
    """Return the names of distributions, and of all that they need in turn."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(text) for text in [*requirements, *project["dependencies"]]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == project["name"]:
            given = project["optional-dependencies"]
            waiting += [Requirement(text) for extra in requirement.extras for text in given[extra]]
            continue
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = map(Requirement, distribution(name).requires or ())
            waiting += [
                need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})
            ]
    return found


def not_installed(page: str) -> list[str]:
    """Return the modules that are here, but not with what the page has one install."""
    install = INSTALL.search(page)
    assert install
    installed = with_what_they_need([install["package"]])
    return [
        module
        for module, distributions in packages_distributions().items()
        if not installed & {canonicalize_name(name) for name in distributions}
    ]


class Site:
    """A new Django project, with the page's files in it and the page's packages alone."""

    def __init__(self, directory: Path, redis_url: str) -> None:
        self.directory = directory
        page = guide.page("docs/contract.md")
        packages = directory / "packages"
        packages.mkdir()
        (packages / "sitecustomize.py").write_text(ABSENT % json.dumps(not_installed(page)))
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTHONPATH"}
        } | {"REDIS_URL": redis_url, "PYTHONPATH": str(packages)}
        django = ("-m", "django")
        self.run(*django, "startproject", "mysite", ".")
        self.run(*django, "startapp", "boards")
        shutil.copytree(
            ROOT / "realtime", directory / "realtime", ignore=shutil.ignore_patterns("__pycache__")
        )
        write(directory, guide.files(page))
        write(directory, {"boards/rooms.py": COMMAND})
        self.run("manage.py", "makemigrations", "boards")
        self.run("manage.py", "migrate", "--verbosity=0")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Program(ServerProcess):
    def __init__(self, site: Site, ready: str, *arguments: str) -> None:
        self.ready = ready
        super().__init__(
            *arguments,
            environment=site.environment,
            log_path=site.directory / f"{arguments[1]}.log",
            cwd=site.directory,
        )

    def is_ready(self) -> bool:
        return self.ready in self.log


@pytest.fixture
def site(tmp_path: Path, valkey: Valkey) -> Site:
    return Site(tmp_path, valkey.url)


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    number = free_port()
    daphne = ("-m", "daphne", "-p", str(number), "mysite.asgi:application")
    web = Program(site, "Listening on TCP", *daphne)
    worker = Program(site, " ready.", "-m", "celery", "-A", "mysite", "worker", "--loglevel=INFO")
    web.start()
    worker.start()
    yield number
    for program in (web, worker):
        program.stop()
    assert "Traceback" not in web.log


async def send_command(url: str, token: str) -> dict[str, Any]:
    """Send a command of the host's by the Python client; return what it changed."""
    async with Realtime(url, token=token, proxy=None) as program:
        room = await program.join("board", 1)
        with pytest.raises(Refused):
            await room.command("retitle", {"title": 7})
        ack = await room.command("retitle", {"title": "By a command"})
    assert ack.changes == {"title": "By a command"}
    return ack.changes


async def test_the_page_is_true(site: Site, port: int) -> None:
    assert "no issues" in site.run("manage.py", "check")
    assert "Channel layer: a message came back" in site.run("manage.py", "realtime_check")
    site.run("manage.py", "test", "boards")
    site.run("manage.py", "shell", "-c", SETUP)
    tokens = {
        name: rest.call(
            "POST",
            f"http://127.0.0.1:{port}/api/token/",
            {"username": name, "password": "realtime"},
        )["access"]
        for name in ("alice", "bob", "dave")
    }
    url = f"ws://127.0.0.1:{port}/ws/"
    alice = await Client.connect(url, tokens["alice"])
    bob = await Client.connect(url, tokens["bob"])
    dave = await Client.connect(url, tokens["dave"])
    async with alice, bob, dave:
        await alice.join(1, kind="board")
        await bob.join(1, kind="board")
        await alice.expect("user_joined")
        await dave.send("join_board", {"board_id": 1})
        assert (await dave.expect("error"))["payload"]["code"] == "BOARD_NOT_FOUND"

        await bob.send("update_board", {"board_id": 1, "data": {"title": "By bob"}})
        updated = await alice.expect("board_updated")
        assert updated["payload"]["changes"] == {"title": "By bob"}
        await bob.expect("board_updated")
        await bob.send("update_board", {"board_id": 1, "data": {"title": ""}})
        error = await bob.expect("error")
        assert error["payload"]["details"] == {"title": ["Give a text."]}

        admin = Admin(f"http://127.0.0.1:{port}")
        assert rest.get(f"http://127.0.0.1:{port}/live-token/")[0] == HTTPStatus.UNAUTHORIZED
        with admin.opener.open(f"http://127.0.0.1:{port}/live-token/") as answer:
            token = json.load(answer)["access"]
        async with await Client.connect(url, token) as page_of_alice:
            await page_of_alice.join(1, kind="board")

        page = admin.submit("/boards/board/1/change/", title="By the admin", text="one two\nthree")
        assert "was changed successfully" in page
        changes = (await bob.expect("board_updated"))["payload"]["changes"]
        assert changes == {"title": "By the admin"}
        page = admin.page("/boards/board/1/change/")
        assert re.search(r"<li>alice.*<li>bob", page, re.DOTALL), "who is online"
        assert re.search(r"By bob</td>\s*<td>By the admin", page), "from what to what"

        changes = await send_command(url, tokens["alice"])
        assert (await bob.expect("board_updated"))["payload"]["changes"] == changes

        count = "from boards.tasks import count_words; count_words.delay(board_id=1)"
        site.run("manage.py", "shell", "-c", count)
        completed = await bob.wait_for("task_completed")
        assert completed["board_id"] == 1
        assert completed["payload"]["task_type"] == "count_words"
        assert completed["payload"]["result"] == {"words": 3}

        remove = (
            "from django.contrib.auth.models import User; from boards.members import remove_person;"
            "remove_person(actor=User.objects.get(username='alice'), board_id=1,"
            " user_id=User.objects.get(username='bob').pk)"
        )
        site.run("manage.py", "shell", "-c", remove)
        assert (await bob.wait_for("access_revoked"))["payload"] == {"board_id": 1}
