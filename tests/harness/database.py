"""A database for a stack of servers: a SQLite file, or one on the PostgreSQL of DATABASE_URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _with_database(url: str, name: str) -> str:
    """Replace the path of the URL, which may have no host: `postgresql://user@/name?host=/run`."""
    before, mark, query = url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}{mark}{query}"
