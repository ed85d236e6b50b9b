"""Check the registered kinds of rooms for what the protocol cannot serve."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from realtime.rooms import registry
from realtime.rooms.room import Room

_RESERVED = frozenset(
    ("user", "task", "seq", "role", "members", "tasks", "recovered")  # of messages, beside a key
)
_LONGEST = 40


@register(Tags.compatibility)
def check_rooms(**_: Any) -> list[CheckMessage]:
    if not registry.registered:
        return [
            Error(
                "No app has registered a kind of rooms",
                hint="Register a subclass of realtime.rooms.Room in the module rooms.py of an "
                "app: docs/integrate.md has an example.",
                id="realtime.E002",
            )
        ]
    return [*_check_nouns(), *_check_duplicates()]


def _check_nouns() -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)}: {room.kind!r} cannot be a kind of rooms: {problem}",
            hint='Set `kind` to a noun in lower case, such as "board".',
            id="realtime.E040",
        )
        for room in registry.registered
        if (problem := _problem(room.kind))
    ]


def _problem(kind: str) -> str:
    if not (kind.isascii() and kind.isidentifier() and kind.islower()):
        return "it is no identifier in lower case"
    if kind in _RESERVED:
        return "a message of the protocol has a member of that name already"
    if len(kind) > _LONGEST:
        return f"it has more than {_LONGEST} letters"
    return ""


def _check_duplicates() -> list[CheckMessage]:
    counts = Counter(room.kind for room in registry.registered)
    return [
        Error(
            f"Several classes have rooms of kind {kind!r}: "
            + ", ".join(_name(room) for room in registry.registered if room.kind == kind),
            hint="Give each a `kind` of its own.",
            id="realtime.E041",
        )
        for kind, count in counts.items()
        if count > 1
    ]


def _name(room: Room) -> str:
    return f"{type(room).__module__}.{type(room).__qualname__}"
