"""The life of connections: how they open, what ends them and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol

from tests.e2e.conftest import Connect
from tests.harness.client import Client
from tests.harness.stack import Stack


class RawTarget(ClientConnection):
    """Sends the request target `?token=…`, without a slash, as some clients do."""

    def __init__(self, protocol: ClientProtocol, **options: Any) -> None:
        super().__init__(protocol, **options)
        build = protocol.connect

        def connect() -> Any:
            request = build()
            request.path = request.path.removeprefix("/")
            return request

        protocol.connect = connect  # type: ignore[method-assign]


@pytest.mark.parametrize("path", ["", "/", "/ws/"])
async def test_the_addresses(stack: Stack, path: str) -> None:
    url = stack.web.websocket_url + path
    async with await Client.connect(url, stack.token("alice")) as alice:
        await alice.join(1)


async def test_a_request_target_without_a_slash(stack: Stack) -> None:
    client = await Client.connect(
        stack.web.websocket_url, stack.token("alice"), create_connection=RawTarget
    )
    async with client as alice:
        await alice.join(1)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "TOKEN_MISSING"),
        ("", "TOKEN_MISSING"),
        ("nonsense", "TOKEN_INVALID"),
        ("a.b.c", "TOKEN_INVALID"),
        ("%00", "TOKEN_INVALID"),
    ],
)
async def test_a_bad_token_is_told_and_closed(stack: Stack, token: str | None, code: str) -> None:
    async with await Client.connect(stack.web.websocket_url, token) as nobody:
        error = await nobody.expect("error")
        assert error["payload"]["code"] == code
        assert await nobody.expect_close() == 4101


async def test_a_tampered_token_is_told_and_closed(stack: Stack) -> None:
    header, _, signature = stack.token("alice").split(".")
    forged = f"{header}.{stack.token('bob').split('.')[1]}.{signature}"
    async with await Client.connect(stack.web.websocket_url, forged) as nobody:
        assert (await nobody.expect("error"))["payload"]["code"] == "TOKEN_INVALID"
        assert await nobody.expect_close() == 4101


async def test_a_refresh_token_is_no_access_token(stack: Stack) -> None:
    credentials = {"username": "alice", "password": "realtime"}
    refresh = stack.api("POST", "token/", credentials)["refresh"]
    async with await Client.connect(stack.web.websocket_url, refresh) as nobody:
        assert (await nobody.expect("error"))["payload"]["code"] == "TOKEN_INVALID"
        assert await nobody.expect_close() == 4101


async def test_two_people_edit_together(connect: Connect, project_id: int) -> None:
    alice, bob = await connect("alice"), await connect("bob")
    alice_id = (await alice.join(project_id))["payload"]["user_id"]
    bob_id = (await bob.join(project_id))["payload"]["user_id"]
    await alice.expect("user_joined")

    await alice.send("update_project", {"project_id": project_id, "data": {"title": "By alice"}})
    await bob.send("update_project", {"project_id": project_id, "data": {"description": "By bob"}})
    seen = [[await client.expect("project_updated") for _ in range(2)] for client in (alice, bob)]
    assert seen[0] == seen[1]
    changes = {m["payload"]["updated_by"]: m["payload"]["changes"] for m in seen[0]}
    assert changes == {
        str(alice_id): {"title": "By alice"},
        str(bob_id): {"description": "By bob"},
    }

    await alice.close()
    left = await bob.expect("user_left")
    assert left["payload"] == {"project_id": project_id, "user_id": alice_id}


async def test_only_what_really_changed_is_sent(connect: Connect, project_id: int) -> None:
    alice = await connect("alice")
    await alice.join(project_id)
    same = {"title": "New", "content": {"colour": "red", "size": 3}}
    await alice.send("update_project", {"project_id": project_id, "data": same})
    assert (await alice.expect("project_updated"))["payload"]["changes"] == same

    data = {"title": "New", "content": {"colour": "blue", "size": 3}}
    await alice.send("update_project", {"project_id": project_id, "data": data})
    changes = (await alice.expect("project_updated"))["payload"]["changes"]
    assert changes == {"content": {"colour": "blue"}}

    await alice.send("update_project", {"project_id": project_id, "data": data})
    assert await alice.drain() == []


async def test_a_patch_through_rest_reaches_the_room(
    connect: Connect, stack: Stack, project_id: int
) -> None:
    bob = await connect("bob")
    await bob.join(project_id)
    stack.api("PATCH", f"projects/{project_id}/", {"title": "Through REST"})
    assert (await bob.expect("project_updated"))["payload"]["changes"] == {"title": "Through REST"}


async def test_a_ref_gets_one_reply(connect: Connect, project_id: int) -> None:
    alice = await connect("alice")
    await alice.send("join_project", {"project_id": project_id}, ref="j")
    messages = {m["type"]: m for m in (await alice.receive(), await alice.receive())}
    joined = messages["ack"]
    assert joined["ref"] == "j"
    assert joined["payload"]["role"] == "owner"
    assert joined["payload"]["project"]["id"] == project_id

    data = {"title": "With a ref"}
    await alice.send("update_project", {"project_id": project_id, "data": data}, ref=2)
    messages = {m["type"]: m for m in (await alice.receive(), await alice.receive())}
    assert messages["ack"]["ref"] == 2
    assert messages["ack"]["payload"]["changes"] == data
    assert messages["ack"]["payload"]["seq"] == messages["project_updated"]["seq"]

    await alice.send("leave_project", {"project_id": project_id}, ref="l")
    assert (await alice.expect("ack"))["ref"] == "l"


async def test_roles(connect: Connect, project_id: int) -> None:
    update = {"project_id": project_id, "data": {"title": "Mine"}}
    carol, dave = await connect("carol"), await connect("dave")
    await carol.join(project_id)
    await carol.send("update_project", update)
    assert (await carol.expect("error"))["payload"]["code"] == "FORBIDDEN"

    await dave.send("join_project", {"project_id": project_id})
    hidden = await dave.expect("error")
    await dave.send("join_project", {"project_id": 2**40})
    missing = await dave.expect("error")
    assert hidden["payload"]["code"] == missing["payload"]["code"] == "PROJECT_NOT_FOUND"
    await dave.send("update_project", update)
    assert (await dave.expect("error"))["payload"]["code"] == "NOT_JOINED"


async def test_one_socket_in_two_projects(connect: Connect, stack: Stack, project_id: int) -> None:
    alice = await connect("alice")
    other = stack.new_project()
    for one in (project_id, other):
        await alice.join(one)
    for one in (project_id, other):
        await alice.send("update_project", {"project_id": one, "data": {"title": f"No. {one}"}})
        assert (await alice.expect("project_updated"))["payload"]["project_id"] == one
    await alice.send("leave_project", {"project_id": other})
    stack.api("PATCH", f"projects/{other}/", {"title": "Unseen"})
    assert await alice.drain() == []


def nested(levels: int) -> str:
    return '{"type":"join_project","payload":' + "[" * levels + "]" * levels + "}"


JOIN = '{"type":"join_project","payload":{"project_id":%s}}'

BAD_FRAMES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "INVALID_JSON"),
    "not JSON": ("{", "INVALID_JSON"),
    "half a message": ('{"type":"join_project"', "INVALID_JSON"),
    "two messages": ("{}{}", "INVALID_JSON"),
    "NaN": (JOIN % "NaN", "INVALID_JSON"),
    "Infinity": (JOIN % "Infinity", "INVALID_JSON"),
    "infinite number": (JOIN % "1e400", "INVALID_JSON"),
    "many digits": (JOIN % ("9" * 5000), "INVALID_JSON"),
    "deep": (nested(5000), "INVALID_JSON"),
    "lone surrogate": (r'{"type":"\ud800","payload":{}}', "INVALID_JSON"),
    "duplicate key": ('{"type":"ping","type":"ping"}', "INVALID_JSON"),
    "null": ("null", "INVALID_MESSAGE"),
    "array": ("[]", "INVALID_MESSAGE"),
    "string": ('"join_project"', "INVALID_MESSAGE"),
    "number": ("1", "INVALID_MESSAGE"),
    "no type": ('{"payload":{}}', "INVALID_MESSAGE"),
    "type is a number": ('{"type":1,"payload":{}}', "INVALID_MESSAGE"),
    "type is an object": ('{"type":{},"payload":{}}', "INVALID_MESSAGE"),
    "no payload": ('{"type":"join_project"}', "INVALID_MESSAGE"),
    "payload is null": ('{"type":"join_project","payload":null}', "INVALID_MESSAGE"),
    "payload is an array": ('{"type":"join_project","payload":[]}', "INVALID_MESSAGE"),
    "empty payload": ('{"type":"join_project","payload":{}}', "INVALID_MESSAGE"),
    "id is a string": (JOIN % '"1"', "INVALID_MESSAGE"),
    "id is a group's name": (JOIN % '"1\\nproject_2"', "INVALID_MESSAGE"),
    "id is true": (JOIN % "true", "INVALID_MESSAGE"),
    "id is a fraction": (JOIN % "1.5", "INVALID_MESSAGE"),
    "id is null": (JOIN % "null", "INVALID_MESSAGE"),
    "id is negative": (JOIN % "-1", "INVALID_MESSAGE"),
    "id is zero": (JOIN % "0", "INVALID_MESSAGE"),
    "data is a string": (
        '{"type":"update_project","payload":{"project_id":1,"data":"x"}}',
        "INVALID_MESSAGE",
    ),
    "unknown type": ('{"type":"nope","payload":{}}', "UNKNOWN_TYPE"),
    "a type of the server": ('{"type":"project_updated","payload":{}}', "UNKNOWN_TYPE"),
    "a type of the channel layer": ('{"type":"websocket.close","payload":{}}', "UNKNOWN_TYPE"),
    "binary": (b"\x00\xff", "INVALID_MESSAGE"),
    "binary JSON": (b'{"type":"ping","payload":{}}', "INVALID_MESSAGE"),
    "empty binary": (b"", "INVALID_MESSAGE"),
    "huge": (json.dumps({"type": "ping", "payload": {"x": "x" * 200_000}}), "MESSAGE_TOO_LARGE"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_a_bad_frame_is_answered_and_the_socket_lives(connect: Connect, name: str) -> None:
    """Cases 9 to 12 and 14 of `docs/security.md`."""
    frame, code = BAD_FRAMES[name]
    alice = await connect("alice")
    await alice.send_raw(frame)
    error = await alice.expect("error")
    assert error["payload"]["code"] == code
    await alice.join(1)


@pytest.mark.parametrize(
    "data",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"title": None},
        {"title": "nul \x00"},
        {"title": 7},
        {"status": "nope"},
        {"content": []},
        {"owner": 2},
        {"id": 7},
    ],
    ids=str,
)
async def test_bad_data_is_a_validation_error(
    connect: Connect, project_id: int, data: dict[str, Any]
) -> None:
    alice = await connect("alice")
    await alice.join(project_id)
    await alice.send("update_project", {"project_id": project_id, "data": data}, ref="u")
    error = await alice.expect("error")
    assert error["ref"] == "u"
    assert error["payload"]["code"] == "VALIDATION_ERROR"
    assert await alice.drain() == []
