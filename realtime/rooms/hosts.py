"""Ask the hosts' classes about rooms of any kind, by the ids of rooms and users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from realtime.overrides import is_overridden_alone
from realtime.protocol.room_id import Id, RoomId
from realtime.rooms import keys, own_commands, registry
from realtime.rooms.room import Access, Forbidden, Outcome, Pending, Room, Update
from realtime.text_operations import Operation

V = TypeVar("V")


class Locked(NamedTuple):
    """Hold a room that is locked in the present transaction, and its updates to make."""

    row: Any
    updates: Sequence[tuple[Id, dict[str, Any], Mapping[str, Operation] | None]]
    """User, data and operations on texts of each."""


def access(rooms: Collection[RoomId], user_ids: Collection[Id]) -> dict[tuple[RoomId, Id], Access]:
    """Return the access of these users to these rooms; pairs without any are left out."""
    users = keys.of_users().by_value(user_ids)
    found: dict[tuple[RoomId, Id], Access] = {}
    for host, asked in _by_kind(rooms):
        for (key, user), allowed in host.access(asked.keys(), users.keys()).items():
            if key in asked and user in users:
                found[asked[key], users[user]] = allowed
    return found


def watch_access(
    rooms: Collection[RoomId], user_ids: Collection[Id]
) -> Callable[[], Hashable] | None:
    """Return a question whose answer changes whenever that of `access` does.

    None if a host has no such question.
    """
    users = keys.of_users().by_value(user_ids)
    questions: list[Callable[[], Hashable]] = []
    for host, asked in _by_kind(rooms):
        if is_overridden_alone(type(host), "access", "watch_access"):
            return None
        question = host.watch_access(asked.keys(), users.keys())
        if question is None:
            return None
        questions.append(question)
    return lambda: tuple(question() for question in questions)


def snapshots(rooms: Collection[RoomId]) -> dict[RoomId, dict[str, Any]]:
    """Return the states of rooms; a room that does not exist is left out."""
    return _ask(rooms, lambda host, asked: host.snapshots(asked))


def titles(rooms: Collection[RoomId]) -> dict[RoomId, str]:
    """Return the texts by which operators know rooms; a room without one is left out."""
    return _ask(rooms, lambda host, asked: host.titles(asked))


def lock(rooms: Collection[RoomId], *, skip_locked: bool = False) -> dict[RoomId, Any]:
    """Lock the rows behind rooms; a room that does not exist is left out.

    With `skip_locked`, so is one that somebody else holds.
    """
    return _ask(rooms, lambda host, asked: host.lock(asked, skip_locked=skip_locked))


def update(pending: Mapping[RoomId, Locked]) -> dict[RoomId, Sequence[Outcome]]:
    """Make the updates of rooms that are locked."""
    to_user = keys.of_users().to_python
    found: dict[RoomId, Sequence[Outcome]] = {}
    for host, asked in _by_kind(pending):
        by_key = {
            key: Pending(
                pending[room].row,
                [
                    Update(to_user(user_id), data, operations or {})
                    for user_id, data, operations in pending[room].updates
                ],
            )
            for key, room in asked.items()
        }
        outcomes = host.update(by_key)
        found |= {room: outcomes[key] for key, room in asked.items()}
    return found


def perform(room: RoomId, locked: Any, user_id: Id, name: str, payload: Any) -> Outcome:
    """Perform a command that a host has declared in a room that is locked, for who may update."""
    host, user = registry.kinds()[room.kind], keys.of_users().to_python(user_id)
    allowed = access([room], [user_id]).get((room, user_id))
    if allowed is None or not allowed.may_update:
        return Forbidden()
    return own_commands.perform(host, room, name, locked=locked, user=user, payload=payload)


def _ask(
    rooms: Collection[RoomId], ask: Callable[[Room, Collection[Any]], Mapping[Any, V]]
) -> dict[RoomId, V]:
    found: dict[RoomId, V] = {}
    for host, asked in _by_kind(rooms):
        found |= {asked[key]: value for key, value in ask(host, asked.keys()).items()}
    return found


def _by_kind(rooms: Collection[RoomId]) -> Iterator[tuple[Room, dict[Any, RoomId]]]:
    """Return the rooms of each kind, by the host's values of their keys."""
    keys_of: defaultdict[str, list[Id]] = defaultdict(list)
    for kind, key in rooms:
        keys_of[kind].append(key)
    # In one order, for the sake of what hosts lock beside rooms.
    for kind, ids in sorted(keys_of.items()):
        by_value = registry.key_type(kind).by_value(ids)
        # Without a key that can exist there is nothing to ask.
        if by_value:
            yield (
                registry.kinds()[kind],
                {value: RoomId(kind, each) for value, each in by_value.items()},
            )
