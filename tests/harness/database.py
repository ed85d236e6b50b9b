"""A database for a stack of servers: a SQLite file, or one on the PostgreSQL of DATABASE_URL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import dj_database_url
from django.db import connection, connections

R = TypeVar("R")


@contextmanager
def temporary_database(directory: Path) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database, gone afterwards."""
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("postgres"):
        with _on_postgres(url) as created:
            yield created
    else:
        yield f"sqlite:///{directory / 'db.sqlite3'}"


@contextmanager
def _on_postgres(url: str) -> Iterator[str]:
    import psycopg
    from psycopg.sql import SQL, Identifier

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    try:
        yield _with_database(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as server:  # the test may have crashed it
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def url_of_test_database() -> str:
    """Return the DATABASE_URL of this process's test database, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return _with_database(os.environ["DATABASE_URL"], name)


def _with_database(url: str, name: str) -> str:
    """Replace the path of the URL, which may have no host: `postgresql://user@/name?host=/run`."""
    before, mark, query = url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}{mark}{query}"


class RemoteDatabase:
    """The database of servers that run, for Django's ORM in this process: `using(NAME)`.

    What is changed here, the servers are not told of: no service and no event is involved.
    """

    NAME = "remote"

    def __init__(self, url: str) -> None:
        configured = connections.configure_settings(
            {"default": {}, self.NAME: {**dj_database_url.parse(url)}}
        )
        connections.settings[self.NAME] = configured[self.NAME]

    async def run(self, job: Callable[[], R]) -> R:
        """Call a function that uses it, in a thread."""

        def run_and_close() -> R:
            try:
                return job()
            finally:
                connections[self.NAME].close()

        return await asyncio.to_thread(run_and_close)

    def forget(self) -> None:
        del connections.settings[self.NAME]
