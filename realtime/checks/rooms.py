"""Check that the protocol can serve the registered kinds of rooms."""

from __future__ import annotations

from collections import Counter
from inspect import signature
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db.models import CharField, CompositePrimaryKey, TextField

from realtime.protocol.messages import types_of
from realtime.protocol.room_id import MAX_KEY
from realtime.rooms import own_commands, registry
from realtime.rooms.own_commands import OwnCommand
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
    return [
        *_check_nouns(),
        *_check_duplicates(),
        *_check_keys(),
        *_check_locks(),
        *_check_commands(),
    ]


def _check_nouns() -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)}: {room.kind!r} cannot be a kind of rooms: {problem}",
            hint='Set `kind` to a noun in lower case, such as "board".',
            id="realtime.E060",
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
            id="realtime.E061",
        )
        for kind, count in counts.items()
        if count > 1
    ]


def _check_keys() -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)}: the keys of {room.model._meta.label} cannot name rooms: {problem}",
            hint="Give the rooms to a model whose key is an integer, a UUID or a text.",
            id="realtime.E062",
        )
        for room in registry.registered
        if room.model is not None and (problem := _problem_of_key(room.model._meta.pk))
    ]


def _problem_of_key(field: Any) -> str:
    field = getattr(field, "target_field", field)
    if isinstance(field, CompositePrimaryKey):
        return "they have several columns"
    if isinstance(field, CharField | TextField) and (field.max_length or MAX_KEY + 1) > MAX_KEY:
        return f"they may have more than {MAX_KEY} characters"
    return ""


def _check_locks() -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)}: `lock` takes no `skip_locked`, which updates of many rooms need",
            hint="Declare `def lock(self, keys, *, skip_locked=False)`, and hand it on to "
            "select_for_update.",
            id="realtime.E064",
        )
        for room in registry.registered
        if not _takes(room.lock, "skip_locked")
    ]


def _takes(method: Any, name: str) -> bool:
    parameters = signature(method).parameters
    return name in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _check_commands() -> list[CheckMessage]:
    taken = {type_ for room in registry.registered for type_ in types_of(room.kind)}
    return [
        Error(
            f"{_name(room)}: {own.name!r} cannot be a command of clients: {problem}",
            hint="Rename the method, or annotate its payload with a plain msgspec.Struct.",
            id="realtime.E063",
        )
        for room in registry.registered
        for own in own_commands.of(room)
        if (problem := _problem_of_command(own, room, taken))
    ]


def _problem_of_command(own: OwnCommand, room: Room, taken: set[str]) -> str:
    if own.name in taken:
        return "the protocol has a command of that name"
    return own.problem(room.kind)


def _name(room: Room) -> str:
    return f"{type(room).__module__}.{type(room).__qualname__}"
