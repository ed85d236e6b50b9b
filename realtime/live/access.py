"""End connections and joins that the clock or the database no longer allows.

A host that ends somebody's access appends an event, and the room acts on it at once. This module
finds the rest: users who were deactivated or signed out, and rows that somebody changed or deleted
past the host's services. So the end of access takes effect within `ACCESS_INTERVAL` and a query,
however it came. A connection that cannot be checked for `ACCESS_TIMEOUT` ends too: a check that
fails is no permission.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import NamedTuple, Protocol

from realtime import conf
from realtime.auth import authenticator, base, disconnections
from realtime.auth.base import Identity
from realtime.events.publication import RoomUser
from realtime.live.looks import Look
from realtime.live.room import Subscriber
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.room_id import RoomId
from realtime.rooms import hosts


class Connection(Protocol):
    """Describe what the monitor needs of an open connection."""

    identity: Identity
    identified_at: float
    """When the identity was last found to be allowed, by `time.monotonic()`."""
    socket: Subscriber

    def end(self, error: ProtocolError) -> None:
        """Tell the client why, and close."""

    def drain(self) -> None:
        """Tell the client that this server process ends, and close."""


class Survey(NamedTuple):
    """Hold what one walk over all sockets found, for the clock and for the database."""

    identities: list[Identity]
    room_users: set[RoomUser]
    expired: list[Connection]
    outside: list[Connection]
    """Connections whose sockets are in no room."""


class AccessMonitor:
    """Hold the open connections, and end those that may not be open any more, or never join.

    It asks the database two questions, one about our own tables and one by the host's code. Each
    fails by itself: an error of one leaves the other as it is.
    """

    def __init__(self, revoke: Callable[[Subscriber, RoomId], None]) -> None:
        """`revoke` puts a socket out of a room."""
        self._revoke = revoke
        self._open: set[Connection] = set()
        self._users: Look[Identity, ProtocolError] = Look(
            "users", revoked, self._end_revoked, attrgetter("user_id"), watch=watch_identities
        )
        self._room_users: Look[RoomUser, None] = Look(
            "room_users",
            lost_access,
            self._put_out,
            itemgetter(0),
            itemgetter(1),
            watch=watch_room_users,
        )

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._open

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._open))

    def add(self, connection: Connection) -> None:
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        self._open.discard(connection)

    def begin(self) -> None:
        """Count the age of answers from now on: before, there was nobody to ask about."""
        self._users.reset()
        self._room_users.reset()

    async def check(self) -> None:
        """Compare all connections with the clock, and begin to compare them with the database.

        Nothing is awaited here, so that a database that hangs holds up no clock.
        """
        survey = self._survey()
        for connection in survey.expired:
            connection.end(base.expired())
        _end_overdue(survey.outside)
        self._end_unchecked()
        self._users.begin(survey.identities)
        self._room_users.begin(tuple(survey.room_users))

    @property
    def unchecked(self) -> float:
        """Return the age in seconds of the oldest answer that a socket relies on."""
        return time.monotonic() - min(self._users.oldest, self._room_users.oldest)

    async def close(self) -> None:
        await self._users.close()
        await self._room_users.close()

    def _survey(self) -> Survey:
        """Walk once over all sockets.

        The walk costs as much as all that is done with its result: after a second of rest, hardly
        anything of a socket is still in the CPU's caches.
        """
        survey = Survey([], set(), [], [])
        # By the wall clock: a timer knows nothing of a clock that was set, or of a suspended VM.
        now = time.time()
        for connection in self._open:
            identity = connection.identity
            if identity.ends_at <= now:
                survey.expired.append(connection)
                continue
            survey.identities.append(identity)
            socket = connection.socket
            for room in socket.rooms:
                survey.room_users.add((room, socket.user_id))
            if not socket.rooms:
                survey.outside.append(connection)
        return survey

    def _end_unchecked(self) -> None:
        """End connections that could not be checked for too long."""
        least = time.monotonic() - conf.get().ACCESS_TIMEOUT
        if self._users.oldest >= least and self._room_users.oldest >= least:
            return
        for connection in self:
            if self._checked_at(connection) < least:
                connection.end(
                    ProtocolError(
                        ErrorCode.UNAVAILABLE, "Your access cannot be checked; connect again later"
                    )
                )

    def _checked_at(self, connection: Connection) -> float:
        """Return when a connection, and each of its rooms, was last found to be allowed."""
        socket = connection.socket
        as_user = max(connection.identified_at, self._users.answered_at(connection.identity))
        in_rooms = (
            max(joined_at, self._room_users.answered_at((room, socket.user_id)))
            for room, joined_at in socket.rooms.items()
        )
        return min([as_user, *in_rooms])

    def _end_revoked(self, revoked: dict[Identity, ProtocolError], _: float) -> None:
        # Rarely is anybody: only then walk over thousands of connections.
        if revoked:
            for connection in self:
                if connection.identity in revoked:
                    connection.end(revoked[connection.identity])

    def _put_out(self, lost: dict[RoomUser, None], asked_at: float) -> None:
        """Put out the sockets that were there when the database was asked.

        A socket that has rejoined since is allowed by a newer answer, that of its join.
        """
        if not lost:
            return
        for connection in self:
            socket = connection.socket
            for room, joined_at in list(socket.rooms.items()):
                if (room, socket.user_id) in lost and joined_at < asked_at:
                    self._revoke(socket, room)


def _end_overdue(outside: Sequence[Connection]) -> None:
    """End the sockets that had time enough to join a room, and are in none."""
    deadline = conf.get().JOIN_DEADLINE
    overdue = time.monotonic() - deadline
    text = f"A socket must join a room within {deadline:g} s"
    for connection in outside:
        if connection.socket.idle_since < overdue:
            connection.end(ProtocolError(ErrorCode.NOT_JOINED, text))


def revoked(
    identities: Sequence[Identity],
) -> dict[Identity, ProtocolError]:
    """Return who is no longer signed in, or was disconnected by an operator: three queries."""
    orders = disconnections.pending()
    disconnected = {
        identity: disconnections.to_error()
        for identity in identities
        if not orders.get(identity.user_id, set()) <= identity.disconnections
    }
    return authenticator.revoked(identities) | disconnected


def watch_identities(identities: Sequence[Identity]) -> Callable[[], Hashable] | None:
    """Return a question whose answer changes whenever that of `revoked` does; None for none."""
    question = authenticator.watch(identities)
    return None if question is None else lambda: (disconnections.pending(), question())


def watch_room_users(room_users: Sequence[RoomUser]) -> Callable[[], Hashable] | None:
    """Return a question whose answer changes whenever that of `lost_access` does; None for none."""
    return hosts.watch_access(
        {room for room, _ in room_users}, {user_id for _, user_id in room_users}
    )


def lost_access(room_users: Sequence[RoomUser]) -> dict[RoomUser, None]:
    """Return the users who may not be in their rooms any more."""
    rooms = {room for room, _ in room_users}
    user_ids = {user_id for _, user_id in room_users}
    access = hosts.access(rooms, user_ids)
    return dict.fromkeys(set(room_users).difference(access))
