"""The built wheel alone, in a bare virtual environment: a new site, sessions, two processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import guide
from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.process import ServerProcess
from tests.harness.valkey import Valkey
from tests.harness.wheel import Site, install, requirements

SERVER = ["uvicorn==0.54.0", "websockets==17.4"]
FILES = {"boards/models.py", "boards/services.py", "boards/rooms.py", "boards/tests.py"}
"""Files of the guide that need no extra."""
SETTINGS = """
INSTALLED_APPS += ["boards"]

import realtime.settings

realtime.settings.install(globals())
"""
ASGI = """
import os

from realtime.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_asgi_application()
"""
SIGN_IN = """
from boards.models import Board
from django.contrib.auth.models import User
from django.test import Client
board = Board.objects.create(title="Plans")
for name in ("alice", "bob"):
    user = User.objects.create_user(name)
    board.people.add(user)
    client = Client()
    client.force_login(user)
    print("session", client.cookies["sessionid"].value)
"""
SIGN_OUT = """
from django.test import Client
client = Client()
client.cookies["sessionid"] = {key!r}
client.logout()
"""
ABSENT = ["celery", "rest_framework", "rest_framework_simplejwt", "prometheus_client", "twisted"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("wheel"))


class Server(ServerProcess):
    def __init__(self, site: Site) -> None:
        self.port = free_port()
        super().__init__(
            *("-m", "uvicorn", "--port", str(self.port), "mysite.asgi:application"),
            environment=site.environment,
            log_path=site.directory / f"{self.port}.log",
            cwd=site.directory,
        )
        self.python = str(site.python)

    def is_ready(self) -> bool:
        return "Uvicorn running" in self.log


@pytest.fixture
def site(wheel: Path, tmp_path: Path, valkey: Valkey) -> Site:
    """A site with one model of the guide's."""
    site = Site(tmp_path, wheel, [*requirements(), *SERVER], REDIS_URL=valkey.url)
    site.run("-m", "django", "startapp", "boards")
    files = guide.files(guide.page("docs/contract.md"))
    site.write({path: files[path] for path in FILES})
    site.write({"mysite/settings.py": f"…{SETTINGS}", "mysite/asgi.py": ASGI})
    return site


@pytest.fixture
def servers(site: Site) -> Iterator[list[Server]]:
    site.run("manage.py", "makemigrations", "boards")
    site.run("manage.py", "migrate", "--verbosity=0")
    started = [Server(site) for _ in range(2)]
    for server in started:
        server.start()
    yield started
    for server in started:
        server.stop()
        assert "Traceback" not in server.log


async def connect(server: Server, session: str) -> Client:
    host = f"127.0.0.1:{server.port}"
    headers = {"Cookie": f"sessionid={session}", "Origin": f"http://{host}"}
    return await Client.connect(f"ws://{host}/ws/", additional_headers=headers)


async def test_a_new_site_has_live_rooms(site: Site, servers: list[Server]) -> None:
    absent = f"import importlib.util as u; print([n for n in {ABSENT} if u.find_spec(n)])"
    assert site.run("-c", absent) == "[]\n"
    assert "no issues" in site.run("manage.py", "check")
    assert "Channel layer: a message came back" in site.run("manage.py", "realtime_check")
    assert "realtime.min.js" in site.run("manage.py", "findstatic", "realtime/realtime.min.js")

    sessions = re.findall(r"session (\w+)", site.run("manage.py", "shell", "-c", SIGN_IN))
    first, second = [
        await connect(server, session) for server, session in zip(servers, sessions, strict=True)
    ]
    async with first, second:
        for client in (first, second):
            await client.send("join_board", {"board_id": 1}, ref=1)
            await client.wait_for("ack")
        await first.send("update_board", {"board_id": 1, "data": {"title": "By alice"}})
        updated = await second.wait_for("board_updated")
        assert updated["payload"]["changes"] == {"title": "By alice"}

        # Of a third process. The other one's session goes on.
        site.run("manage.py", "shell", "-c", SIGN_OUT.format(key=sessions[0]))
        assert (await first.wait_for("error"))["payload"]["code"] == "TOKEN_EXPIRED"
        await first.websocket.wait_closed()
        assert first.websocket.close_code == 4102
        await second.wait_for("user_left")
        await second.send("update_board", {"board_id": 1, "data": {"title": "By bob"}}, ref=2)
        await second.wait_for("ack")


def test_its_tests_run_in_memory(site: Site) -> None:
    site.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"  # there is none
    site.run("manage.py", "makemigrations", "boards")
    site.run("manage.py", "test", "boards")
    points = "from importlib.metadata import entry_points as e; print(e(group='pytest11'))"
    assert "realtime.pytest_plugin" in site.run("-c", points)
