"""The authenticated sockets of this process, and whether they may still be open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from realtime import conf, database, tokens
from realtime.protocol import ErrorCode, ProtocolError
from realtime.room import Socket


class Session(Protocol):
    identity: tokens.Identity
    socket: Socket
    idle_since: float
    """When the socket was last in no room, by `time.monotonic()`."""

    def end(self, error: ProtocolError) -> None:
        """Tell the client why, and close."""

    def drain(self) -> None:
        """Tell the client that this server process ends, and close."""


class Sessions:
    """Ends the sessions of users who were deactivated, must sign in again, or never join."""

    def __init__(self) -> None:
        self._open: set[Session] = set()

    def __contains__(self, session: Session) -> bool:
        return session in self._open

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._open))

    def add(self, session: Session) -> None:
        self._open.add(session)

    def discard(self, session: Session) -> None:
        self._open.discard(session)

    async def check(self) -> None:
        """Compare all sessions with the clock, and with the database: two queries."""
        self._end_idle()
        identities = {session.identity for session in self._open}
        if not identities:
            return
        revoked = await database.run(tokens.revoked, identities)
        for session in self:
            if session.identity in revoked:
                session.end(revoked[session.identity])

    def _end_idle(self) -> None:
        deadline = conf.get().JOIN_DEADLINE
        for session in self:
            if not session.socket.rooms and time.monotonic() - session.idle_since > deadline:
                session.end(
                    ProtocolError(
                        ErrorCode.NOT_JOINED, f"A socket must join a project within {deadline:g} s"
                    )
                )
