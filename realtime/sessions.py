"""The authenticated sockets of this process, and whether they may still be open.

A host says at once when access ends: an event in the project's log. What is here is for the
rest: users who were deactivated or signed out, and rows that somebody changed or deleted past
the host's services. So whatever the way, it takes effect within `ACCESS_INTERVAL` and a query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, Protocol

from realtime import backend, conf, database, disconnections, tokens
from realtime.backend import Access
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


class Stay(NamedTuple):
    """A socket's time in a room, from a join to the next leaving."""

    session: Session
    project_id: int
    number: int

    @property
    def goes_on(self) -> bool:
        return self.session.socket.rooms.get(self.project_id) == self.number


class Sessions:
    """Ends what the database no longer allows, and sockets that never join."""

    def __init__(self, revoke: Callable[[Socket, int], None]) -> None:
        """`revoke` puts a socket out of a project's room."""
        self._revoke = revoke
        self._open: set[Session] = set()
        self._disconnections = disconnections.Watch()

    def __contains__(self, session: Session) -> bool:
        return session in self._open

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._open))

    def add(self, session: Session) -> None:
        self._open.add(session)

    def discard(self, session: Session) -> None:
        self._open.discard(session)

    async def check(self) -> None:
        """Compare all sessions with the clock, and with the database: four queries."""
        self._end_idle()
        disconnected = await database.run(self._disconnections.look)
        for session in self:
            if session.identity.user_id in disconnected:
                session.end(disconnections.answer())
        identities = {session.identity for session in self._open}
        if not identities:
            return
        # A socket that rejoins while we ask has been found to be allowed by a newer look.
        stays = [Stay(s, p, number) for s in self._open for p, number in s.socket.rooms.items()]
        places = {(stay.project_id, stay.session.socket.user_id) for stay in stays}
        revoked, access = await database.run(_look, identities, places)
        for session in self:
            if session.identity in revoked:
                session.end(revoked[session.identity])
        for stay in stays:
            place = stay.project_id, stay.session.socket.user_id
            if stay.goes_on and place not in access:
                self._revoke(stay.session.socket, stay.project_id)

    def _end_idle(self) -> None:
        deadline = conf.get().JOIN_DEADLINE
        for session in self:
            if not session.socket.rooms and time.monotonic() - session.idle_since > deadline:
                session.end(
                    ProtocolError(
                        ErrorCode.NOT_JOINED, f"A socket must join a project within {deadline:g} s"
                    )
                )


def _look(
    identities: Collection[tokens.Identity], places: Collection[tuple[int, int]]
) -> tuple[dict[tokens.Identity, ProtocolError], dict[tuple[int, int], Access]]:
    project_ids = {project_id for project_id, _ in places}
    user_ids = {user_id for _, user_id in places}
    access = backend.get().access(project_ids, user_ids) if places else {}
    return tokens.revoked(identities), access
