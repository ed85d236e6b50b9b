"""The project's own servers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.process import ServerProcess


class WebServer(ServerProcess):
    """An ASGI server on a free port, kept over a restart."""

    name = ""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        directory: Path,
        options: tuple[str, ...] = (),
        application: str = "config.asgi:application",
    ) -> None:
        self.port = free_port()
        self.application = application
        super().__init__(
            *self.command(self.port),
            *options,
            environment=environment,
            log_path=directory / f"{self.name}-{self.port}.log",
        )

    def command(self, port: int) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


class Daphne(WebServer):
    name = "daphne"

    def command(self, port: int) -> tuple[str, ...]:
        return ("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), self.application)


class Uvicorn(WebServer):
    name = "uvicorn"

    def command(self, port: int) -> tuple[str, ...]:
        return ("-m", "uvicorn", "--port", str(port), self.application)


class Runserver(WebServer):
    """Django's own command, which the `daphne` app makes an ASGI server."""

    name = "runserver"

    def command(self, port: int) -> tuple[str, ...]:
        return ("manage.py", "runserver", str(port), "--noreload")


class Worker(ServerProcess):
    """A Celery worker with two prefork children."""

    def __init__(
        self, *, environment: Mapping[str, str], directory: Path, options: tuple[str, ...] = ()
    ) -> None:
        super().__init__(
            *("-m", "celery", "-A", "config", "worker", "--loglevel=INFO", "--concurrency=2"),
            *options,
            environment=environment,
            log_path=directory / f"worker-{free_port()}.log",
        )

    def start(self) -> None:
        self._log_before = len(self.log) if self.log_path.exists() else 0
        super().start()

    def is_ready(self) -> bool:
        return " ready." in self.log[self._log_before :]
