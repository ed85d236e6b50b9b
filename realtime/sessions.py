"""The authenticated sockets of this process, and whether they may still be open.

A host says at once when access ends: an event in the project's log. What is here is for the
rest: users who were deactivated or signed out, and rows that somebody changed or deleted past
the host's services. So whatever the way, it takes effect within `ACCESS_INTERVAL` and a query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, Protocol

from realtime import backend, conf, database, disconnections, room, tokens
from realtime.protocol import ErrorCode, ProtocolError
from realtime.room import Place, Socket


class Session(Protocol):
    identity: tokens.Identity
    socket: Socket

    def end(self, error: ProtocolError) -> None:
        """Tell the client why, and close."""

    def drain(self) -> None:
        """Tell the client that this server process ends, and close."""


class Survey(NamedTuple):
    """What there is to be compared."""

    identities: list[tokens.Identity]
    places: set[Place]
    outside: list[Session]
    """Those whose sockets are in no room."""


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
        identities, places, outside = self._survey()
        asked = next(room.stays)
        _end_overdue(outside)
        if disconnected := await database.run(self._disconnections.look):
            for session in self:
                if session.identity.user_id in disconnected:
                    session.end(disconnections.answer())
        if not identities:
            return
        revoked, lost = await database.run(_look, identities, places)
        # Of thousands, hardly any: only where there is one are they looked at one by one.
        if revoked:
            for session in self:
                if session.identity in revoked:
                    session.end(revoked[session.identity])
        if lost:
            self._revoke_all(lost, asked)

    def _survey(self) -> Survey:
        """Walk once over all sockets.

        With thousands of them this costs as much as what is done with it: hardly anything of a
        socket that was still for a second is in the CPU's caches.
        """
        survey = Survey([], set(), [])
        for session in self._open:
            survey.identities.append(session.identity)
            socket = session.socket
            for project_id in socket.rooms:
                survey.places.add((project_id, socket.user_id))
            if not socket.rooms:
                survey.outside.append(session)
        return survey

    def _revoke_all(self, lost: set[Place], asked: int) -> None:
        """Put out whoever was in one of these places when the database was asked.

        A socket that has rejoined since has been found to be allowed by a newer look.
        """
        for session in self:
            socket = session.socket
            for project_id, stay in list(socket.rooms.items()):
                if (project_id, socket.user_id) in lost and stay < asked:
                    self._revoke(socket, project_id)


def _end_overdue(outside: Collection[Session]) -> None:
    """End those, of the sockets that are in no room, that had time enough to join one."""
    deadline = conf.get().JOIN_DEADLINE
    overdue = time.monotonic() - deadline
    text = f"A socket must join a project within {deadline:g} s"
    for session in outside:
        if session.socket.idle_since < overdue:
            session.end(ProtocolError(ErrorCode.NOT_JOINED, text))


def _look(
    identities: Collection[tokens.Identity], places: set[Place]
) -> tuple[dict[tokens.Identity, ProtocolError], set[Place]]:
    """Return who is no longer signed in, and in which places nobody may be any more."""
    project_ids = {project_id for project_id, _ in places}
    user_ids = {user_id for _, user_id in places}
    access = backend.get().access(project_ids, user_ids) if places else {}
    return tokens.revoked(identities), places.difference(access)
