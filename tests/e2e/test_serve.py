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
    """`development.serve` in a var directory of its own."""

    def __init__(self, var_dir: Path, log_path: Path | None = None, /, **environment: str) -> None:
        self.port = free_port()
        self.var_dir = var_dir
        self.log_path = log_path or var_dir.with_suffix(".log")
        settings = {"PORT": str(self.port), "VAR_DIR": str(var_dir)} | environment
        kept = {k: v for k, v in os.environ.items() if not k.endswith("_URL")}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "development.serve"],
                cwd=ROOT,
                env=kept | {"DJANGO_SETTINGS_MODULE": "config.settings"} | settings,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        self.wait_until_it_says(f"Ready: http://localhost:{self.port}")

    def wait_until_it_says(self, words: str) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while words not in self.log:
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

    def pid_of(self, program: str) -> int:
        """Return the process id of its child that runs a program."""
        listed = subprocess.run(
            ["ps", "-eo", "pid,ppid,args", "-ww"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        [found] = [
            int(pid)
            for pid, parent, arguments in (line.split(maxsplit=2) for line in listed)
            if parent == str(self.process.pid) and program in arguments
        ]
        return found


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
    server.wait_until_it_says("worker | ")  # it may start later than the web server
    assert " WARNING " not in server.log, "the first start says nothing that alarms"
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


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "abc", "PORT='abc': give a whole number from 1 to 65535."),
        ("PORT", "65536", "PORT='65536': give a whole number from 1 to 65535."),
        ("HOST", "no address", "HOST='no address': not an address or the name of one."),
        ("HOST", "203.0.113.1", "Cannot listen on 203.0.113.1"),
        ("VAR_DIR", "/dev/null/var", "VAR_DIR='/dev/null/var' cannot be used: Not a directory."),
        ("DATABASE_URL", "mysql://host/name", "The settings cannot be used: DATABASE_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told(
    tmp_path: Path, name: str, value: str, reason: str
) -> None:
    server = Server(tmp_path / "var", **{name: value})
    assert server.process.wait(30) == 1
    assert server.log.startswith(reason)
    assert "Traceback" not in server.log


def test_two_at_once_on_a_fresh_var_dir_whose_path_is_long_and_has_spaces(tmp_path: Path) -> None:
    var_dir = tmp_path / "a name with spaces" / ("long " * 20).strip() / "var"
    servers = [Server(var_dir, tmp_path / f"{number}.log") for number in (1, 2)]
    try:
        for server in servers:
            server.wait_until_ready()
    finally:
        for server in servers:
            server.process.terminate()
    assert [server.process.wait(30) for server in servers] == [0, 0]
    assert servers[0].processes() == []


def test_a_second_ctrl_c_ends_what_does_not_end(server: Server) -> None:
    server.wait_until_ready()
    worker = server.pid_of("celery")
    os.kill(worker, signal.SIGSTOP)
    deadline = time.monotonic() + 12  # with one Ctrl-C it takes 15 s
    while server.process.poll() is None:
        assert time.monotonic() < deadline, server.log
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert server.process.returncode == 0
    assert server.log.count("Stopping.") == 1
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_process_that_dies_ends_the_rest(server: Server) -> None:
    server.wait_until_ready()
    os.kill(server.pid_of("daphne"), signal.SIGKILL)
    assert server.process.wait(30) == 1
    assert "ended by itself" in server.log
    assert server.processes() == []
