"""The processes of script/server: prepares the database, runs Daphne and a worker, stops both."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import suppress
from http.client import INTERNAL_SERVER_ERROR
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import embedded  # noqa: E402

STOP_TIMEOUT = 15.0
"""Seconds that a process has to end on its own; a worker finishes its task first."""


def main() -> int:
    host = os.environ.get("HOST") or "127.0.0.1"
    port = int(os.environ.get("PORT") or 8010)
    if not is_free(host, port):
        print(
            f"Port {port} is in use. Stop what uses it, or choose another:\n"
            f"  PORT={port + 1} script/server",
            file=sys.stderr,
        )
        return 1
    os.environ["PYTHONUNBUFFERED"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until `serve` takes over
    try:
        for command in (["migrate", "--noinput", "--verbosity=0"], ["demo_data"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True)
        return asyncio.run(serve(host, port))
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 0
    finally:
        embedded.stop_if_unused(Path(os.environ.get("VAR_DIR") or ROOT / "var"))


def is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def serve(host: str, port: int) -> int:
    """Run until a signal comes (0) or one of the processes ends by itself (1)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    web = await start("-m", "daphne", *daphne_options(host, port), "config.asgi:application")
    worker = await start("-m", "celery", "-A", "config", "worker", *WORKER_OPTIONS)
    background = [
        asyncio.create_task(prefix("web    | ", web)),
        asyncio.create_task(prefix("worker | ", worker)),
        asyncio.create_task(announce(host, port)),
    ]
    exits = [asyncio.create_task(process.wait()) for process in (web, worker)]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped, *exits], return_when=asyncio.FIRST_COMPLETED)
    background[-1].cancel()
    await asyncio.gather(end(web), end(worker))
    await asyncio.gather(*background, return_exceptions=True)
    if stop.is_set():
        return 0
    stopped.cancel()
    print("A process ended by itself, so everything was stopped.", file=sys.stderr)
    return 1


WORKER_OPTIONS = ("--concurrency=2", "--loglevel=INFO")


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


async def end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def announce(host: str, port: int) -> None:
    """Say so once a client can join a project."""
    # A server on all addresses is asked on the loopback one.
    address = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    while not await can_join(f"{address}:{port}"):
        await asyncio.sleep(0.2)
    shown = "localhost" if address in {"127.0.0.1", "[::1]"} else address
    print(f"Ready: http://{shown}:{port}", flush=True)


async def can_join(address: str) -> bool:
    """Whether the server answers a join; without the demo data, whether it takes a socket."""
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
    """Return an access token of a demo user, or "" where there is none."""
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
