"""What a running server says, against docs/asyncapi.json."""

from __future__ import annotations

from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.conftest import Connect
from tests.harness.client import Client, Message
from tests.harness.schemas import mistakes
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database


async def heard(client: Client, until: str) -> list[Message]:
    """Return the messages up to the next one of a type, or to the end."""
    messages: list[Message] = []
    with suppress(ConnectionClosed):
        while not messages or messages[-1]["type"] != until:
            messages.append(await client.receive(30))
    return messages


async def test_all_that_is_said_is_as_described(
    stack: Stack, connect: Connect, project_id: int
) -> None:
    alice, bob = await connect("alice"), await connect("bob")
    here = {"project_id": project_id}
    said: list[Message] = []
    for number, client in enumerate((alice, bob)):
        await client.send("join_project", here, ref=number)
        said += await heard(client, "user_joined")
    commands: list[tuple[str, Message]] = [
        ("update_project", here | {"data": {"title": "New", "content": {"mood": "calm"}}}),
        ("update_project", here | {"data": {"title": 1}}),  # not valid
        ("update_project", here | {"data": {"title": "Newer"}, "base_seq": 0}),  # a conflict
        ("send_signal", here | {"data": {"x": 1}}),
        ("join_project", here | {"since": 0}),
        ("authenticate", {"token": stack.token("bob")}),
        ("leave_project", here),
        ("leave_project", here),  # not joined
        ("nonsense", {}),
        ("ping", {}),
    ]
    for number, (message_type, payload) in enumerate(commands):
        await bob.send(message_type, payload, ref=f"ref {number}")
    # An update is answered when it is written, which may be after the commands behind it.
    while {f"ref {number}" for number in range(len(commands))} - {m.get("ref") for m in said}:
        said.append(await bob.receive(30))
    said += await heard(alice, "user_left")

    await bob.send("join_project", here)
    said += await heard(bob, "user_joined")
    bob_id = said[-1]["payload"]["user_id"]
    stack.api("DELETE", f"projects/{project_id}/members/{bob_id}/")
    said += await heard(bob, "access_revoked")
    said += await heard(alice, "member_changed")

    await alice.send("join_project", {"project_id": 1}, ref="demo")
    task = stack.api("POST", f"canvases/{stack.demo_canvas()}/analyze/")["task_id"]
    while said[-1]["payload"].get("task_id") != task:
        said += await heard(alice, "task_completed")

    async with await Client.connect(stack.web.websocket_url, "nonsense") as stranger:
        said += await heard(stranger, "nothing more")

    assert [(message, found) for message in said if (found := mistakes(message))] == []
    assert {message["type"] for message in said} >= {
        *("project_updated", "user_joined", "user_left", "signal", "ack", "pong", "error"),
        *("access_revoked", "member_changed", "task_progress", "task_completed"),
    }
    codes = {m["payload"]["code"] for m in said if m["type"] == "error"}
    assert codes == {"VALIDATION_ERROR", "CONFLICT", "NOT_JOINED", "UNKNOWN_TYPE", "TOKEN_INVALID"}
