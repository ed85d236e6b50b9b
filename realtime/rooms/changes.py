"""Compare rows before and after a transaction, and make one change for each room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from realtime import merge_patch
from realtime.events.new_event import NewEvent, deleted, member_changed, updated
from realtime.protocol.room_id import RoomId
from realtime.rooms.fields import Json
from realtime.rooms.places import Key, Place, Row, Spot
from realtime.rooms.texts import text_changes
from realtime.text_operations import Operation

if TYPE_CHECKING:
    from realtime.rooms.members import Roles
    from realtime.rooms.model_room import ModelRoom


class Touch:
    """Remember a row that a transaction changes, as it was before."""

    __slots__ = ("actor_id", "is_unknown", "many", "old")

    def __init__(self, old: Row | None, actor_id: Any) -> None:
        self.old = old
        """None if there was no such row."""
        self.is_unknown = False
        """True if its old values are not known, so that all of it is told."""
        self.many: dict[str, list[Any]] = {}
        """Old ids of many-to-many fields, of those that the transaction changes."""
        self.actor_id = actor_id


class New(NamedTuple):
    """Hold a row as it is after the transaction, in one of its places."""

    spot: Spot | None
    """None if there is no such row any more."""
    many: Json
    """Ids of its many-to-many fields, as far as they are needed."""
    below: Json
    """The rows that stand in it, where it is new in its place."""


class RoomChange:
    """Collect the changes that a transaction made in one room."""

    def __init__(self, room_id: RoomId, room: ModelRoom | None = None, key: Key = None) -> None:
        self.room_id = room_id
        self.room = room
        """None where only events of the host's own are told."""
        self.key = key
        self.changes: Json = {}
        self.before: Json = {}
        self.cleared: Json = {}
        """Nulls that are told first, in an event of their own: the old keys are not known."""
        self.members: list[tuple[Key, str | None, str | None]] = []
        """User, role and role before; None for no member."""
        self.own: list[NewEvent] = []
        """Events of the host's own, told after the changes."""
        self.is_deleted = False
        self.actor_id: Any = None
        self.operations: Mapping[str, Operation] = {}
        """Operations on texts, by which a member made the changes."""

    @property
    def is_update(self) -> bool:
        """True if the first event is one of changes."""
        return bool(self.changes) and not self.is_deleted

    def put(self, path: Sequence[str], patch: Json | None, before: Json | None) -> None:
        """Add the change of a row at its place; None takes it away."""
        _put(self.changes, path, patch)
        _put(self.before, path, before)

    def events(self) -> list[NewEvent]:
        """Return the events for the room, in order."""
        actor_id = self.actor_id
        if self.is_deleted:
            return [*self.own, deleted(actor_id=actor_id)]
        found = [updated(self.cleared, actor_id=actor_id)] if self.cleared else []
        if self.changes:
            found += map(self._updated, split(self.changes))
        found += [
            member_changed(user, role, actor_id=actor_id, role_before=role_before)
            for user, role, role_before in self.members
        ]
        return found + self.own

    def _updated(self, changes: Json) -> NewEvent:
        before = merge_patch.before(self.before, changes)
        names = () if self.room is None else self.room.text
        operations = text_changes(names, before, changes, self.operations)
        return updated(changes, actor_id=self.actor_id, before=before, operations=operations)

    def clear(self, path: Sequence[str], names: Iterable[str]) -> None:
        if patch := dict.fromkeys(names):
            _put(self.cleared, path, patch)


def _put(root: Json, path: Sequence[str], patch: Json | None) -> None:
    if not path:
        root.update(patch or {})
        return
    *above, last = path
    target: Any = root
    for name in above:
        target = target.setdefault(name, {})
        if target is None:  # the row that it stands in is taken away as a whole
            return
    if patch is None or not isinstance(target.get(last), dict):
        target[last] = patch
    else:
        target[last].update(patch)


