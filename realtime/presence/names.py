"""Write rooms and users as texts of Redis, and read them back.

A room is ``<kind>:<key>``, and a colon within a key or a user is escaped: so a text that joins
several of them by colons can be split again, in Python and in Lua.
"""

from __future__ import annotations

from realtime.events.publication import RoomUser
from realtime.protocol.room_id import Id, RoomId
from realtime.rooms import keys, registry


def of_room(room: RoomId) -> str:
    return f"{room.kind}:{of_user(room.key)}"


def of_user(user_id: Id) -> str:
    if isinstance(user_id, int):
        return str(user_id)
    return user_id.replace("%", "%25").replace(":", "%3A")


def to_user(text: str) -> Id | None:
    """Return a user; None if the text is foreign."""
    return keys.of_users().parse(_unescaped(text))


def to_room_user(room: str, user: str) -> RoomUser | None:
    """Return a room and a user; None if the texts are foreign."""
    kind, _, key = room.partition(":")
    found, user_id = registry.parse(kind, _unescaped(key)), to_user(user)
    return None if found is None or user_id is None else (found, user_id)


def _unescaped(text: str) -> str:
    return text.replace("%3A", ":").replace("%25", "%")
