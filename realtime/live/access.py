"""The authenticated sockets of this process, and whether they may still be open.

A host says at once when access ends: an event in the project's log. What is here is for the
rest: users who were deactivated or signed out, and rows that somebody changed or deleted past
the host's services. So whatever the way, it takes effect within `ACCESS_INTERVAL` and a query.
What cannot be checked for `ACCESS_TIMEOUT` ends too: a check that fails is no permission.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple, Protocol

from realtime import conf
from realtime.auth import disconnections, expiry, tokens
from realtime.events.publication import RoomUser
from realtime.live.looks import Look
from realtime.live.room import Subscriber
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.rooms import backend


class Connection(Protocol):
    identity: tokens.Identity
    identified_at: float
    """When the identity was last found to be allowed, by `time.monotonic()`."""
    socket: Subscriber

    def end(self, error: ProtocolError) -> None:
        """Tell the client why, and close."""

    def drain(self) -> None:
        """Tell the client that this server process ends, and close."""


class Survey(NamedTuple):
    """What there is to be compared."""

    identities: list[tokens.Identity]
    places: set[RoomUser]
    expired: list[Connection]
    outside: list[Connection]
    """Those whose sockets are in no room."""


class AccessMonitor:
    """Ends what the clock or the database no longer allows, and sockets that never join.

    Two looks at the database, one at our own tables and one by the host's code, each with its own
    failures: what one of them runs into takes nothing from the other.
    """

    def __init__(self, revoke: Callable[[Subscriber, int], None]) -> None:
        """`revoke` puts a socket out of a project's room."""
        self._revoke = revoke
        self._open: set[Connection] = set()
        self._users: Look[tokens.Identity, ProtocolError] = Look(
            "users", _revoked, self._end_revoked, attrgetter("user_id")
        )
        self._places: Look[RoomUser, None] = Look(
            "places", _lost, self._put_out, itemgetter(0), itemgetter(1)
        )

    def __contains__(self, session: Connection) -> bool:
        return session in self._open

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    def add(self, session: Connection) -> None:
        self._open.add(session)

    def discard(self, session: Connection) -> None:
        self._open.discard(session)

    async def check(self) -> None:
        """Compare all sessions with the clock, and begin to compare them with the database.

        Nothing is awaited here, so that a database that hangs holds up no clock.
        """
        survey = self._survey()
        for session in survey.expired:
            session.end(tokens.expired())
        _end_overdue(survey.outside)
        self._end_unchecked()
        self._users.begin(survey.identities)
        self._places.begin(tuple(survey.places))

    @property
    def unchecked(self) -> float:
        """Seconds since the oldest answer was asked for that some socket relies on."""
        return time.monotonic() - min(self._users.oldest, self._places.oldest)

    async def close(self) -> None:
        await self._users.close()
        await self._places.close()

    def _survey(self) -> Survey:
        """Walk once over all sockets.

        With thousands of them this costs as much as what is done with it: hardly anything of a
        socket that was still for a second is in the CPU's caches.
        """
        survey = Survey([], set(), [], [])
        # By the wall clock: a timer knows nothing of a clock that was set, or of a suspended VM.
        ended = time.time() - expiry.leeway()
        for session in self._open:
            identity = session.identity
            if identity.expires_at <= ended:
                survey.expired.append(session)
                continue
            survey.identities.append(identity)
            socket = session.socket
            for project_id in socket.rooms:
                survey.places.add((project_id, socket.user_id))
            if not socket.rooms:
                survey.outside.append(session)
        return survey

    def _end_unchecked(self) -> None:
        """End those of which it could not be known for too long whether they may be here."""
        least = time.monotonic() - conf.get().ACCESS_TIMEOUT
        if self._users.oldest >= least and self._places.oldest >= least:
            return
        for session in self:
            if self._checked_at(session) < least:
                session.end(
                    ProtocolError(
                        ErrorCode.UNAVAILABLE, "Your access cannot be checked; connect again later"
                    )
                )

    def _checked_at(self, session: Connection) -> float:
        """Return when a session, and each of its rooms, was last found to be allowed."""
        socket = session.socket
        as_user = max(session.identified_at, self._users.answered_at(session.identity))
        in_rooms = (
            max(joined_at, self._places.answered_at((project_id, socket.user_id)))
            for project_id, joined_at in socket.rooms.items()
        )
        return min([as_user, *in_rooms])

    def _end_revoked(self, revoked: dict[tokens.Identity, ProtocolError], _: float) -> None:
        # Of thousands, hardly any: only where there is one are they looked at one by one.
        if revoked:
            for session in self:
                if session.identity in revoked:
                    session.end(revoked[session.identity])

    def _put_out(self, lost: dict[RoomUser, None], asked_at: float) -> None:
        """Put out whoever was in one of these places when the database was asked.

        A socket that has rejoined since has been found to be allowed by a newer look.
        """
        if not lost:
            return
        for session in self:
            socket = session.socket
            for project_id, joined_at in list(socket.rooms.items()):
                if (project_id, socket.user_id) in lost and joined_at < asked_at:
                    self._revoke(socket, project_id)


def _end_overdue(outside: Sequence[Connection]) -> None:
    """End those, of the sockets that are in no room, that had time enough to join one."""
    deadline = conf.get().JOIN_DEADLINE
    overdue = time.monotonic() - deadline
    text = f"A socket must join a project within {deadline:g} s"
    for session in outside:
        if session.socket.idle_since < overdue:
            session.end(ProtocolError(ErrorCode.NOT_JOINED, text))


def _revoked(
    identities: Sequence[tokens.Identity],
) -> dict[tokens.Identity, ProtocolError]:
    """Return who is no longer signed in, or was disconnected by an operator: three queries."""
    orders = disconnections.orders()
    disconnected = {
        identity: disconnections.answer()
        for identity in identities
        if not orders.get(identity.user_id, set()) <= identity.disconnections
    }
    return tokens.revoked(identities) | disconnected


def _lost(places: Sequence[RoomUser]) -> dict[RoomUser, None]:
    """Return the places in which nobody may be any more."""
    project_ids = {project_id for project_id, _ in places}
    user_ids = {user_id for _, user_id in places}
    access = backend.get().access(project_ids, user_ids)
    return dict.fromkeys(set(places).difference(access))
