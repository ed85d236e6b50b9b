from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.protocol import asyncapi, messages
from realtime.protocol.errors import CloseCode, ErrorCode
from realtime.protocol.room_id import PositiveKey
from tests.harness.schemas import mistakes
from tests.harness.shape import EXAMPLES

ADDED: dict[str, dict[str, Any]] = {
    "project_updated": {"seq": 1},
    "task_progress": {"project_id": 1},
    "task_completed": {"project_id": 1, "seq": 1},
}
"""What stands beside the payload of the original messages; the schemas ask for it."""


def test_a_field_that_may_be_left_out_is_not_required() -> None:
    document = asyncapi.document({"project": PositiveKey}, PositiveKey)
    member = document["components"]["schemas"]["Member"]
    assert member["properties"].keys() - set(member["required"]) == {"presence"}


def test_it_has_every_message_and_code() -> None:
    document = asyncapi.document({"project": PositiveKey}, PositiveKey)
    channel = document["channels"]["socket"]
    commands = messages.Commands({"project": PositiveKey}).types
    classes = messages.ServerMessage.__subclasses__()
    payloads = {*messages.RoomPayload.__subclasses__(), *messages.EVENT_PAYLOADS}
    types = {each.type.format("project") for each in payloads if hasattr(each, "type")}
    never_sent = {"project_deleted"}
    names = (commands | {str(each.__struct_config__.tag) for each in classes} | types) - never_sent
    assert channel["messages"].keys() == document["components"]["messages"].keys() == names
    assert [entry["code"] for entry in channel["x-close-codes"]] == [
        code.value for code in CloseCode
    ]
    assert document["components"]["schemas"]["ErrorCode"]["enum"] == sorted(
        [*ErrorCode, "PROJECT_NOT_FOUND"]
    )


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_original_examples_are_valid(path: Path) -> None:
    message = json.loads(path.read_text()) | ADDED.get(path.stem, {})
    if path.stem == "error":
        assert message["payload"]["code"] == "ERROR_CODE"  # the page names none
        message["payload"]["code"] = ErrorCode.FORBIDDEN.value
    assert mistakes(message) == []


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"type": "join_project", "payload": {"project_id": "1"}}, "$.payload.project_id"),
        ({"type": "join_project", "payload": {"project_id": 0}}, "$.payload.project_id"),
        ({"type": "join_project"}, "'payload' is a required property"),
        ({"type": "ping", "ref": "x" * 65}, "$.ref"),
        ({"type": "error", "payload": {"code": "NONE", "message": ""}}, "$.payload.code"),
        ({"type": "ack", "payload": {"seq": 1, "changes": []}, "ref": 1}, "$.payload"),
    ],
)
def test_what_is_wrong_is_found(wrong: dict[str, Any], where: str) -> None:
    assert any(where in mistake for mistake in mistakes(wrong))
