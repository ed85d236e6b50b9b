"""A server as a process of its own, which a test may end in any way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


def run_python(environment: Mapping[str, str], *arguments: str, timeout: float = 120) -> str:
    """Run a Python program in the repository and return what it prints.

    Raises:
        RuntimeError: if it fails; with all that it printed.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


class ServerProcess:
    """A Python program, by default of this repository; `log` is all that it printed.

    It leads a process group, so that `kill` reaches its children too.
    """

    def __init__(
        self, *arguments: str, environment: Mapping[str, str], log_path: Path, cwd: Path = ROOT
    ) -> None:
        self.arguments: Sequence[str] = arguments
        self.environment = dict(environment)
        self.log_path = log_path
        self.cwd = cwd
        self.python = sys.executable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, or start again, and return once it serves."""
        assert not self.running, "already running"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [self.python, "-u", *self.arguments],
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(self.is_ready, START_TIMEOUT)

    def is_ready(self) -> bool:
        raise NotImplementedError

    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:
        """End it as an operator does, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Wait for its end, and return its exit code."""
        assert self._process is not None, "not started"
        return self._process.wait(timeout)

    def kill(self) -> None:
        """End it and its children at once, with SIGKILL."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """End it, whatever state it is in; for the clean-up of fixtures."""
        if self.running:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if not self.running:
                raise RuntimeError(f"{self.arguments} ended:\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"{self.arguments} is not ready:\n{self.log}")
            time.sleep(0.05)
