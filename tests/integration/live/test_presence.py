"""What users show of themselves in a room, as their sockets see it."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from realtime.db import threads
from tests.harness.shopping import make_list
from tests.harness.sockets import Message, Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]


async def new_list(*usernames: str) -> tuple[int, list[Socket]]:
    list_id, tokens = await threads.run(make_list, *usernames)
    return list_id, [await Socket.connect(token) for token in tokens]


def of(ack: Message, username: str) -> Any:
    [member] = [member for member in ack["members"] if member["username"] == username]
    return member.get("presence")


async def test_who_asked_is_told_and_who_comes_later_finds_it() -> None:
    list_id, [alice, bob, cora] = await new_list("alice", "bob", "cora")
    await alice.join(list_id, presence={})
    await cora.join(list_id)  # a client that was built from the original page
    ack = await bob.join(list_id, presence={"cursor": 1})
    assert of(ack, "alice") is None, "she shows nothing"
    first = await alice.until("presence")
    assert first["payload"] == {
        "project_id": list_id,
        "user_id": ack["user_id"],
        "data": {"cursor": 1},
    }
    data = {"project_id": list_id, "data": {"cursor": 2}}
    assert (await bob.call("set_presence", data))["payload"] == {}
    assert (await alice.expect("presence"))["payload"]["data"] == {"cursor": 2}
    # The same again is nothing new.
    await bob.call("set_presence", data)
    later = await alice.join(list_id, presence={})
    assert of(later, "bob") == {"cursor": 2}
    assert of(await alice.join(list_id), "bob") is None, "who does not ask is not told"
    await alice.join(list_id, presence={})
    await bob.call("leave_project", {"project_id": list_id})
    assert (await alice.until("user_left"))["payload"]["user_id"] == ack["user_id"]
    assert of(await bob.join(list_id, presence={}), "bob") is None, "a new stay begins with nothing"
    for message in await everything(cora):
        assert message["type"] in {"user_joined", "user_left"}
    for socket in (alice, bob, cora):
        await socket.disconnect()


async def everything(socket: Socket) -> list[Message]:
    """Return what has come until the answer to a ping."""
    await socket.send("ping", ref="end")
    found = []
    while (message := await socket.receive())["type"] != "pong":
        found.append(message)
    return found


async def test_of_two_tabs_the_last_word_counts_and_goes_with_its_tab() -> None:
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    alice, bob, tab = [await Socket.connect(token) for token in [*tokens, tokens[1]]]
    await alice.join(list_id, presence={})
    await bob.join(list_id, presence={"tab": 1})
    assert (await alice.until("presence"))["payload"]["data"] == {"tab": 1}
    await tab.join(list_id, presence={"tab": 2})
    assert (await alice.expect("presence"))["payload"]["data"] == {"tab": 2}
    assert (await bob.until("presence"))["payload"]["data"] == {"tab": 2}, "of the own other tab"
    await tab.disconnect()
    assert (await alice.expect("presence"))["payload"]["data"] == {}
    for socket in (alice, bob):
        await socket.disconnect()


async def test_18_presence_has_a_size_and_a_rate(settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"MAX_PRESENCE_SIZE": 20, "SIGNAL_RATE": (0.01, 2)}
    list_id, [alice, bob] = await new_list("alice", "bob")

    async def error(type_: str, **payload: Any) -> Message:
        answer: Message = await alice.call(type_, {"project_id": list_id} | payload)
        found: Message = answer["payload"]
        return found

    large = {"a": "x" * 20}
    assert (await error("set_presence", data={}))["code"] == "NOT_JOINED"
    refused = await error("join_project", presence=large)
    assert (refused["code"], refused["details"]) == (
        "VALIDATION_ERROR",
        {"presence": ["More than 20 bytes"]},
    )
    assert (await error("join_project", presence=[]))["code"] == "INVALID_MESSAGE"
    await alice.join(list_id, presence={})
    await bob.join(list_id, presence={})
    assert (await error("set_presence", data=large))["details"] == {"data": ["More than 20 bytes"]}
    assert (await error("set_presence", data={"a": "\0"}))["code"] == "VALIDATION_ERROR"
    assert await error("set_presence", data={"a": 1}) == {}
    assert await error("set_presence", data={"a": 2}) == {}
    assert (await error("set_presence", data={"a": 3}))["code"] == "RATE_LIMITED"
    assert (await bob.until("presence"))["payload"]["data"] == {"a": 1}
    assert (await bob.expect("presence"))["payload"]["data"] == {"a": 2}
    assert await bob.is_silent()
    for socket in (alice, bob):
        await socket.disconnect()
