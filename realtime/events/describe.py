"""Describe events and messages of rooms as text for people: in the admin, and in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from realtime.models import Event
from realtime.protocol import messages
from realtime.protocol.room_id import Id, key_name

MAX_WIDTH = 200
"""Characters of one value."""
_MAX_DIFFERENCES = 20
"""Differences shown of one event: an update may have thousands."""
_MAX_LINES = 50
"""Lines shown of one message."""

NameOf = Callable[[Id], str]


class Difference(NamedTuple):
    """Show one value before and after an event."""

    what: str
    before: str
    """Empty where there was nothing, or nothing is known."""
    after: str


class Line(NamedTuple):
    """Show one line of a terminal: who did what."""

    who: str
    what: str
    kind: str
    """`change`, `presence`, `task`, `failure` or `other`."""


class _Change(NamedTuple):
    path: str
    before: Any
    after: Any


def differences(event: Event, usernames: Mapping[Id, str]) -> list[Difference]:
    """Return the first differences that an event made; `usernames` are those of its users."""
    found = _differences(event, usernames)
    if len(found) > _MAX_DIFFERENCES:
        rest = len(found) - _MAX_DIFFERENCES
        found[_MAX_DIFFERENCES:] = [Difference(f"{rest} more", "", "")]
    return found


def unread(event: Event) -> list[Difference]:
    """Return a text in place of the differences of an event that was not read."""
    text = f"{event.size} bytes; open this event to see them"
    return [Difference(_in_words(event.type), "", text)]


def _differences(event: Event, usernames: Mapping[Id, str]) -> list[Difference]:
    payload, before = event.payload, event.before or {}
    if messages.event_payload(event.type, event.room.kind) is messages.UpdatedPayload:
        changes = _changes("", before, payload["changes"])
        return [Difference(path, short(old), short(new)) for path, old, new in changes]
    match event.type:
        case "member_changed":
            user_id = payload["user_id"]
            what = f"role of {usernames.get(user_id, f'user {user_id}')}"
            return [Difference(what, before.get("role") or "", payload["role"] or "none")]
        case "task_completed":
            return [Difference(payload["task_type"], "", short(payload["result"]))]
        case "task_failed":
            return [Difference(payload["task_type"], "", f"failed: {payload['error']}")]
        case _:
            rest = _without_room(payload, event.room.kind)
            return [Difference(_in_words(event.type), "", short(rest) if rest else "")]


def lines(type_: str, payload: dict[str, Any], kind: str, name_of: NameOf) -> list[Line]:
    """Return the lines for a message to a room of a kind, safe to print."""
    found = _lines(type_, payload, kind, name_of)
    return [Line(printable(line.who), printable(line.what), line.kind) for line in found]


def _lines(type_: str, payload: dict[str, Any], kind: str, name_of: NameOf) -> list[Line]:
    if type_ == f"{kind}_updated":
        who = name_of(payload["updated_by"])
        told = [_told(change) for change in _changes("", {}, payload["changes"])]
        if len(told) > _MAX_LINES:
            told[_MAX_LINES:] = [f"and {len(told) - _MAX_LINES} more changes"]
        return [Line(who, what, "change") for what in told]
    match type_:
        case "user_joined":
            line = Line(payload["username"], "joined", "presence")
        case "user_left":
            line = Line(name_of(payload["user_id"]), "left", "presence")
        case "member_changed":
            role = payload["role"]
            what = "is no member any more" if role is None else f"is {role} now"
            line = Line(name_of(payload["user_id"]), what, "change")
        case "task_progress":
            what = f"{payload['task_id']} {payload['progress']} % {payload['message']}"
            line = Line("task", what, "task")
        case "task_completed":
            what = f"{payload['task_id']} {payload['task_type']}: {_as_json(payload['result'])}"
            line = Line("task", what, "task")
        case "task_failed":
            what = f"{payload['task_id']} {payload['task_type']} failed: {payload['error']}"
            line = Line("task", what, "failure")
        case "signal":
            what = f"signal {_as_json(payload['data'])}"
            line = Line(name_of(payload["user_id"]), what, "other")
        case _:
            rest = _without_room(payload, kind)
            what = _in_words(type_)
            line = Line("room", f"{what} {_as_json(rest)}" if rest else what, "other")
    return [line]


def _told(change: _Change) -> str:
    if change.after is None:
        return f"{change.path} removed"
    return f"{change.path} = {_as_json(change.after)}"


def _changes(prefix: str, before: dict[str, Any], changes: dict[str, Any]) -> Iterator[_Change]:
    for key, value in changes.items():
        old = before.get(key)
        if isinstance(value, dict) and value:
            yield from _changes(f"{prefix}{key}.", old if isinstance(old, dict) else {}, value)
        else:
            yield _Change(f"{prefix}{key}", old, value)


def _without_room(payload: dict[str, Any], kind: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != key_name(kind)}


def _in_words(type_: str) -> str:
    return type_.replace("_", " ")


def short(value: Any) -> str:
    """Return a value as one line of text; nothing for None."""
    if value is None:
        return ""
    return _cut(value) if isinstance(value, str) else _as_json(value)


def _as_json(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"


def printable(text: str) -> str:
    """Escape the control characters that people may have written, so that no terminal obeys."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
