"""Prepare the database, run Daphne and a worker, and stop both, for `script/server`."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from http.client import INTERNAL_SERVER_ERROR
from ipaddress import ip_address
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from realtime.development import valkey

ROOT = Path(__file__).resolve().parent.parent

STOP_TIMEOUT = 15.0
"""Seconds in which a process must end on its own; a worker finishes its task first."""

TWICE = 0.5
"""Seconds within which a second signal is the same one, passed on twice."""

MAX_PORT = 65535


class Unusable(Exception):
    """Refuse a setting of script/server; the message says which, and why."""


def main() -> int:
    host = os.environ.get("HOST") or "127.0.0.1"
    var_dir = Path(os.environ.get("VAR_DIR") or ROOT / "var").absolute()
    try:
        port = port_of(os.environ.get("PORT") or "8010")
        require_free(host, port)
        require_directory(var_dir)
        warn_of_public_secrets(host)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    os.environ |= {"PYTHONUNBUFFERED": "1", "VAR_DIR": str(var_dir)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until `serve` takes over
    try:
        prepare(var_dir)
        return asyncio.run(serve(host, port))
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # impatience must not leave it running
        valkey.stop_if_unused(var_dir)


def port_of(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or not 1 <= int(value) <= MAX_PORT:
        raise Unusable(f"PORT={value!r}: give a whole number from 1 to {MAX_PORT}.")
    return int(value)


def require_free(host: str, port: int) -> None:
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (socket.gaierror, UnicodeError):
        raise Unusable(f"HOST={host!r}: not an address or the name of one.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = (
                f"Port {port} is in use. Stop what uses it, or choose another:\n"
                f"  PORT={port + 1} script/server"
            )
        else:
            reason = f"Cannot listen on {host}, port {port}: {error.strerror}."
        raise Unusable(reason) from None


def warn_of_public_secrets(host: str) -> None:
    """Warn of the public secrets of a server that listens to more than this machine."""
    [(*_, address), *_] = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    if ip_address(str(address[0]).partition("%")[0]).is_loopback:
        return
    print(
        f"HOST={host}: whoever reaches this machine can sign in as its operator. The demo's "
        "passwords and its SECRET_KEY are public, and errors show their inside.\n"
        "Use it in a network that you trust; docs/deploy.md has the way for others.",
        file=sys.stderr,
    )


def require_directory(var_dir: Path) -> None:
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(var_dir, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise Unusable(f"VAR_DIR={str(var_dir)!r} cannot be used: {error.strerror}.") from None


def prepare(var_dir: Path) -> None:
    """Bring the database up to date; if two servers start at once, one after the other."""
    with (var_dir / "prepare.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (["migrate", "--noinput", "--verbosity=0"], ["demo_data"]):
            # Out of the reach of Ctrl-C, which ends this process; this one then ends it.
            subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                check=True,
                start_new_session=True,
            )


class Stop:
    """Note Ctrl-C, SIGTERM or the end of the terminal: once to stop, again to stop at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self._asked_at = 0.0

    def ask(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.asked.is_set():
            self.asked.set()
            self._asked_at = now
            print(
                "Stopping. Tasks that run are finished first; Ctrl-C again ends them.", flush=True
            )
        elif now - self._asked_at > TWICE:
            self.hurried.set()


async def serve(host: str, port: int) -> int:
    """Run until a signal comes (0) or one of the processes ends by itself (1)."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.ask)

    web = await start("-m", "daphne", *daphne_options(host, port), "config.asgi:application")
    worker = await start(*WORKER)
    background = [
        asyncio.create_task(prefix("web    | ", web)),
        asyncio.create_task(prefix("worker | ", worker)),
        asyncio.create_task(announce(host, port)),
    ]
    exits = [asyncio.create_task(process.wait()) for process in (web, worker)]
    stopped = asyncio.create_task(stop.asked.wait())
    await asyncio.wait([stopped, *exits], return_when=asyncio.FIRST_COMPLETED)
    was_asked = stop.asked.is_set()
    background[-1].cancel()
    await asyncio.gather(end(web, stop), end(worker, stop))
    await asyncio.gather(*background, return_exceptions=True)
    if was_asked:
        return 0
    stopped.cancel()
    print("A process ended by itself, so everything was stopped.", file=sys.stderr)
    return 1


WORKER = (
    # Neither its banner nor its warning about root is news on a machine for development.
    *("-W", "ignore:You're running the worker with superuser privileges"),
    *("-m", "celery", "--quiet", "-A", "config", "worker", "--concurrency=2", "--loglevel=INFO"),
)


def daphne_options(host: str, port: int) -> list[str]:
    return [
        f"--bind={host}",
        f"--port={port}",
        # Covers connect() and its database work: with the default of 5 s, a server that restarts
        # under many clients answers them 403.
        "--websocket_connect_timeout=20",
        # A client that vanished, or does not read, is dropped after their sum; the defaults take
        # 50 s, in which its unread messages pile up.
        "--ping-interval=10",
        "--ping-timeout=15",
    ]


async def start(*arguments: str) -> Process:
    """Start a Python process out of the reach of Ctrl-C, so that only `end` stops it."""
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )


async def prefix(label: str, process: Process) -> None:
    assert process.stdout is not None  # noqa: S101
    while line := await process.stdout.readline():
        print(label + line.decode(errors="replace"), end="", flush=True)


async def end(process: Process, stop: Stop) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    ended = asyncio.create_task(process.wait())
    hurried = asyncio.create_task(stop.hurried.wait())
    await asyncio.wait([ended, hurried], timeout=STOP_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not ended.done():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await ended


async def announce(host: str, port: int) -> None:
    """Print the address once a client can join a project."""
    # A server on all addresses is asked on the loopback one.
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    if ":" in address:
        address = f"[{address}]"
    while not await can_join(f"{address}:{port}"):
        await asyncio.sleep(0.2)
    shown = "localhost" if address in {"127.0.0.1", "[::1]"} else address
    print(f"Ready: http://{shown}:{port}\nCtrl-C stops it.", flush=True)


async def can_join(address: str) -> bool:
    """Return True once the server answers a join, or accepts a socket if there is no demo data."""
    try:
        token = await asyncio.to_thread(demo_token, address)
        url = f"ws://{address}/?token={token}"
        async with asyncio.timeout(5), connect(url, proxy=None) as websocket:
            join = {"type": "join_project", "ref": "ready", "payload": {"project_id": 1}}
            await websocket.send(json.dumps(join))
            answer = json.loads(await websocket.recv())
    except (OSError, TimeoutError, WebSocketException):
        return False
    return answer.get("payload", {}).get("code") not in {"UNAVAILABLE", "INTERNAL_ERROR"}


def demo_token(address: str) -> str:
    """Return an access token of a demo user, or "" if there is none."""
    request = Request(
        f"http://{address}/api/token/",
        json.dumps({"username": "alice", "password": "realtime"}).encode(),
        {"Content-Type": "application/json"},
    )
    direct = build_opener(ProxyHandler({}))  # whatever http_proxy says
    try:
        with direct.open(request, timeout=5) as response:
            token: str = json.load(response)["access"]
            return token
    except HTTPError as error:
        if error.code >= INTERNAL_SERVER_ERROR:
            raise
        return ""


if __name__ == "__main__":
    sys.exit(main())
