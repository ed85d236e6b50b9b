"""The codec: whatever text comes in, a typed command or a clear error comes out."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.events import new_event
from realtime.events.new_event import NewEvent
from realtime.protocol import messages, strict_json
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.room_id import PositiveKey, RoomId
from tests.harness.schemas import mistakes

COMMANDS = messages.Commands({"project": PositiveKey})
ROOM = RoomId("project", 5)


def refusal(text: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        COMMANDS.decode(text)
    return caught.value


def command(type_: str, payload: Any, **envelope: Any) -> str:
    return json.dumps({"type": type_, "payload": payload, **envelope})


def test_join_is_read() -> None:
    read = COMMANDS.decode(command("join_project", {"project_id": 123}))
    assert isinstance(read, messages.Join)
    assert (read.room, read.payload.since) == (RoomId("project", 123), None)


def test_additions_stand_beside_the_payload() -> None:
    text = command(
        "update_project",
        {"project_id": 1, "data": {"title": "New"}},
        ref="r1",
        idempotency_key="k1",
    )
    read = COMMANDS.decode(text)
    assert isinstance(read, messages.Update)
    assert (read.ref, read.idempotency_key) == ("r1", "k1")


def test_unknown_members_are_ignored() -> None:
    read = COMMANDS.decode(command("join_project", {"project_id": 1, "colour": "red"}, sent_at=5))
    assert isinstance(read, messages.Join)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.INVALID_JSON),
        ("nope", ErrorCode.INVALID_JSON),
        ("{", ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": NaN}', ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": -Infinity}', ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": 1e400}', ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": ' + "9" * 5000 + "}", ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": 9223372036854775808}', ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": 1, "a": 2}', ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": "\\ud800"}', ErrorCode.INVALID_JSON),
        ("[" * 100_000, ErrorCode.INVALID_JSON),
        ('{"type": "ping", "a": ' + "[" * 40 + "]" * 40 + "}", ErrorCode.INVALID_JSON),
        ("[]", ErrorCode.INVALID_MESSAGE),
        ("1", ErrorCode.INVALID_MESSAGE),
        ("null", ErrorCode.INVALID_MESSAGE),
        ("{}", ErrorCode.INVALID_MESSAGE),
        ('{"type": 1}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "join_project"}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "join_project", "payload": null}', ErrorCode.INVALID_MESSAGE),
        ('{"type": "shutdown", "payload": {}}', ErrorCode.UNKNOWN_TYPE),
        ('{"type": "websocket.close", "payload": {}}', ErrorCode.UNKNOWN_TYPE),
    ],
)
def test_what_is_no_message_is_named(text: str, code: ErrorCode) -> None:
    assert refusal(text).code is code


@pytest.mark.parametrize(
    "project_id", [True, 1.0, 1.9, " 1 ", "1", "１", 0, -1, None, [1], {"a": 1}, "1\nproject_2"]
)
def test_a_project_id_is_a_positive_integer(project_id: Any) -> None:
    error = refusal(command("join_project", {"project_id": project_id}))
    assert error.code is ErrorCode.INVALID_MESSAGE
    assert "$.payload.project_id" in error.message


def test_an_error_carries_the_ref_of_a_broken_command() -> None:
    assert refusal(command("join_project", {}, ref=7)).ref == 7
    assert refusal(command("nonsense", {}, ref="a")).ref == "a"
    assert refusal(command("join_project", {}, ref={"no": "ref"})).ref is None


@pytest.mark.parametrize("value", ["1e300", "-9.3e18", "9223372036854775808", "1e400", "[" * 40])
def test_an_error_carries_the_ref_of_what_is_json_but_not_taken(value: str) -> None:
    closed = value + "]" * value.count("[")
    error = refusal(f'{{"type": "ping", "ref": "r", "payload": {{"a": {closed}}}}}')
    assert (error.code, error.ref) == (ErrorCode.INVALID_JSON, "r")


def test_every_number_can_be_written_out_in_forty_characters() -> None:
    least = math.nextafter(strict_json.LEAST, 1)
    for number in (0.1, -least, 1.2246467991473532e-16, math.nextafter(-(2.0**63), 0), 2**63 - 1):
        assert strict_json.parse(json.dumps(number)) == number
        assert len(f"{Decimal(repr(number)):f}") <= 40
    assert [strict_json.parse(text) for text in ("5e-324", "-9.9e-21", "1e-400")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], False),
        (1, False),
        ({"a": [1, "x", {}], "b": None}, False),
        ({"a": [1, "x", {}], "b": []}, True),
        ([[[[]]]], True),
        ([[], 1, [], 2, [], 3], True),
    ],
)
def test_lists_and_objects_are_counted(value: Any, expected: bool) -> None:
    assert strict_json.has_more_containers(value, 3) is expected


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    try:
        COMMANDS.decode(text)
    except ProtocolError as error:
        assert error.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(["join_project", "update_project", "ping", "send_signal"]), json_values)
def test_any_payload_is_answered(type_: str, payload: Any) -> None:
    try:
        read = COMMANDS.decode(command(type_, payload))
    except ProtocolError as error:
        assert error.message
    else:
        msgspec.json.encode(read)


def test_output_is_strict_json() -> None:
    payload = messages.TaskCompletedPayload("t", "measure", {"figure": float("nan")})
    text = messages.encode_in(ROOM, payload)
    assert json.loads(text, parse_constant=pytest.fail)["payload"]["result"] == {"figure": None}


def test_an_event_names_its_project_once() -> None:
    updated = json.loads(messages.encode_event("a", {"project_id": 5}, room=ROOM, seq=1))
    completed = json.loads(messages.encode_event("b", {"task_id": "t"}, room=ROOM, seq=2))
    several = {"project_id": 5, "board_id": 7}
    added = json.loads(messages.encode_event("c", several, room=ROOM, seq=3))
    assert updated == {"type": "a", "payload": {"project_id": 5}, "seq": 1}
    assert added == {"type": "c", "payload": several, "seq": 3, "project_id": 5}
    assert completed == {"type": "b", "payload": {"task_id": "t"}, "seq": 2, "project_id": 5}


NAMED = [
    new_event.updated({"title": "A", "content": {"a": None}}, actor_id=7),
    new_event.member_changed(7, "viewer"),
    new_event.member_changed(7, None),
    new_event.task_completed("t", "compose", {"seconds": 6}),
    new_event.task_failed("t", "compose", "Revoked"),
]


@pytest.mark.parametrize("event", NAMED, ids=lambda event: event.type)
def test_an_event_is_sent_as_the_document_has_it(event: NewEvent) -> None:
    payload = event.payload
    assert isinstance(payload, messages.EventPayload)
    type_ = event.type.format("project")
    text = messages.encode_event(type_, messages.to_dict(ROOM, payload), room=ROOM, seq=3)
    assert mistakes(json.loads(text)) == []


def test_every_event_that_the_protocol_names_is_tried() -> None:
    sent = {payload.type for payload in messages.EVENT_PAYLOADS} - {"{}_deleted"}  # puts all out
    assert {event.type for event in NAMED} == sent


def test_an_event_says_whose_access_and_which_task_ends() -> None:
    ended = {
        type_: (found.evicts(payload), found.ends(payload))
        for event in [*NAMED, new_event.deleted()]
        for type_, payload in [
            (event.type.format("project"), messages.to_dict(ROOM, cast("Any", event.payload)))
        ]
        if (found := messages.event_payload(type_, "project"))
    }
    assert ended == {
        "project_updated": (None, None),
        "member_changed": (7, None),
        "task_completed": (None, "t"),
        "task_failed": (None, "t"),
        "project_deleted": (messages.EVERYONE, None),
    }


def test_an_event_without_a_user_is_by_the_system() -> None:
    assert new_event.author(None) == "system"
    assert new_event.author(7) == "7"