class Changes:
    """Collect the changes of all rooms that one transaction touches."""

    def __init__(self) -> None:
        self.rooms: dict[RoomId, RoomChange] = {}

    def of(self, room: ModelRoom, key: Key) -> RoomChange:
        room_id = RoomId.of(room.kind, key)
        return self.rooms.setdefault(room_id, RoomChange(room_id, room, key))

    def found(self) -> list[RoomChange]:
        """Return the rooms in which something changed."""
        return [
            each
            for each in self.rooms.values()
            if each.changes or each.members or each.own or each.is_deleted
        ]

    def add(self, place: Place, touch: Touch, new: New) -> None:
        """Add the change of a row in one of its places."""
        old = None if touch.old is None else touch.old[place]
        if old is not None and old.key is None:
            old = None
        if place.above is None:
            self._add_root(place, touch, old, new)
            return
        is_same = old is not None and new.spot is not None and old[:2] == new.spot[:2]
        if old is not None and is_same and not touch.is_unknown:
            self._differ(place, touch, old, new)
            return
        if old is not None and not is_same:
            change = self._of(place, old, touch)
            change.put(old.path, None, _full(place, old, touch.many))
        if new.spot is not None and new.spot.key is not None:
            change = self._of(place, new.spot, touch)
            path = new.spot.path
            if touch.is_unknown:
                change.clear(path[:-1], [path[-1]])
            change.put(path, _full(place, new.spot, new.many) | new.below, None)

    def _add_root(self, place: Place, touch: Touch, old: Spot | None, new: New) -> None:
        if new.spot is None:
            if old is not None:
                self._of(place, old, touch).is_deleted = True
        elif touch.is_unknown:
            change = self._of(place, new.spot, touch)
            full = _full(place, new.spot, new.many) | new.below
            change.clear((), [name for name, value in full.items() if isinstance(value, dict)])
            change.put((), dict.fromkeys(place.fields.names) | full, {})
        elif old is not None:
            self._differ(place, touch, old, new)

    def _differ(self, place: Place, touch: Touch, old: Spot, new: New) -> None:
        if new.spot is None:
            return
        both = touch.many.keys() & new.many.keys()
        was = old.state | {name: touch.many[name] for name in both}
        now = new.spot.state | {name: new.many[name] for name in both}
        patch = merge_patch.difference(was, now)
        if patch:
            change = self._of(place, new.spot, touch)
            change.put(new.spot.path, patch, merge_patch.before(was, patch))

    def _of(self, place: Place, spot: Spot, touch: Touch) -> RoomChange:
        change = self.of(place.room, spot.key)
        if touch.actor_id is not None:
            change.actor_id = touch.actor_id
        return change

    def add_members(self, room: ModelRoom, key: Key, old: Roles, new: Roles, actor_id: Any) -> None:
        for user in sorted(old.keys() | new.keys()):
            if old.get(user) != new.get(user):
                change = self.of(room, key)
                change.members.append((user, new.get(user), old.get(user)))
                change.actor_id = change.actor_id or actor_id

    def add_own(self, room_id: RoomId, event: NewEvent) -> None:
        """Add an event of the host's own; after all changes."""
        self.rooms.setdefault(room_id, RoomChange(room_id)).own.append(event)


def _full(place: Place, spot: Spot, many: Json) -> Json:
    return spot.state | {name: ids for name, ids in many.items() if name in place.fields.many}


MAX_SIZE = 256 * 1024
"""Bytes of one event, so that a socket that lags has room for a few."""


def split(changes: Json) -> list[Json]:
    """Split changes into patches that are small enough to be sent, row by row."""
    if len(msgspec.json.encode(changes)) <= MAX_SIZE:
        return [changes]
    parts: list[Json] = [{}]
    size = 0
    for path, value in _leaves((), changes, 2):
        size += len(msgspec.json.encode(value)) + sum(map(len, path))
        if size > MAX_SIZE and parts[-1]:
            parts.append({})
            size = len(msgspec.json.encode(value))
        target = parts[-1]
        for name in path[:-1]:
            target = target.setdefault(name, {})
        target[path[-1]] = value
    return parts


def _leaves(
    path: tuple[str, ...], changes: Json, levels: int
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in changes.items():
        if isinstance(value, dict) and value and levels > 1:
            yield from _leaves((*path, name), value, levels - 1)
        else:
            yield (*path, name), value
