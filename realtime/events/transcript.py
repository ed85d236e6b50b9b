"""Describe a room's messages as lines for people: who did what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from realtime.client import Message

NameOf = Callable[[int | str], str]

MAX_WIDTH = 120
"""Characters of one value."""
_MAX_CHANGES = 50
"""Lines of one message: an update may have thousands of changes."""


class Line(NamedTuple):
    who: str
    what: str
    kind: str
    """`change`, `presence`, `task`, `failure` or `other`."""


def lines(message: Message, name_of: NameOf) -> list[Line]:
    """Return what a message says; `name_of` gives a user's name for their id."""
    payload = message.payload
    match message.type:
        case "project_updated":
            who = name_of(payload["updated_by"])
            changes = _changes("", payload["changes"])
            if len(changes) > _MAX_CHANGES:
                changes[_MAX_CHANGES:] = [f"and {len(changes) - _MAX_CHANGES} more changes"]
            found = [Line(who, what, "change") for what in changes]
        case "user_joined":
            found = [Line(payload["username"], "joined", "presence")]
        case "user_left":
            found = [Line(name_of(payload["user_id"]), "left", "presence")]
        case "member_changed":
            role = payload["role"]
            what = "is no member any more" if role is None else f"is {role} now"
            found = [Line(name_of(payload["user_id"]), what, "change")]
        case "task_progress":
            what = f"{payload['task_id']} {payload['progress']} % {payload['message']}"
            found = [Line("task", what, "task")]
        case "task_completed":
            what = f"{payload['task_id']} {payload['task_type']}: {_value(payload['result'])}"
            found = [Line("task", what, "task")]
        case "task_failed":
            what = f"{payload['task_id']} {payload['task_type']} failed: {payload['error']}"
            found = [Line("task", what, "failure")]
        case "signal":
            found = [
                Line(name_of(payload["user_id"]), f"signal {_value(payload['data'])}", "other")
            ]
        case _:
            rest = {key: value for key, value in payload.items() if key != "project_id"}
            what = message.type.replace("_", " ")
            found = [Line("room", f"{what} {_value(rest)}" if rest else what, "other")]
    return [Line(printable(line.who), printable(line.what), line.kind) for line in found]


def _changes(prefix: str, changes: dict[str, Any]) -> list[str]:
    found = []
    for key, value in changes.items():
        if isinstance(value, dict) and value:
            found += _changes(f"{prefix}{key}.", value)
        elif value is None:
            found.append(f"{prefix}{key} removed")
        else:
            found.append(f"{prefix}{key} = {_value(value)}")
    return found


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"


def printable(text: str) -> str:
    """Return a text that can do nothing to a terminal: what people write is in it."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
