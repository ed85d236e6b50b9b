"""A Redis with a password, and a database by number, and TLS: all get through, and keep to it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.certificates import new_certificate
from tests.harness.process import run_python
from tests.harness.proxy import Proxy
from tests.harness.valkey import Valkey

PASSWORD = "p@ss/wörd"
QUOTED = "p%40ss%2Fw%C3%B6rd"
USE_ALL = """
import asyncio, django
django.setup()
from channels.layers import get_channel_layer
from django.test import RequestFactory
from projects.throttling import limit
from realtime.events.publication import PresenceEntry
from realtime.presence.store import PresenceStore
from realtime.protocol.room_id import RoomId
from config.celery import app

async def send_and_receive():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    await layer.group_send("room", {"type": "hello"})
    async with asyncio.timeout(30):
        print("layer:", (await layer.receive(channel))["type"])
    await layer.flush()

async def be_present():
    presence = PresenceStore()
    await presence.renew()
    await presence.sync(entering=[PresenceEntry(RoomId("project", 1), 2, "ann")])

asyncio.run(send_and_receive())
asyncio.run(be_present())
limit.wait(RequestFactory().post("/"))
app.send_task("no.such.task")
app.backend.store_result("some-id", None, "SUCCESS")
print("result:", app.AsyncResult("some-id").state)
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey that lets in nobody without the password, also by a Unix socket."""
    directory = tmp_path_factory.mktemp("locked")
    server = Valkey(directory, password=PASSWORD, options=("--unixsocket", "valkey.sock"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def empty(locked: Valkey) -> Valkey:
    with locked.client() as client:
        client.flushall()
    return locked


@pytest.mark.parametrize("form", ["redis://:{0}@127.0.0.1:{1}/3", "unix://:{0}@{2}?db=3"])
def test_with_a_password_and_a_database(empty: Valkey, form: str, tmp_path: Path) -> None:
    url = form.format(QUOTED, empty.port, empty.directory / "valkey.sock")
    use_all(url, tmp_path)
    assert_all_in_database_3(empty)


async def test_by_tls_with_an_authority_of_ones_own(empty: Valkey, tmp_path: Path) -> None:
    certificate = new_certificate(tmp_path / "server.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with Proxy(empty.port, tls=tls) as proxy:
        url = f"rediss://:{QUOTED}@127.0.0.1:{proxy.port}/3"
        await asyncio.to_thread(use_all, f"{url}?ssl_ca_certs={certificate}", tmp_path)
        assert_all_in_database_3(empty)
        with pytest.raises(RuntimeError, match="certificate verify failed"):
            await asyncio.to_thread(use_all, url, tmp_path)


def use_all(url: str, var_dir: Path) -> None:
    """Use the layer, presence, sign-ins and Celery, in a process with this REDIS_URL."""
    variables = {"DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(var_dir)}
    environment = os.environ | variables | {"REDIS_URL": url}
    assert run_python(environment, "-c", USE_ALL) == "layer: hello\nresult: SUCCESS\n"


def assert_all_in_database_3(server: Valkey) -> None:
    with server.client(database=3) as client:
        assert list(client.info("keyspace")) == ["db3"]
        names = {name.decode() for name in client.scan_iter()}
    assert {"realtime:processes", "realtime:room:project:1", "sign-in:127.0.0.1", "celery"} <= names
    assert "celery-task-meta-some-id" in names
