"""docs/deploy.md, followed to the letter: its files, its scripts and its units, behind nginx."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.harness.client import Client
from tests.harness.database import temporary_database
from tests.harness.deployment import HOST, NGINX, Answer, Deployment, Nginx, Service, send
from tests.harness.pictures import encoded
from tests.harness.valkey import Valkey

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

SYSTEMD = shutil.which("systemd-analyze")
PASSWORD = "correct horse battery staple"


class Site:
    """The machine of the page, serving; what a browser does with it."""

    def __init__(self, deployment: Deployment, services: dict[str, Service]) -> None:
        self.deployment = deployment
        self.services = services
        self.tls = ssl.create_default_context(cafile=deployment.path("/etc/ssl/realtime.pem"))

    def call(self, method: str, path: str, data: Any = None, token: str = "") -> Answer:
        body = b"" if data is None else json.dumps(data).encode()
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{authorization}Connection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        answer = send(self.deployment.https, head.encode() + body, tls=self.tls)
        assert answer is not None
        return answer

    def sign_in(self) -> str:
        credentials = {"username": "alice", "password": PASSWORD}
        token: str = json.loads(self.call("POST", "/api/token/", credentials).body)["access"]
        return token

    async def connect(
        self, token: str = "", *, target: str = "/ws/", origin: str = f"https://{HOST}"
    ) -> Client:
        """Open a WebSocket, as a page of this origin does; a token goes into the subprotocol."""
        offered = [Subprotocol("realtime"), Subprotocol(f"token.{token}")] if token else None
        websocket = await connect(
            f"wss://{HOST}{target}",
            host="127.0.0.1",
            port=self.deployment.https,
            ssl=self.tls,
            origin=Origin(origin),
            subprotocols=offered,
            proxy=None,
        )
        return Client(websocket)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("deploy")
    with ExitStack() as clean_up:
        valkey = Valkey(directory)
        valkey.start()
        clean_up.callback(valkey.stop)
        database_url = clean_up.enter_context(temporary_database(directory))
        deployment = Deployment(
            directory / "machine", DATABASE_URL=database_url, REDIS_URL=valkey.url
        )
        deployment.run("realtime-manage", "migrate", "--verbosity=0")
        deployment.run(
            *("realtime-manage", "shell", "-v0", "-c"),
            "from django.contrib.auth.models import User;"
            f"User.objects.create_superuser('alice', password='{PASSWORD}')",
        )
        yield deployment


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def site(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[Site]:
    drop_ins = ["uvicorn.conf"] if request.param == "uvicorn" else []
    services = {
        f"realtime@{port}": Service(deployment, "realtime@", str(port), *drop_ins)
        for port in deployment.servers.values()
    }
    services["realtime-worker"] = Service(deployment, "realtime-worker")
    nginx = Nginx(deployment)
    with ExitStack() as clean_up:
        for service in services.values():
            clean_up.callback(service.stop)
            service.start()
        clean_up.callback(nginx.stop)
        nginx.start()
        yield Site(deployment, services)


def test_the_settings_of_the_page_are_fit_for_production(tmp_path: Path) -> None:
    shown = Deployment(tmp_path / "machine").run("realtime-manage", "check", "--deploy")
    assert shown == "System check identified no issues (0 silenced).\n"


async def test_a_room_through_nginx(site: Site) -> None:
    token = site.sign_in()
    project = json.loads(site.call("POST", "/api/projects/", {"title": "Behind"}, token).body)
    async with await site.connect(token) as first, await site.connect(token) as second:
        assert first.websocket.subprotocol == "realtime"
        await first.join(project["id"])
        await second.join(project["id"])
        update = {"project_id": project["id"], "data": {"title": "Through nginx"}}
        await first.send("update_project", update, ref=1)
        for client in (first, second):
            told = await client.wait_for("project_updated")
            assert told["payload"]["changes"] == {"title": "Through nginx"}


@pytest.mark.skipif(SYSTEMD is None, reason="systemd is not installed")
def test_systemd_understands_the_units(deployment: Deployment) -> None:
    directory = deployment.path("/etc/systemd/system")
    done = subprocess.run(
        [str(SYSTEMD), "verify", "--man=no", "realtime@8011.service", "realtime-worker.service"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


async def test_a_restart_leaves_no_gap(site: Site) -> None:
    token = site.sign_in()
    project = json.loads(site.call("POST", "/api/projects/", {"title": "Old"}, token).body)
    path = f"/api/projects/{project['id']}/"
    clients = [await site.connect(token) for _ in range(4)]
    for client in clients:
        await client.send("join_project", {"project_id": project["id"]}, ref=1)
        seq = (await client.wait_for("ack"))["payload"]["seq"]
    restart = asyncio.create_task(asyncio.to_thread(site.deployment.restart, site.services))
    answers = []
    while not restart.done():
        answers.append((await asyncio.to_thread(site.call, "GET", path, token=token)).status)
    await restart
    assert set(answers) == {200}
    assert site.call("PATCH", path, {"title": "New"}, token).status == 200
    for client in clients:
        await client.drain(10)
        assert client.websocket.close_code in (4203, 1012)
    async with await site.connect(token) as client:
        await client.send("join_project", {"project_id": project["id"], "since": seq}, ref=1)
        assert (await client.wait_for("ack"))["payload"]["recovered"]
        told = await client.wait_for("project_updated")
        assert told["payload"]["changes"] == {"title": "New"}


async def test_a_foreign_page_is_told_so(site: Site) -> None:
    async with await site.connect(site.sign_in(), origin="https://evil.example") as client:
        assert (await client.expect("error"))["payload"]["code"] == "ORIGIN_FORBIDDEN"
        assert await client.expect_close() == 4004


async def test_no_log_of_the_machine_has_a_token(site: Site) -> None:
    token = site.sign_in()
    for target in (f"/?token={token}", f"/ws/?a=1&token={token}"):
        async with await site.connect(target=target) as client:
            await client.send("ping")
            await client.expect("pong")
    with pytest.raises(InvalidStatus):
        await site.connect(target=f"/nowhere?token={token}")
    site.call("GET", f"/api/me/?token={token}")
    own_logs = "".join(file.read_text() for file in site.deployment.root.glob("*.log"))
    assert token.rpartition(".")[2] not in own_logs + site.deployment.log()


def test_pages_insist_on_https_and_redirect_to_this_site(site: Site) -> None:
    admin = site.call("GET", "/admin/")
    assert (admin.status, admin.headers["Location"]) == (302, "/admin/login/?next=/admin/")
    login = site.call("GET", "/admin/login/")
    assert login.status == 200
    assert "max-age=31536000" in login.headers["Strict-Transport-Security"]
    assert "Secure" in login.headers["Set-Cookie"]


def test_a_picture_of_ten_mebibytes_is_taken_and_given_out(site: Site) -> None:
    token = site.sign_in()
    project = json.loads(site.call("POST", "/api/projects/", {"title": "Pictures"}, token).body)
    canvases = f"/api/projects/{project['id']}/canvases/"

    def upload(content: bytes) -> Answer | None:
        boundary = b"--of-this-test-alone"  # so long that no picture has it by chance
        part = (
            boundary + b'\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
            b"Content-Type: image/png\r\n\r\n" + content + b"\r\n" + boundary + b"--\r\n"
        )
        head = (
            f"POST {canvases} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary[2:].decode()}\r\n"
            f"Content-Length: {len(part)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return send(site.deployment.https, head.encode() + part, tls=site.tls)

    noise = Image.frombytes("RGB", (1800, 1800), os.urandom(1800 * 1800 * 3))
    added = upload(encoded(noise))
    assert added is not None
    assert added.status == 201, added.body
    address = json.loads(added.body)["image"]
    shown = site.call("GET", address.removeprefix(f"https://{HOST}"))
    assert (shown.status, len(shown.body) > 9 * 2**20) == (200, True)
