"""How much a server process has to do with just now."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from realtime.live.access import Connection
from realtime.live.room import Room


class Load(NamedTuple):
    sockets: int = 0
    """Open sockets of users who signed in."""
    joined: int = 0
    """Of these, sockets that are in a room."""
    rooms: int = 0
    places: int = 0
    """Sockets in rooms: one that is in two counts twice."""
    behind: int = 0
    """Rooms that wait for an event from the log."""
    unsent: int = 0
    """Bytes that wait for slow clients, of all sockets."""
    largest_unsent: int = 0
    """Bytes that wait for the slowest client."""
    unchecked: float = 0.0
    """Seconds for which the access of some socket has not been checked."""
    is_draining: bool = False


def measure(
    sessions: Collection[Connection],
    rooms: Collection[Room],
    *,
    unchecked: float = 0.0,
    is_draining: bool = False,
) -> Load:
    unsent = [session.socket.outbox.unsent for session in sessions]
    places = [len(session.socket.rooms) for session in sessions]
    return Load(
        sockets=len(sessions),
        joined=sum(1 for count in places if count),
        rooms=len(rooms),
        places=sum(places),
        behind=sum(room.is_behind for room in rooms),
        unsent=sum(unsent),
        largest_unsent=max(unsent, default=0),
        unchecked=unchecked,
        is_draining=is_draining,
    )
