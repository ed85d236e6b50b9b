"""What clients may not do to a project by its room, and what the room may not show.

The numbers are those of the cases in `docs/security.md`; these run on SQLite and PostgreSQL,
and expect the same answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from projects.models import Project, Role
from projects.services import staff
from realtime.db import threads
from realtime.events import log
from realtime.events.new_event import NewEvent
from realtime.live import joins
from realtime.models import TaskState
from realtime.tasks import state
from realtime.tasks.progress import Report
from tests.harness.rooms import project as project_room
from tests.harness.sockets import Message, Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


@dataclass
class Cast:
    project_id: int
    other_id: int
    """A project of dave's, in which nobody else is."""
    users: dict[str, User]

    async def connect(self, username: str) -> Socket:
        return await Socket.connect(str(AccessToken.for_user(self.users[username])))


def make_cast() -> Cast:
    users = {name: User.objects.create_user(name) for name in ("alice", "bob", "dave")}
    project = services.create_project(user=users["alice"], data={"title": "A project"})
    other = services.create_project(user=users["dave"], data={"title": "Another"})
    staff.update_member(
        project_id=project.pk, user_id=users["bob"].pk, role=Role.EDITOR, actor_id=None
    )
    return Cast(project.pk, other.pk, users)


@pytest.fixture
async def cast(transactional_db: None) -> Cast:
    return await threads.run(make_cast)


@pytest.fixture
async def room(cast: Cast) -> AsyncIterator[tuple[Socket, Socket]]:
    """Alice and bob in the project's room."""
    alice, bob = await cast.connect("alice"), await cast.connect("bob")
    for socket in (alice, bob):
        await socket.join(cast.project_id)
    yield alice, bob
    for socket in (alice, bob):
        await socket.disconnect()


# --- 8. enumeration


async def test_8_a_forbidden_and_a_missing_project_answer_alike(cast: Cast) -> None:
    bob = await cast.connect("bob")

    async def answers() -> list[Message]:
        join = await bob.call("join_project", {"project_id": cast.other_id})
        since = await bob.call("join_project", {"project_id": cast.other_id, "since": 0})
        update = await bob.update(cast.other_id, {"title": "Mine"})
        leave = await bob.call("leave_project", {"project_id": cast.other_id})
        return [{**answer, "ref": None} for answer in (join, since, update, leave)]

    forbidden = await answers()
    await threads.run(staff.delete_project, project_id=cast.other_id, actor_id=None)
    assert json.dumps(await answers()) == json.dumps(forbidden)
    await bob.disconnect()


def test_8_and_take_alike_long(transactional_db: None) -> None:
    """The same queries; a clock would only measure the machine."""
    cast = make_cast()

    def queries(project_id: int) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            joins.read([joins.JoinRequest(project_room(project_id), cast.users["bob"].pk, 0)])
        return [re.sub(rf"\b{project_id}\b", "ID", query["sql"]) for query in captured]

    assert queries(cast.other_id) == queries(10**9)


# --- 15. text


GOOD_TEXTS = [
    "שלום \u202eabc\u202c",
    "👩‍👩‍👧‍👦",
    "\u0001\u2028\ufeff",
    "a\r\nb\tc",
    "'; DROP TABLE",
    "{{7*7}}",
    r"\u0000 \\u0000",
]


@pytest.mark.parametrize("text", GOOD_TEXTS)
async def test_15_unusual_text_arrives_as_it_was(
    cast: Cast, room: tuple[Socket, Socket], text: str
) -> None:
    alice, bob = room
    changes = {"description": text, "content": {text: text}}
    assert (await alice.update(cast.project_id, changes))["payload"]["changes"] == changes
    assert (await bob.until("project_updated"))["payload"]["changes"] == changes
    stored = await threads.run(Project.objects.get, pk=cast.project_id)
    assert (stored.description, stored.content) == (text, {text: text})


@pytest.mark.parametrize(
    ("data", "details"),
    [
        ({"title": "a\0b"}, {"data": ["NUL characters are not allowed"]}),
        ({"content": {"a": ["\0"]}}, {"data": ["NUL characters are not allowed"]}),
        ({"content": {"\0": 1}}, {"data": ["NUL characters are not allowed"]}),
        ({"title": "x" * 201}, {"title": ["Ensure this field has no more than 200 characters."]}),
        ({"title": "   "}, {"title": ["This field may not be blank."]}),
    ],
)
async def test_15_what_one_database_would_refuse_is_refused(
    cast: Cast, room: tuple[Socket, Socket], data: Message, details: Message
) -> None:
    alice, bob = room
    refused = await alice.update(cast.project_id, data)
    assert refused["payload"]["code"] == "VALIDATION_ERROR"
    assert refused["payload"]["details"] == details
    assert "project_updated" not in [message["type"] for message in bob.messages]


