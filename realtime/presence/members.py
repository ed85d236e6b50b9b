"""Keep the users of one room: those of this process and those of the others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec

from realtime.events.publication import NO_STATE, RoomUser, State
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

    def mark_state(self, room: RoomId, user_id: Id) -> None:
        """Queue a user whose state in Redis is not right any more, for the next tick."""

    def relist(self, room: RoomId, user_id: Id) -> None:
        """Queue a user of this process whose entry another process has removed."""


class Members:
    """Keep the users of one room, and show every change to the room's sockets.

    No method awaits anything: the tracker tells Redis of it, and the reconciler corrects it from
    Redis.
    """

    def __init__(
        self,
        room: RoomId,
        show: Callable[[str], None],
        entries: Entries,
        *,
        number: int = 0,
        show_state: Callable[[str, str, object], None] = lambda *_: None,
    ) -> None:
        """
        Args:
            show: hands a frame to the local sockets of the room.
            show_state: hands a frame to those that asked for presence, except one; gets the key by
                which a newer frame replaces it.
        """
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
        self._show_state = show_state
        self._states: dict[Id, State] = {}
        """The state of each user who has ever shown one."""
        self._own: dict[Id, tuple[object, State]] = {}
        """States of this process's users, each with the socket that set it last."""
        self._doubted: dict[Id, State] = {}
        """States that were newer than what Redis had at the last comparison."""
        self._entries = entries
        self._sockets: Counter[Id] = Counter()
        """Local sockets per user."""

    # --- the sockets of this process

    def add_socket(self, user_id: Id) -> None:
        self._sockets[user_id] += 1

    def remove_socket(self, user_id: Id, socket: object = None) -> None:
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]
            self._own.pop(user_id, None)
        elif (own := self._own.get(user_id)) and own[0] is socket:
            # The user's other sockets have said nothing since.
            self.set_own_state(user_id, socket, NO_STATE.text)

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

    # --- what users show of themselves

    def set_own_state(self, user_id: Id, socket: object, text: str) -> State:
        """Note, show and return what a socket of this process says of its user."""
        stamp = max(time.time_ns() // 10**6, self._state(user_id).stamp + 1)
        state = State(stamp, text)
        self._own[user_id] = (socket, state)
        self._set_state(user_id, state, exclude=socket)
        self._entries.mark_state(self.room, user_id)
        return state

    def own_state(self, user_id: Id) -> State:
        """Return what this process has to list of a user."""
        return self._own[user_id][1] if user_id in self._own else NO_STATE

    def hear_state(self, user_id: Id, state: State) -> None:
        """Apply another process's message; one that comes late is older, and is dropped."""
        if user_id in self.present and state > self._state(user_id):
            self._set_state(user_id, state)

    def compare_state(self, user_id: Id, found: State) -> bool:
        """Correct a state by that in Redis; return False if it has to be compared again.

        Redis is told at each tick only, so what the layer brought may be newer. If it still is at
        the next comparison, the process that said it is gone, or Redis has lost it.
        """
        known = self._state(user_id)
        found = max(found, self.own_state(user_id))
        if found < known and self._doubted.get(user_id) != known:
            self._doubted[user_id] = known
            return False
        self._doubted.pop(user_id, None)
        if found != known:
            self._set_state(user_id, found)
        return True

    def _state(self, user_id: Id) -> State:
        return self._states.get(user_id, NO_STATE)

    def _set_state(self, user_id: Id, state: State, *, exclude: object = None) -> None:
        is_same = state.text == self._state(user_id).text
        self._states[user_id] = state
        if not is_same:
            payload = messages.PresencePayload(user_id, msgspec.json.decode(state.text))
            key = f"presence:{self.room}:{user_id}"
            self._show_state(messages.encode_in(self.room, payload), key, exclude)

    # --- Redis

    def mark_loaded(self) -> None:
        """Note that the members have been read from Redis."""
        self.is_loaded = True

    def mark_matched(self, version: str | None) -> None:
        """Note the version in Redis that the members match, until they change."""
        self.version = version

    # --- everybody

    def count_with(self, user_id: Id) -> int:
        """Return how many are in the room with a user, who may be in it already."""
        return len(self.present) + (user_id not in self.present)

    def listed(
        self, user_id: Id, username: str, *, with_presence: bool = False
    ) -> list[messages.Member]:
        """Return a user, and the others who are in the room: as many as an `ack` may name."""
        listed = [self._member(user_id, username, with_presence=with_presence)]
        size = 0
        for other, name in self.present.items():
            size += _ENTRY_SIZE + len(name.encode())
            if with_presence:
                size += len(self._state(other).text.encode())
            if len(listed) >= MAX_LISTED or size > _MAX_LISTED_SIZE:
                break
            if other != user_id:
                listed.append(self._member(other, name, with_presence=with_presence))
        return listed

    def _member(self, user_id: Id, name: str, *, with_presence: bool) -> messages.Member:
        text = self._state(user_id).text
        if not with_presence or text == NO_STATE.text:
            return messages.Member(user_id, name)
        return messages.Member(user_id, name, msgspec.json.decode(text))

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
        self._states.pop(user_id, None)
        self._doubted.pop(user_id, None)
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
