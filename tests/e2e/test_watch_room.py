"""`manage.py watch_room` against the real server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Connect
from tests.harness.ports import free_port
from tests.harness.process import ServerProcess
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database

GREEN = "\x1b[32;1m"


class Watcher(ServerProcess):
    def __init__(self, stack: Stack, directory: Path, *arguments: str) -> None:
        super().__init__(
            *("manage.py", "watch_room", *arguments),
            environment=stack.environment,
            log_path=directory / "watch.log",
        )

    def is_ready(self) -> bool:
        return "here: " in self.log or "trying again" in self.log

    def wait_for(self, text: str) -> None:
        self._wait(lambda: text in self.log, 15)

    def interrupt(self) -> int:
        """End it with Ctrl-C and return its exit code."""
        assert self._process is not None
        self.signal(signal.SIGINT)
        return self._process.wait(15)


@pytest.fixture
def watcher(stack: Stack, tmp_path: Path, project_id: int) -> Iterator[Watcher]:
    url = stack.web.websocket_url
    arguments = (f"project:{project_id}", "--user=alice", f"--url={url}", "--force-color")
    running = Watcher(stack, tmp_path, *arguments)
    running.start()
    yield running
    running.stop()


async def test_the_life_of_a_room(
    watcher: Watcher, connect: Connect, stack: Stack, project_id: int
) -> None:
    assert f"project:{project_id} at" in watcher.log
    bob = await connect("bob")
    await bob.join(project_id)
    update = {"project_id": project_id, "data": {"description": "Seen \x1b[31m by the operator"}}
    await bob.send("update_project", update)
    await bob.wait_for("project_updated")
    await bob.close()
    watcher.wait_for("left")
    lines = [line.partition("  ")[2] for line in watcher.log.splitlines()]
    change = r'description = "Seen \u001b[31m by the operator"'
    assert f"{GREEN}{'bob':<12} {change}\x1b[0m" in lines
    who_did_what = [line.split("m", 1)[1].split("\x1b")[0].split()[:2] for line in lines[-3:]]
    assert who_did_what == [["bob", "joined"], ["bob", "description"], ["bob", "left"]]

    assert watcher.interrupt() == 0
    assert "Traceback" not in watcher.log


def test_a_server_that_is_away_is_told_and_tried_again(
    stack: Stack, tmp_path: Path, project_id: int
) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    watcher = Watcher(stack, tmp_path, f"project:{project_id}", "--user=alice", f"--url={url}")
    watcher.start()
    deadline = time.monotonic() + 15
    while watcher.log.count("not connected: ") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert watcher.log.count("trying again") >= 2
    assert watcher.interrupt() == 0
    assert "Traceback" not in watcher.log
