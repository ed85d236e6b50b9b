"""Keep the users of one room: those of this process and those of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from realtime.events.publication import RoomUser
from realtime.protocol import messages
from realtime.protocol.room_id import Id, RoomId

UNMATCHED = ""
"""The version of members who have changed since they were compared with Redis."""


MAX_LISTED = 1000
"""Members that an `ack` names."""
_MAX_LISTED_SIZE = 128 * 1024
_ENTRY_SIZE = 48
"""Bytes that a member takes in an `ack`, beside the name."""


class Entries(Protocol):
    """Describe the tracker as the members of a room see it."""

    def mark_dirty(self, room: RoomId, user_id: Id) -> None:
        """Queue a user whose entry in Redis may not be right any more."""

    def relist(self, room: RoomId, user_id: Id) -> None:
        """Queue a user of this process whose entry another process has removed."""


class Members:
    """Keep the users of one room, and show every change to the room's sockets.

    No method awaits anything: the tracker tells Redis of it, and the reconciler corrects it from
    Redis.
    """

    def __init__(
        self, room: RoomId, show: Callable[[str], None], entries: Entries, *, number: int = 0
    ) -> None:
        """`show` hands a frame to the local sockets of the room."""
        self.room = room
        self.number = number
        """Number of the room in this process; it spreads the sweeps of rooms over the ticks."""
        self.present: dict[Id, str] = {}
        """All users in the room, in this process and in others: user id → name."""
        self.is_loaded = False
        """True once the members have been read from Redis."""
        self.version: str | None = UNMATCHED
        """Redis version that these members last matched; reset by every change."""
        self._show = show
        self._entries = entries
        self._sockets: Counter[Id] = Counter()
        """Local sockets per user."""

    # --- the sockets of this process

    def add_socket(self, user_id: Id) -> None:
        self._sockets[user_id] += 1

    def remove_socket(self, user_id: Id) -> None:
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]

    @property
    def local(self) -> Collection[Id]:
        """The users with a socket in this process."""
        return self._sockets.keys()

    def mark_dirty(self, user_id: Id) -> None:
        """Have the tracker tell Redis of a user whose local sockets have come or gone.

        A user who came is shown already. A user whose last local socket has gone is shown to have
        left once Redis has said that no other process has them, or cannot say it.
        """
        self._entries.mark_dirty(self.room, user_id)

    def request_relist(self, user_id: Id) -> None:
        """Queue a local user whose entry another process has removed, to be listed again."""
        self._entries.relist(self.room, user_id)

    # --- everybody

    def count_with(self, user_id: Id) -> int:
        """Return how many are in the room with a user, who may be in it already."""
        return len(self.present) + (user_id not in self.present)

    def listed(self, user_id: Id, username: str) -> list[messages.Member]:
        """Return a user, and the others who are in the room: as many as an `ack` may name."""
        listed = [messages.Member(user_id, username)]
        size = 0
        for other, name in self.present.items():
            size += _ENTRY_SIZE + len(name.encode())
            if len(listed) >= MAX_LISTED or size > _MAX_LISTED_SIZE:
                break
            if other != user_id:
                listed.append(messages.Member(other, name))
        return listed

    def arrive(self, user_id: Id, username: str) -> bool:
        """Add a user. Tell the room and return True if they are new."""
        if user_id in self.present:
            return False
        self.present[user_id] = username
        self.version = UNMATCHED
        self._show(self.joined_text(user_id, username))
        return True

    def depart(self, user_id: Id) -> bool:
        """Remove a user. Tell the room and return True if they were present."""
        if self.present.pop(user_id, None) is None:
            return False
        self.version = UNMATCHED
        self._show(messages.encode_in(self.room, messages.UserLeftPayload(user_id)))
        return True

    def joined_text(self, user_id: Id, username: str) -> str:
        """Return the `user_joined` of a user."""
        return messages.encode_in(self.room, messages.UserJoinedPayload(user_id, username))


def is_local(rooms: Mapping[RoomId, Members], room_user: RoomUser) -> bool:
    """Return True if a user has a socket of this process in a room."""
    room, user_id = room_user
    members = rooms.get(room)
    return members is not None and user_id in members.local
