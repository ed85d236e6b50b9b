from __future__ import annotations

from typing import Any

import pytest

from realtime.events.describe import MAX_WIDTH, lines

NAMES = {"7": "bob", "system": "system"}


def told(type_: str, **payload: Any) -> list[str]:
    found = lines(type_, payload, "project", lambda key: NAMES[str(key)])
    return [f"{who}: {what}" for who, what, _ in found]


@pytest.mark.parametrize(
    ("type_", "payload", "expected"),
    [
        (
            "project_updated",
            {"updated_by": "7", "changes": {"title": "Hü", "content": {"a": {"b": 1}, "c": None}}},
            ['bob: title = "Hü"', "bob: content.a.b = 1", "bob: content.c removed"],
        ),
        ("user_joined", {"user_id": 8, "username": "carol"}, ["carol: joined"]),
        ("user_left", {"user_id": 7}, ["bob: left"]),
        ("member_changed", {"user_id": 7, "role": "viewer"}, ["bob: is viewer now"]),
        ("member_changed", {"user_id": 7, "role": None}, ["bob: is no member any more"]),
        (
            "task_progress",
            {"task_id": "t", "progress": 40, "message": "Processing audio..."},
            ["task: t 40 % Processing audio..."],
        ),
        (
            "task_completed",
            {"task_id": "t", "task_type": "compose", "result": {"seconds": 6}},
            ['task: t compose: {"seconds": 6}'],
        ),
        (
            "task_failed",
            {"task_id": "t", "task_type": "compose", "error": "Revoked"},
            ["task: t compose failed: Revoked"],
        ),
        ("signal", {"user_id": 7, "data": {"x": 1}}, ['bob: signal {"x": 1}']),
        ("access_revoked", {"project_id": 1}, ["room: access revoked"]),
        ("canvas_added", {"project_id": 1, "title": "A"}, ['room: canvas added {"title": "A"}']),
    ],
)
def test_what_is_told(type_: str, payload: dict[str, Any], expected: list[str]) -> None:
    assert told(type_, **payload) == expected


def test_nothing_can_command_the_terminal() -> None:
    [line] = told("user_joined", username="\x1b[2J\u202eeve\x9b", user_id=1)
    assert line == r"\x1b[2J\u202eeve\x9b: joined"


def test_a_long_value_is_cut() -> None:
    [line] = told("project_updated", updated_by="7", changes={"description": "x" * 9999})
    assert len(line) < MAX_WIDTH + 30


def test_of_many_changes_the_first_are_told() -> None:
    changes = {f"key {number}": number for number in range(5000)}
    found = told("project_updated", updated_by="7", changes=changes)
    assert len(found) == 51
    assert found[0] == "bob: key 0 = 0"
    assert found[-1] == "bob: and 4950 more changes"
