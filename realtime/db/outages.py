"""The errors that say: the database is away or busy, and the same may go well later.

Everything else that a query can raise (a value that does not fit, a constraint, a table that is
not there) is a fault of whoever asked. To try that again would never end.
"""

from __future__ import annotations

import sqlite3

from django.db import Error, InterfaceError, OperationalError

_AWAY = ("08", "28", "53", "57", "58")
"""Classes of SQLSTATE: connection, authorization, resources, operator's intervention, system."""
_BUSY = ("55P03", "25006")
"""A lock that was not to be had in time; a server that is a standby since a failover."""
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
    """Return whether the database was away, locked or full: whether to try again later."""
    if not isinstance(error, Error):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return code & 0xFF in _SQLITE  # the rest of the number says more of the same
    if state := _sqlstate(error):
        return state.startswith((*_AWAY, *_BUSY, _LOST_CONFLICT))
    if isinstance(error, InterfaceError):
        # psycopg2 says so of a connection, but of a cursor, too, which is a mistake of ours.
        return "connection" in str(error)
    # Without a state it comes from the driver or its pool: there is no connection.
    return isinstance(error, OperationalError)


def is_lost_conflict(error: BaseException) -> bool:
    """Return whether a transaction was undone for the sake of another: try again at once."""
    return isinstance(error, Error) and _sqlstate(error).startswith(_LOST_CONFLICT)


def _sqlstate(error: Error) -> str:
    """Return PostgreSQL's code of an error; empty where it did not come from the server."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or ""
