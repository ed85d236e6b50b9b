"""A project's log as a history for people: what changed, from what to what."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from realtime.models import Event

MAX_WIDTH = 200
"""Characters of one value."""


class Difference(NamedTuple):
    what: str
    before: str
    """Empty where there was nothing, or nothing is known."""
    after: str


def differences(event: Event, usernames: dict[int, str]) -> list[Difference]:
    """Return what an event says; `usernames` are those of `user_ids`."""
    payload = event.payload
    match event.type:
        case "project_updated":
            return _changes("", event.before or {}, payload["changes"])
        case "member_changed":
            user_id = payload["user_id"]
            name = usernames.get(user_id, f"user {user_id}")
            before = (event.before or {}).get("role")
            return [Difference(f"role of {name}", before or "", payload["role"] or "none")]
        case "task_completed":
            return [Difference(payload["task_type"], "", short(payload["result"]))]
        case "task_failed":
            return [Difference(payload["task_type"], "", f"failed: {payload['error']}")]
        case _:
            rest = {key: value for key, value in payload.items() if key != "project_id"}
            return [Difference(event.type.replace("_", " "), "", short(rest) if rest else "")]


def user_ids(events: list[Event]) -> set[int]:
    """Return the users whom the events name beside those who acted."""
    return {event.payload["user_id"] for event in events if event.type == "member_changed"}


def _changes(prefix: str, before: dict[str, Any], changes: dict[str, Any]) -> list[Difference]:
    found = []
    for key, value in changes.items():
        old = before.get(key)
        if isinstance(value, dict) and value:
            found += _changes(f"{prefix}{key}.", old if isinstance(old, dict) else {}, value)
        else:
            found.append(Difference(f"{prefix}{key}", short(old), short(value)))
    return found


def short(value: Any) -> str:
    """Return a value as one line of text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"
