"""Tell an outage of the database, which a retry may survive, from a faulty query.

A value that does not fit, a broken constraint or a missing table is the caller's fault: retrying
it would never end.
"""

from __future__ import annotations

import sqlite3

from django.db import Error, InterfaceError, OperationalError

_AWAY = ("08", "28", "53", "57", "58")
"""Classes of SQLSTATE: connection, authorization, resources, operator's intervention, system."""
_LOCK_TIMEOUT = "55P03"
_BUSY = (_LOCK_TIMEOUT, "25006")
"""A lock timeout; a write to a server that a failover made a standby."""
_LOST_CONFLICT = "40"
"""The class of deadlocks and serialization failures."""
_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


def is_outage(error: BaseException) -> bool:
    """Return True if the database was away, locked or full: the same may succeed later."""
    if not isinstance(error, Error):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return code & 0xFF in _SQLITE  # the higher bits only specify the lower ones
    if state := _sqlstate(error):
        return state.startswith((*_AWAY, *_BUSY, _LOST_CONFLICT))
    if isinstance(error, InterfaceError):
        # psycopg2 raises it for a lost connection, and for a closed cursor, which is a bug.
        return "connection" in str(error)
    # Without a SQLSTATE the error is the driver's or its pool's: there is no connection.
    return isinstance(error, OperationalError)


def is_lost_conflict(error: BaseException) -> bool:
    """Return True if a deadlock or a serialization failure undid the transaction: retry now."""
    return isinstance(error, Error) and _sqlstate(error).startswith(_LOST_CONFLICT)


def is_undone(error: BaseException) -> bool:
    """Return True if the database undid the transaction for others: a lost conflict or a lock."""
    return is_lost_conflict(error) or (
        isinstance(error, Error) and _sqlstate(error) == _LOCK_TIMEOUT
    )


def _sqlstate(error: Error) -> str:
    """Return PostgreSQL's code of an error; empty if the server did not send it."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