@pytest.mark.parametrize("data", [{"a": "\0"}, {"\0": 1}, {"a": ["\\\0"]}])
async def test_15_no_signal_and_no_event_has_a_nul(
    cast: Cast, room: tuple[Socket, Socket], data: Message
) -> None:
    alice, _ = room
    signal = await alice.call("send_signal", {"project_id": cast.project_id, "data": data})
    assert signal["payload"]["code"] == "VALIDATION_ERROR"

    def append() -> None:
        with transaction.atomic():
            log.append(project_room(cast.project_id), [NewEvent("noted", data)])

    before = await threads.run(log.heads, [project_room(cast.project_id)])
    with pytest.raises(ValueError, match="NUL"):
        await threads.run(append)
    assert await threads.run(log.heads, [project_room(cast.project_id)]) == before


async def test_15_a_lone_surrogate_is_no_json(room: tuple[Socket, Socket], cast: Cast) -> None:
    alice, _ = room
    frame = '{"type":"update_project","payload":{"project_id":%d,"data":{"title":"\\ud800"}}}'
    await alice.send_raw(frame % cast.project_id)
    assert (await alice.until("error"))["payload"]["code"] == "INVALID_JSON"


async def test_15_an_idempotency_key_is_plain_ascii(
    room: tuple[Socket, Socket], cast: Cast
) -> None:
    alice, _ = room
    for key in ("", "a b", "é", "a\0", "x" * 65):
        refused = await alice.update(cast.project_id, {"title": "B"}, idempotency_key=key)
        assert refused["payload"]["code"] == "INVALID_MESSAGE"


# --- 17. what a client may not choose


async def test_17_nobody_assigns_what_is_not_offered(
    room: tuple[Socket, Socket], cast: Cast
) -> None:
    alice, _ = room
    for name in ("id", "pk", "owner", "role", "members", "memberships", "updated_by", "created_at"):
        refused = await alice.update(cast.project_id, {name: cast.users["bob"].pk})
        assert refused["payload"]["code"] == "VALIDATION_ERROR"
        assert refused["payload"]["details"] == {name: ["There is no such field to change."]}


async def test_17_what_a_client_says_of_itself_is_ignored(
    room: tuple[Socket, Socket], cast: Cast
) -> None:
    alice, bob = room
    payload = {"project_id": cast.project_id, "data": {"title": "By bob"}}
    claims = {"updated_by": "1", "user_id": 1, "seq": 99, "role": "owner"}
    await bob.send("update_project", payload | claims, **claims)
    event = await alice.until("project_updated")
    assert event["payload"]["updated_by"] == str(cast.users["bob"].pk)
    signal = {"project_id": cast.project_id, "data": {"type": "websocket.close"}, "user_id": 1}
    await bob.send("send_signal", signal)
    shown = await alice.until("signal")
    assert shown["payload"] == {
        "project_id": cast.project_id,
        "user_id": cast.users["bob"].pk,
        "data": {"type": "websocket.close"},
    }


# --- 32. tasks


async def test_32_a_task_is_told_of_in_its_own_project_only(
    room: tuple[Socket, Socket], cast: Cast
) -> None:
    """The room is that of the row, whatever a task's arguments or a client say."""
    alice, bob = room
    dave = await cast.connect("dave")
    await dave.join(cast.other_id)

    def run_task() -> None:
        state.mark_queued(task_id="t", task_type="compose", room=project_room(cast.other_id))
        # Somebody who starts it anew under another project's id changes nothing.
        state.mark_queued(task_id="t", task_type="compose", room=project_room(cast.project_id))
        state.mark_started("t")
        state.record_progress("t", Report(50, "half"))
        state.mark_completed("t", {"project_id": cast.project_id})
        state.mark_completed("unknown", {"project_id": cast.project_id})

    await threads.run(run_task)
    assert (await dave.until("task_completed"))["project_id"] == cast.other_id
    for socket in (alice, bob):
        await socket.call("ping")
        await socket.call("ping")
        assert {m["type"] for m in socket.messages} <= {"user_joined"}
    await dave.disconnect()


RESULTS: list[Any] = [
    float("nan"),
    {"a": [float("inf")]},
    {"a": "\0"},
    {"\0": 1},
    {"a": "\ud800"},
    {"\udfff": 1},
    {1: 2, None: 3},
    2**70,
    {"p": [5e-324, 1e-300], "q": 1e300, "r": (-1e19, -(2**64))},
    {1, 2},
    b"bytes",
    object,
    "\ud800",
    None,
]


