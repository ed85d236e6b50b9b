"""The embedded Valkey, with real processes that come and go, also by SIGKILL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as NotConnected

from realtime.development import valkey
from realtime.development.supervisor import GRACE, POLL
from tests.harness.process import ROOT

USER = """
import sys
from pathlib import Path
from realtime.development import valkey
valkey.ensure_running(Path(sys.argv[1]))
print("running", flush=True)
sys.stdin.read()
"""

GONE_WITHIN = GRACE + 10 * POLL + 2.0


class User:
    """A process that uses the server until it is let go or killed."""

    def __init__(self, var_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(var_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def wait_until_running(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"running\n"

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._wait()

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def _wait(self) -> None:
        with self.process:  # closes its pipes and waits
            pass


@pytest.fixture
def var_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    wait_until(lambda: valkey.stop_if_unused(tmp_path / "var"))


@pytest.fixture
def start(var_dir: Path) -> Iterator[Callable[[], User]]:
    """Returns a function that starts a user and waits until it has a server."""
    with ExitStack() as clean_up:

        def start_one() -> User:
            user = User(var_dir)
            clean_up.callback(user.kill)
            user.wait_until_running()
            return user

        yield start_one


@pytest.fixture
def user(start: Callable[[], User]) -> User:
    return start()


def wait_until(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def client(var_dir: Path) -> Redis:
    return Redis.from_url(valkey.url(var_dir), socket_timeout=5)


def server_pid(var_dir: Path) -> int:
    with client(var_dir) as connection:
        pid: int = connection.info("server")["process_id"]
        return pid


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_those_that_start_at_once_share_one_server(var_dir: Path) -> None:
    users = [User(var_dir) for _ in range(4)]
    for one in users:
        one.wait_until_running()
    pid = server_pid(var_dir)
    users[0].leave()
    users[1].kill()
    time.sleep(GRACE + 1.0)  # it would be gone by now
    assert server_pid(var_dir) == pid
    for one in users[2:]:
        one.leave()


@pytest.mark.parametrize("end", [User.leave, User.kill])
def test_it_ends_after_its_last_user(
    var_dir: Path, user: User, end: Callable[[User], None]
) -> None:
    pid = server_pid(var_dir)
    end(user)
    wait_until(lambda: not is_alive(pid), GONE_WITHIN)
    assert valkey.stop_if_unused(var_dir)


def test_a_forked_child_is_a_user_too(var_dir: Path) -> None:
    """As the children of a Celery worker whose parent was killed."""
    forking = USER.replace("sys.stdin.read()", "import os; os.fork() and os._exit(0)\n") + (
        "import time; time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", forking, str(var_dir)], cwd=ROOT, start_new_session=True
    )
    parent.wait(20)
    pid = server_pid(var_dir)
    time.sleep(GRACE + 1.0)
    assert is_alive(pid)
    os.killpg(parent.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), GONE_WITHIN)


def test_data_outlive_the_server(var_dir: Path, start: Callable[[], User]) -> None:
    user = start()
    with client(var_dir) as connection:
        connection.set("queued", "task")
    user.leave()
    assert valkey.stop_if_unused(var_dir)
    start()
    with client(var_dir) as connection:
        assert connection.get("queued") == b"task"


def test_a_killed_server_comes_back_with_its_data(var_dir: Path, user: User) -> None:
    with client(var_dir) as connection:
        connection.set("queued", "task")
    pid = server_pid(var_dir)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: answers(var_dir))
    with client(var_dir) as connection:
        assert connection.get("queued") == b"task"
    assert server_pid(var_dir) != pid


def answers(var_dir: Path) -> bool:
    with client(var_dir) as connection:
        try:
            return bool(connection.ping())
        except (NotConnected, BusyLoadingError):
            return False


def test_the_server_of_a_killed_supervisor_is_taken_over(
    var_dir: Path, start: Callable[[], User]
) -> None:
    user = start()
    orphan = server_pid(var_dir)
    supervisor = int((var_dir / "valkey" / "supervisor.lock").read_text())
    os.kill(supervisor, signal.SIGKILL)
    second = start()
    wait_until(lambda: not is_alive(orphan))
    pid = server_pid(var_dir)
    user.leave()
    second.leave()
    wait_until(lambda: not is_alive(pid), GONE_WITHIN)


def test_it_is_not_stopped_while_somebody_uses_it(var_dir: Path, user: User) -> None:
    assert not valkey.stop_if_unused(var_dir)
    assert server_pid(var_dir)


def test_stopping_takes_no_grace(var_dir: Path, user: User) -> None:
    pid = server_pid(var_dir)
    user.leave()
    started = time.monotonic()
    assert valkey.stop_if_unused(var_dir)
    assert time.monotonic() - started < GRACE
    assert not is_alive(pid)


def test_a_directory_too_deep_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "a name with spaces"
    user = User(deep)
    user.wait_until_running()
    assert str(tmp_path) not in valkey.url(deep)
    assert server_pid(deep)
    user.leave()
    assert valkey.stop_if_unused(deep)
    socket_path = Path(valkey.url(deep).removeprefix("unix://"))
    assert not socket_path.parent.exists()


def test_a_socket_directory_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    monkeypatch.setattr(valkey, "_socket_path", lambda home: tmp_path / "link" / "valkey.sock")
    with pytest.raises(valkey.EmbeddedValkeyError, match="not a directory of ours"):
        valkey.ensure_running(tmp_path / "var")


def test_the_url_is_quoted(tmp_path: Path) -> None:
    assert valkey.url(Path("/srv/my var")) == "unix:///srv/my%20var/valkey/valkey.sock"


def test_a_server_that_cannot_start_is_reported(var_dir: Path) -> None:
    (var_dir / "valkey").mkdir(parents=True)
    (var_dir / "valkey" / "appendonlydir").write_text("in the way")
    impatient = USER.replace("valkey.ensure", "valkey.START_TIMEOUT = 2.0\nvalkey.ensure")
    failed = subprocess.run(
        [sys.executable, "-c", impatient, str(var_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "EmbeddedValkeyError: Valkey did not start. Its log ends:" in failed.stderr
    assert "append-only" in failed.stderr


def test_the_shell_has_it(var_dir: Path) -> None:
    program = (
        "from celery import current_app; "
        "print('broker', current_app.connection().ensure_connection(max_retries=1).connected)"
    )
    shell = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", program],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(var_dir), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "broker True" in shell.stdout
