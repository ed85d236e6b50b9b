"""Start one Valkey per var directory, shared by all processes that need it.

A process that needs Valkey calls `ensure_running()`. The first one starts a supervisor, a small
detached process with the server as its child: it restarts a server that dies, and ends itself and
the server a few seconds after the last user is gone, however that user ended.

It relies on three things in `<var_dir>/valkey/`:

* `users.lock`: every user holds a shared lock on it for its whole life, and so do its forked
  children. The kernel drops the lock with the process, so a `kill -9` needs no clean-up. A process
  that can lock it exclusively knows that there are no users, and none can come meanwhile.
* `supervisor.lock`: the supervisor holds it exclusively, and writes its process id into it. The
  user that gets the lock starts the supervisor and hands the lock over as an open file. So it is
  never free in between, and two users cannot start two servers.
* `appendonlydir/`: the data. Each write is in it before it is answered (`appendonly yes`), so
  queued tasks survive a restart and even a `kill -9` of the server.

This module needs no Django and imports only the standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from realtime.development import supervisor
from realtime.development.supervisor import open_lock, try_lock

START_TIMEOUT = 20.0
"""Seconds within which a server must answer."""

SOCKET_PATH_LIMIT = 100
"""Bytes of a socket's path; the kernel allows 107 on Linux and 103 on macOS."""

_memberships: dict[Path, int] = {}
"""The `users.lock` that this process holds, by directory: kept open until the process ends."""


class EmbeddedValkeyError(RuntimeError):
    """Report that the embedded Valkey did not start; the message has the end of its log."""


def url(var_dir: Path) -> str:
    """Return the URL of the server for `var_dir`, running or not (redis-py's `unix://` form)."""
    return f"unix://{quote(str(_socket_path(_home(var_dir))))}"


def ensure_running(var_dir: Path) -> None:
    """Return once the server for `var_dir` answers; it stays at least as long as this process.

    Raises:
        EmbeddedValkeyError: if it does not answer within START_TIMEOUT.
    """
    home = _home(var_dir)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _join_users(home)
    _prepare_socket_dir(_socket_path(home))
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        _start_supervisor(home)
        if _answers(_socket_path(home)):
            return
        if time.monotonic() > deadline:
            raise EmbeddedValkeyError(f"Valkey did not start. Its log ends:\n{_log_tail(home)}")
        time.sleep(0.05)


def stop_if_unused(var_dir: Path) -> bool:
    """Stop the server now, without the grace, if nobody uses it; return whether it is stopped.

    It is for a process that has just ended the last users, and is no user itself.
    """
    home = _home(var_dir)
    if not home.is_dir():
        return True
    with _opened(home / "users.lock") as users, _opened(home / "supervisor.lock") as lock:
        if not _lock_out_users(users):
            return False
        while not try_lock(lock):
            if pid := os.pread(lock, 32, 0):  # none yet: it is just starting
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
            time.sleep(0.05)
        return True


def _home(var_dir: Path) -> Path:
    return var_dir.absolute() / "valkey"


def _socket_path(home: Path) -> Path:
    path = home / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    # A fixed place: every process must find the same one, whatever its TMPDIR.
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(f"/tmp/valkey-{os.getuid()}-{digest}/valkey.sock")  # noqa: S108


def _prepare_socket_dir(path: Path) -> None:
    """Make the socket's directory; refuse one that another user could have prepared for us."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    found = path.parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedValkeyError(f"{path.parent} is not a directory of ours")
    path.parent.chmod(0o700)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = open_lock(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _join_users(home: Path) -> None:
    """Take the shared lock, after waiting for a server that is being stopped."""
    if home not in _memberships:
        fd = open_lock(home / "users.lock")
        fcntl.flock(fd, fcntl.LOCK_SH)
        _memberships[home] = fd


def _lock_out_users(fd: int) -> bool:
    """Lock `users.lock` exclusively unless there are users; wait for the supervisor's own lock."""
    while not try_lock(fd):
        # A shared lock is compatible with those of users, but not with the supervisor's. While it
        # is held, the supervisor stays out, so only users can be in the way.
        if try_lock(fd, fcntl.LOCK_SH):
            return try_lock(fd)
        time.sleep(0.02)
    return True


def _start_supervisor(home: Path) -> None:
    """Start the supervisor, unless there is one."""
    with _opened(home / "supervisor.lock") as lock:
        if not try_lock(lock):
            return
        os.ftruncate(lock, 0)  # the last supervisor's process id may be another process by now
        # The supervisor would keep inherited files open for its whole life, and a caller that reads
        # our output to its end would wait for it. -P: the modules beside the file stay hidden.
        program = [sys.executable, "-P", supervisor.__file__]
        subprocess.run(
            [*program, str(home), str(_socket_path(home)), str(lock)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
        )


def _answers(path: Path) -> bool:
    """Return True if the server at `path` serves; while it loads, it answers `-LOADING`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _log_tail(home: Path) -> str:
    try:
        return (home / "valkey.log").read_text(errors="replace")[-2000:]
    except FileNotFoundError:
        return "(no log)"
