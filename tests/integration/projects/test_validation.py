"""The rules for a project's fields: the same answers by REST and by WebSocket.

CI runs these on SQLite and on PostgreSQL, which by themselves do not agree on NUL, lengths and
numbers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from projects import access, errors, services, validation
from projects.models import Project
from projects.services import staff
from realtime.db import threads
from realtime.rooms import hosts
from tests.harness.rooms import project as project_room
from tests.harness.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "title"),
    ({"title": " \t "}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"title": "é" * 201}, "title"),
    ({"title": None}, "title"),
    ({"title": 7}, "title"),
    ({"title": True}, "title"),
    ({"title": ["x"]}, "title"),
    ({"title": {}}, "title"),
    ({"title": "nul \0"}, "title"),
    ({"title": "two\nlines"}, "title"),
    ({"title": "escape \x1b[2J"}, "title"),
    ({"title": "exe.\u202egpj"}, "title"),  # shows itself as "exe.jpg"
    ({"description": "x" * 10_001}, "description"),
    ({"description": None}, "description"),
    ({"description": 1}, "description"),
    ({"description": "nul \0"}, "description"),
    ({"status": "nope"}, "status"),
    ({"status": "ACTIVE"}, "status"),
    ({"status": ""}, "status"),
    ({"status": 0}, "status"),
    ({"status": []}, "status"),
    ({"content": []}, "content"),
    ({"content": None}, "content"),
    ({"content": "{}"}, "content"),
    ({"content": {"a": "nul \0"}}, "content"),
    ({"content": {"nul \0": 1}}, "content"),
    ({"content": {"a": [{"b": ["nul \0"]}]}}, "content"),
    ({"content": nested(17)}, "content"),
    ({"id": 7}, "id"),
    ({"owner": 2}, "owner"),
    ({"updated_by": 2}, "updated_by"),
    ({"members": []}, "members"),
    ({"title": "fine", "nul \0": 1}, "nul \0"),
]

TAKEN: list[dict[str, Any]] = [
    {},
    {"title": "x" * 200},
    {"title": "😀" * 200},
    {"title": "\u200f\u05e9\u05dc\u05d5\u05dd, \u2068world\u2069"},
    {"title": "  trimmed  "},
    {"title": "<script>alert(1)</script>'; DROP TABLE projects_project; --"},
    {"description": ""},
    {"description": " x\n\ty \u202e " + "z" * 9990},
    {"status": "archived"},
    {"content": {}},
    {"content": {"": {"😀": ["<b>", None, True, 1.5, -0.0, {"null": None}]}}},
    {"content": {"a": 2**63 - 1, "b": -(2**63), "c": 1e-20, "d": 1e18, "e": 123456789.123456789}},
    {"content": {"f": 5e-324, "g": -9.9e-21, "h": [1e-300]}},
    {"content": {"points": [[1, 2]] * 4000}},
    {"content": nested(16)},
    {"content": {"missing": None}},
]


async def snapshot(project_id: int) -> dict[str, Any]:
    room = project_room(project_id)
    return (await threads.run(hosts.snapshots, [room]))[room]


class Editors:
    """Two projects of one user: one is edited by REST, one by WebSocket."""

    def __init__(self, user: User, projects: list[Project], socket: Socket) -> None:
        self.user = user
        self.by_rest, self.by_socket = (project.pk for project in projects)
        self.socket = socket
        self.client = APIClient()
        self.client.force_authenticate(user)

    async def patch(self, text: str) -> Any:
        return await threads.run(
            self.client.patch,
            f"/api/projects/{self.by_rest}/",
            data=text,
            content_type="application/json",
        )

    async def update(self, data: Any) -> Any:
        return (await self.socket.update(self.by_socket, data))["payload"]


@asynccontextmanager
async def editing() -> AsyncIterator[Editors]:
    def make() -> tuple[User, list[Project], str]:
        alice = User.objects.create_user("alice")
        projects = [services.create_project(user=alice, data={"title": "Old"}) for _ in range(2)]
        return alice, projects, str(AccessToken.for_user(alice))

    alice, projects, token = await threads.run(make)
    socket = await Socket.connect(token)
    await socket.join(projects[1].pk)
    try:
        yield Editors(alice, projects, socket)
    finally:
        await socket.disconnect()


async def test_what_is_refused_is_refused_alike() -> None:
    async with editing() as editors:
        for data, field in REFUSED:
            answer = await editors.patch(json.dumps(data))
            refusal = await editors.update(data)
            assert answer.status_code == 400, data
            assert refusal["code"] == "VALIDATION_ERROR", data
            # NUL characters are refused for every host, before it is asked.
            has_nul = "\\u0000" in json.dumps(data)
            assert answer.json().keys() == {"detail" if has_nul else field}
            named = {"data": ["NUL characters are not allowed"]} if has_nul else answer.json()
            assert refusal["details"] == named
        for project_id in (editors.by_rest, editors.by_socket):
            found = await snapshot(project_id)
            assert found["title"] == "Old"
            assert found["content"] == {}


async def test_what_is_taken_is_stored_alike() -> None:
    async with editing() as editors:
        for data in TAKEN:
            answer = await editors.patch(json.dumps(data))
            assert answer.status_code == 200, (data, answer.content)
            reply = await editors.update(data)
            assert "changes" in reply, (data, reply)
            one, other = [
                await snapshot(project_id) | {"id": 0}
                for project_id in (editors.by_rest, editors.by_socket)
            ]
            assert one == other
            assert {name: answer.json()[name] for name in access.UPDATABLE} | {"id": 0} == one
            assert (await editors.update(data))["changes"] == {}, "again, it changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}{}",
        "[" * 100_000,
        '{"content": {"a": NaN}}',
        '{"content": {"a": -Infinity}}',
        '{"title": "x", "title": "y"}',
        '{"content": {"a": ' + "9" * 5000 + "}}",
        b'{"title": "\xff"}',
    ],
    ids=lambda text: str(text)[:30],
)
async def test_what_is_not_strict_json_is_told(text: Any) -> None:
    async with editing() as editors:
        answer = await editors.patch(text)
        assert answer.status_code == 400
        assert "detail" in answer.json() or answer.json().keys() == {"content"}


@pytest.mark.parametrize(
    "text",
    [
        r'{"title": "\ud800"}',
        r'{"content": {"\ud800": 1}}',
        '{"content": {"a": 1e400}}',
        '{"content": {"a": 1e300}}',
        '{"content": {"a": -9.3e18}}',
        '{"content": {"a": 9223372036854775808}}',
        '{"content": {"a": -9223372036854775809}}',
    ],
)
async def test_what_json_allows_and_a_database_does_not(text: str) -> None:
    """The WebSocket calls these INVALID_JSON."""
    async with editing() as editors:
        assert (await editors.patch(text)).status_code == 400


async def test_what_is_too_close_to_zero_is_zero() -> None:
    """PostgreSQL would write 5e-324 out, in 326 characters, for everybody who asks."""
    async with editing() as editors:
        data = {"content": {"a": 5e-324, "b": -1e-21, "c": -1e-20}}
        await editors.patch(json.dumps(data))
        await editors.update(data)
        for project_id in (editors.by_rest, editors.by_socket):
            found = await snapshot(project_id)
            assert found["content"] == {"a": 0, "b": 0, "c": -1e-20}


async def test_many_unknown_fields_are_refused_with_the_first_of_them() -> None:
    async with editing() as editors:
        data = {f"field {number:04} {'x' * (number % 2 * 100)}": 1 for number in range(300)}
        answer = await editors.patch(json.dumps(data))
        refusal = await editors.update(data)
        assert answer.status_code == 400
        assert answer.json() == refusal["details"]
        *named, rest = answer.json().items()
        assert [name[:10] for name, _ in named] == [f"field {number:04}" for number in range(10)]
        assert max(len(name) for name, _ in named) == 64
        assert rest == ("non_field_errors", ["290 more fields do not exist."])


async def test_lists_and_objects_are_counted_in_the_whole_content() -> None:
    """Each patch has few enough; what they make together has not."""
    async with editing() as editors:
        half: list[Any] = [[]] * (validation.MAX_CONTAINERS // 2)
        for name in ("a", "b"):
            answer = await editors.patch(json.dumps({"content": {name: half}}))
            reply = await editors.update({"content": {name: half}})
            assert ("code" in reply) == (answer.status_code == 400) == (name == "b")
        problem = f"More than {validation.MAX_CONTAINERS} lists and objects."
        assert answer.json() == reply["details"] == {"content": [problem]}


@pytest.mark.parametrize("text", ["[]", "null", "1", '"title"', "true"])
async def test_only_an_object_changes_a_project(text: str) -> None:
    async with editing() as editors:
        answer = await editors.patch(text)
        assert answer.status_code == 400


async def test_content_is_limited_as_a_whole() -> None:
    """Each patch is small enough; what they make together is not."""
    async with editing() as editors:
        half = {"x": "e" * (validation.MAX_CONTENT_SIZE // 2)}
        for name in ("a", "b"):
            answer = await editors.patch(json.dumps({"content": {name: half}}))
            reply = await editors.update({"content": {name: half}})
            assert ("code" in reply) == (answer.status_code == 400) == (name == "b")
        assert answer.json() == reply["details"]
        assert answer.json()["content"] == [f"More than {validation.MAX_CONTENT_SIZE} bytes."]
        for project_id in (editors.by_rest, editors.by_socket):
            found = await snapshot(project_id)
            assert found["content"].keys() == {"a"}


async def test_one_wrong_field_stops_the_whole_update() -> None:
    async with editing() as editors:
        data = {"title": "New", "status": "nope", "description": 1}
        answer = await editors.patch(json.dumps(data))
        assert answer.json().keys() == {"status", "description"}
        assert (await editors.update(data))["details"] == answer.json()
        assert (await snapshot(editors.by_rest))["title"] == "Old"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    async with editing() as editors:
        text = json.dumps({"description": "x" * 3 * 1024 * 1024})
        assert (await editors.patch(text)).status_code == 413


@pytest.mark.django_db
def test_the_admins_edit_replaces_the_content_whole() -> None:
    alice = User.objects.create_user("alice")
    content = {"a": {"b": 1, "c": {"d": 1}}, "e": [1], "f": 1}
    project = services.create_project(user=alice, data={"title": "T", "content": content})
    new = {"a": {"c": {"x": 1}}, "e": [1], "g": {}}
    changes = staff.update_project(user=alice, project_id=project.pk, data={"content": new})
    assert changes == {
        "content": {"a": {"b": None, "c": {"d": None, "x": 1}}, "f": None, "g": {}},
    }
    assert Project.objects.get(pk=project.pk).content == new
    again = staff.update_project(user=alice, project_id=project.pk, data={"content": new})
    assert again == {}
    with pytest.raises(errors.Invalid):
        staff.update_project(user=alice, project_id=project.pk, data={"content": []})