@pytest.mark.parametrize("result", RESULTS, ids=repr)
async def test_11_any_result_becomes_strict_json(
    room: tuple[Socket, Socket], cast: Cast, result: Any
) -> None:
    alice, _ = room

    def run_task() -> None:
        state.mark_queued(task_id="t", task_type="compose", room=project_room(cast.project_id))
        state.record_progress("t", Report(50, "\0 half \ud800"))
        assert state.mark_completed("t", result)

    await threads.run(run_task)
    alice.messages.clear()
    text = ""
    while "task_completed" not in text:
        text = await alice.receive_text()
    message = json.loads(text, parse_constant=pytest.fail)
    text.encode()
    stored = await threads.run(TaskState.objects.get, pk="t")
    assert message["payload"]["result"] == stored.result
    assert len(text) < 400, "no number is written out with hundreds of digits"


async def test_a_result_that_no_client_can_be_sent_has_failed(
    room: tuple[Socket, Socket], cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    alice, _ = room

    def run_task() -> None:
        state.mark_queued(task_id="t", task_type="compose", room=project_room(cast.project_id))
        assert state.mark_completed("t", {"frames": ["x" * 1000] * 600})
        assert not state.mark_completed("t", 1)

    await threads.run(run_task)
    failed = await alice.until("task_failed")
    assert failed["payload"]["error"] == "The result is too large to be shown"
    stored = await threads.run(TaskState.objects.get, pk="t")
    assert (stored.state, stored.result) == ("failed", None)
    assert re.search("task t .* has 60.... bytes; an event may have 524288", caplog.text)
    assert (await alice.call("ping"))["type"] == "pong"


async def test_a_snapshot_that_no_client_can_be_sent_is_told_in_the_log(
    room: tuple[Socket, Socket],
    cast: Cast,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alice, bob = room
    assert (await alice.update(cast.project_id, {"description": "x" * 3000}))["type"] == "ack"
    settings.REALTIME = settings.REALTIME | {"MAX_UNSENT": 4000}
    refused = await bob.call("join_project", {"project_id": cast.project_id})
    assert refused["payload"]["code"] == "INTERNAL_ERROR"
    assert "its snapshot is large; 2000 may be sent" in caplog.text
    assert (await bob.update(cast.project_id, {"title": "x"}))["payload"]["code"] == "NOT_JOINED"


async def test_an_error_of_a_task_has_no_nul_either(
    room: tuple[Socket, Socket], cast: Cast
) -> None:
    alice, _ = room

    def run_task() -> None:
        state.mark_queued(task_id="t", task_type="compose", room=project_room(cast.project_id))
        assert state.mark_failed("t", "a\0b\ud800")

    await threads.run(run_task)
    assert (await alice.until("task_failed"))["payload"]["error"] == "ab?"


# --- fuzzing: sequences of commands, all of them JSON (the rest is in tests/unit)

IDS = st.sampled_from(["project", "other", 0, -1, 2**63 - 1, "1", None, True, 1.5])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["title", "status", "content", "owner"]), VALUES, max_size=3
)
COMMANDS = st.tuples(
    st.sampled_from(
        [
            "join_project",
            "leave_project",
            "update_project",
            "send_signal",
            "authenticate",
            "ping",
            "?",
        ]
    ),
    st.fixed_dictionaries(
        {"project_id": IDS},
        optional={"data": FIELDS | VALUES, "since": VALUES, "base_seq": VALUES, "token": VALUES},
    ),
    st.fixed_dictionaries({}, optional={"idempotency_key": st.sampled_from(["a", "b", "", 1])}),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(COMMANDS, max_size=12))
async def test_any_sequence_of_commands_is_answered_one_by_one(
    cast: Cast, commands: list[tuple[str, Message, Message]]
) -> None:
    """Each command has one reply with its `ref`; the socket lives; strangers see nothing."""
    ids = {"project": cast.project_id, "other": cast.other_id}
    alice, dave = await cast.connect("alice"), await cast.connect("dave")
    await dave.join(cast.other_id)
    for type_, payload, envelope in commands:
        payload["project_id"] = ids.get(payload["project_id"], payload["project_id"])
        reply = await alice.call(type_, payload, **envelope)
        assert reply["type"] in {"ack", "pong", "error"}
        assert reply["payload"].get("code") != "INTERNAL_ERROR"
    assert (await alice.call("ping"))["type"] == "pong"
    assert (await dave.call("ping"))["type"] == "pong"
    assert {m["type"] for m in dave.messages} <= {"user_joined"}
    for socket in (alice, dave):
        await socket.disconnect()
