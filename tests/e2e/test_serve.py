"""What script/server runs once its .venv is there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import rest
from tests.harness.client import Client
from tests.harness.ports import free_port
from tests.harness.process import ROOT

READY_WITHIN = 60.0


class Server:
    """`script/serve.py` in a var directory of its own."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        self.port = free_port()
        self.var_dir = var_dir
        self.log_path = var_dir.with_suffix(".log")
        settings = {"PORT": str(self.port), "VAR_DIR": str(var_dir)} | environment
        kept = {k: v for k, v in os.environ.items() if not k.endswith("_URL")}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "script/serve.py"],
                cwd=ROOT,
                env=kept | {"DJANGO_SETTINGS_MODULE": "config.settings"} | settings,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while f"Ready: http://localhost:{self.port}" not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def processes(self) -> list[str]:
        """Return the command lines of all that it runs, itself included."""
        listed = subprocess.run(
            ["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        marks = (f"--port={self.port}", str(self.var_dir))
        return [line for line in listed if any(mark in line for mark in marks)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "var")
    yield started
    if started.process.poll() is None:
        started.process.terminate()
    started.process.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_gets_ready_and_stops_with_all_it_started(
    server: Server, number: signal.Signals
) -> None:
    server.wait_until_ready()
    credentials = {"username": "alice", "password": "realtime"}
    token = rest.call("POST", f"http://localhost:{server.port}/api/token/", credentials)["access"]
    async with await Client.connect(f"ws://localhost:{server.port}", token) as alice:
        await alice.join(1)
    assert "web    | " in server.log
    assert "worker | " in server.log
    assert len(server.processes()) >= 2

    server.process.send_signal(number)
    assert server.process.wait(30) == 0, server.log
    assert server.processes() == []


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(tmp_path / "var", PORT=str(port))
        assert server.process.wait(30) == 1
    assert f"Port {port} is in use" in server.log


def test_a_process_that_dies_ends_the_rest(server: Server) -> None:
    server.wait_until_ready()
    listed = subprocess.run(
        ["ps", "-eo", "pid,args", "-ww"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    web = next(line for line in listed if f"--port={server.port}" in line)
    os.kill(int(web.split()[0]), signal.SIGKILL)
    assert server.process.wait(30) == 1
    assert "ended by itself" in server.log
    assert server.processes() == []
