"""Keep the kinds of rooms that the installed apps have registered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model

from realtime import conf
from realtime.protocol.messages import Commands, DataLimits, OwnPayloads
from realtime.protocol.room_id import RoomId
from realtime.rooms import keys, own_commands
from realtime.rooms.keys import KeyType
from realtime.rooms.room import Room

R = TypeVar("R", bound=type[Room])

registered: list[Room] = []
"""Kinds in the order of registration; `realtime.checks.rooms` checks them."""


def register(room: R) -> R:
    """Register the rooms of one kind: a class decorator, in the module `rooms.py` of an app."""
    if not room.kind:
        name = re.sub(r"Rooms?$", "", room.__name__) or room.__name__
        room.kind = name.lower()
    instance = room()
    registered.append(instance)
    forget()
    instance.registered()
    return room


def unregister(room: type[Room]) -> None:
    """Take a kind back; for tests."""
    for each in registered:
        if type(each) is room:
            each.unregistered()
    registered[:] = [each for each in registered if type(each) is not room]
    forget()


def forget() -> None:
    """Forget what was made of the registered kinds."""
    for cached in (kinds, commands, key_type):
        cached.cache_clear()


@cache
def kinds() -> Mapping[str, Room]:
    """Return the rooms by kind; if two have one kind, the first."""
    return {room.kind: room for room in reversed(registered)}


@cache
def key_type(kind: str) -> KeyType:
    room = kinds()[kind]
    if room.model is not None:
        return keys.of_field(room.model._meta.pk)
    return keys.TYPES[room.key_type]


@conf.cached
def commands() -> Commands:
    """Return the commands that clients may send."""
    ordered = dict.fromkeys(room.kind for room in registered)
    settings = conf.get()
    limits = DataLimits(
        update=settings.MAX_DATA_SIZE,
        signal=settings.MAX_SIGNAL_SIZE,
        presence=settings.MAX_PRESENCE_SIZE,
        depth=settings.MAX_DATA_DEPTH,
        containers=settings.MAX_DATA_CONTAINERS,
    )
    return Commands({kind: key_type(kind).on_wire for kind in ordered}, limits, own_payloads())


def own_payloads() -> dict[str, OwnPayloads]:
    """Return the payloads of the commands that hosts have declared, by kind."""
    return {kind: own_commands.payloads(room) for kind, room in kinds().items()}


def parse(kind: str, key: Any) -> RoomId | None:
    """Return the room named in a URL, a task's argument or Redis; None if it cannot exist."""
    if kind not in kinds():
        return None
    found = key_type(kind).parse(key)
    return None if found is None else RoomId(kind, found)


def room_of(instance: Model) -> RoomId:
    """Return the room of an object.

    Raises:
        LookupError: if its model has no rooms.
    """
    for room in registered:
        if room.model is not None and isinstance(instance, room.model):
            return RoomId.of(room.kind, instance.pk)
    raise LookupError(f"{instance._meta.label} has no rooms: no registered Room has it as `model`")


def display_names(user: Any) -> tuple[tuple[str, str], ...]:
    """Return the name that others see of a user, for each kind."""
    return tuple((kind, room.display_name(user)) for kind, room in kinds().items())
