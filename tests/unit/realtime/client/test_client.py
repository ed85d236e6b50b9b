"""The Python client against a server that does what the test says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime.client import (
    Message,
    Overrun,
    QueueFull,
    Realtime,
    Refused,
    Room,
    RoomClosed,
    State,
    Stopped,
    backoff,
)
from realtime.client import room as room_module
from tests.unit.realtime.client.script import TIMEOUT, Peer, Server


async def joined(server: Server, realtime: Realtime, **ack: Any) -> tuple[Room, Peer]:
    """Return a joined room, and the server's end."""
    joining = asyncio.create_task(realtime.join(1))
    peer = await server.accept()
    await peer.welcome()
    await peer.admit(**ack)
    return await joining, peer


async def rejoined(server: Server, **ack: Any) -> tuple[dict[str, Any], Peer]:
    """Return the command of a client that comes back, and the server's new end."""
    peer = await server.accept()
    await peer.welcome()
    return await peer.admit(**ack), peer


async def read(room: Room, count: int) -> list[Message]:
    messages: list[Message] = []
    async with asyncio.timeout(TIMEOUT):
        async for message in room:
            messages.append(message)
            if len(messages) == count:
                break
    return messages


# --- backoff


def test_the_wait_grows_with_jitter_up_to_a_limit() -> None:
    assert backoff.delay(0, 0) == 0.5
    assert backoff.delay(0, 1) == 1.0
    assert backoff.delay(3, 0.5) == 0.5 + 0.5 * 0.5 * 8
    assert backoff.delay(10**6, 1) == 20.0


async def test_failures_wait_longer_until_a_connection_lasts(server: Server) -> None:
    realtime = await server.client()
    for _ in range(3):
        (await server.accept()).cut()
    peer = await server.accept()
    assert server.waits == [backoff.delay(n, 0.5) for n in (0, 1, 2)]
    await peer.welcome()
    while realtime.state is not State.ONLINE:
        await asyncio.sleep(0)
    server.now += backoff.STABLE
    peer.cut()
    await server.accept()
    assert server.waits[-1] == backoff.delay(0, 0.5)


# --- rooms


async def test_a_room_is_kept_up_to_date(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=4, content={"mood": "calm"})
    assert (room.role, room.seq, room.members) == ("editor", 4, {1: "alice"})
    await peer.updated(5, title="New", content={"mood": None, "size": 3})
    await peer.send("user_joined", {"project_id": 1, "user_id": 2, "username": "bob"})
    await peer.send("user_left", {"project_id": 1, "user_id": 1})
    progress = {"task_id": "t", "progress": 40, "message": "Analyzing image..."}
    await peer.send("task_progress", progress, project_id=1)
    types = [message.type for message in await read(room, 4)]
    assert types == ["project_updated", "user_joined", "user_left", "task_progress"]
    assert room.state == {"title": "New", "content": {"size": 3}}
    assert room.members == {2: "bob"}
    assert room.tasks == {"t": progress}

    completed = {"task_id": "t", "task_type": "analyze", "result": 1}
    await peer.send("task_completed", completed, project_id=1, seq=6)
    await peer.send("task_progress", progress, project_id=1)
    await peer.updated(7)
    assert [m.type for m in await read(room, 2)] == ["task_completed", "project_updated"]
    assert (room.tasks, room.seq) == ({}, 7), "progress that comes late revives no task"


async def test_handlers_are_called_until_they_are_taken_off(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    seen: list[Message] = []
    off = room.on("project_updated", seen.append)
    room.on("project_updated", lambda message: message.payload["nothing"])  # it fails: no harm
    await peer.updated(1, title="One")
    await read(room, 1)
    off()
    await peer.updated(2, title="Two")
    await read(room, 1)
    assert [message.seq for message in seen] == [1]


async def test_a_repeated_event_is_dropped_and_a_hole_is_asked_for(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    for seq in (1, 1, 3, 4):
        await peer.updated(seq, title=str(seq))
    assert (await peer.admit(seq=4, recovered=True))["payload"]["since"] == 1
    for seq in (2, 3, 4):
        await peer.updated(seq, title=str(seq))
    assert [message.seq for message in await read(room, 4)] == [1, 2, 3, 4]
    assert await peer.is_silent()


async def test_a_room_that_may_not_be_seen_is_refused(server: Server) -> None:
    realtime = await server.client()
    joining = asyncio.create_task(realtime.join(1))
    peer = await server.accept()
    await peer.welcome()
    await peer.refuse(await peer.expect("join_project"), "PROJECT_NOT_FOUND")
    with pytest.raises(Refused, match="PROJECT_NOT_FOUND") as refused:
        await joining
    assert refused.value.code == "PROJECT_NOT_FOUND"


async def test_a_join_that_is_not_possible_now_is_tried_again(server: Server) -> None:
    realtime = await server.client()
    joining = asyncio.create_task(realtime.join(1))
    peer = await server.accept()
    await peer.welcome()
    await peer.refuse(await peer.expect("join_project"), "UNAVAILABLE", retry_after=1.5)
    await peer.admit(seq=2)
    assert (await joining).seq == 2
    assert server.waits == [1.5]


async def test_a_lost_access_ends_the_room(server: Server) -> None:
    realtime = await server.client()
    room, peer = await joined(server, realtime)
    await peer.send("access_revoked", {"project_id": 1})
    assert [message.type for message in await read(room, 1)] == ["access_revoked"]
    with pytest.raises(RoomClosed):
        await read(room, 1)
    with pytest.raises(RoomClosed):
        await room.update({"title": "Too late"})


async def test_leaving_ends_the_iteration(server: Server) -> None:
    realtime = await server.client()
    room, peer = await joined(server, realtime)
    leaving = asyncio.create_task(room.leave())
    command = await peer.expect("leave_project")
    await peer.send("ack", ref=command["ref"])
    await leaving
    assert await read(room, 1) == []


async def test_a_reader_that_does_not_read_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MAX_UNREAD", 2)
    room, peer = await joined(server, await server.client())
    for seq in (1, 2, 3):
        await peer.updated(seq)
    assert await peer.is_silent()
    with pytest.raises(Overrun):
        await read(room, 1)
    assert room.seq == 3, "its state goes on all the same"


# --- reconnecting


async def test_a_room_is_joined_again_from_its_position(server: Server) -> None:
    realtime = await server.client()
    states: list[State] = []
    realtime.on("state", states.append)
    room, peer = await joined(server, realtime, seq=7, title="Seven")
    await peer.updated(8, title="Eight")
    await read(room, 1)
    peer.cut()
    command, peer = await rejoined(server, seq=10, recovered=True, title="Ten")
    assert command["payload"] == {"project_id": 1, "since": 8}
    for seq, title in ((8, "Eight"), (9, "Nine"), (10, "Ten")):
        await peer.updated(seq, title=title)
    assert [message.seq for message in await read(room, 2)] == [9, 10]
    assert room.state == {"title": "Ten"}
    assert states == ["connecting", "online", "offline", "connecting", "online"]


async def test_what_cannot_be_replayed_comes_as_a_snapshot(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=1, title="One", gone=True)
    peer.cut()
    _, peer = await rejoined(server, seq=9000, recovered=False, title="New")
    [message] = await read(room, 1)
    assert message == ("snapshot", {"project_id": 1, "project": {"title": "New"}}, 1, 9000, None)
    assert (room.state, room.seq) == ({"title": "New"}, 9000)
    await peer.updated(9001, title="Newer")
    assert [message.seq for message in await read(room, 1)] == [9001]


async def test_a_room_that_was_lost_meanwhile_ends(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    peer.cut()
    peer = await server.accept()
    await peer.welcome()
    await peer.refuse(await peer.expect("join_project"), "PROJECT_NOT_FOUND")
    with pytest.raises(Refused, match="PROJECT_NOT_FOUND"):
        await read(room, 1)


# --- updates


async def test_an_update_returns_on_its_acknowledgement(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    updating = asyncio.create_task(room.update({"title": "New"}, base_seq=3))
    command = await peer.expect("update_project")
    assert command["payload"] == {"project_id": 1, "data": {"title": "New"}, "base_seq": 3}
    await peer.acknowledge(command, seq=4)
    assert await updating == (4, {"title": "New"}, False)


async def test_an_update_whose_answer_was_lost_is_sent_again_as_the_same(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    updates = [asyncio.create_task(room.update({"title": title})) for title in ("One", "Two")]
    lost = await peer.expect("update_project")
    peer.cut()
    _, peer = await rejoined(server, recovered=True)
    again = await peer.expect("update_project")
    assert again["idempotency_key"] == lost["idempotency_key"]
    assert again["payload"] == lost["payload"]
    await peer.acknowledge(again, seq=1, duplicate=True)
    second = await peer.expect("update_project")
    assert second["idempotency_key"] != lost["idempotency_key"]
    await peer.acknowledge(second, seq=2)
    assert [(await update).duplicate for update in updates] == [True, False]


async def test_updates_made_offline_wait_in_order_and_within_a_bound(server: Server) -> None:
    room, peer = await joined(server, await server.client(queue_limit=2))
    peer.cut()
    waiting = [asyncio.create_task(room.update({"n": n})) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await room.update({"n": 2})
    _, peer = await rejoined(server, recovered=True)
    for n in range(2):
        command = await peer.expect("update_project")
        assert command["payload"]["data"] == {"n": n}
        await peer.acknowledge(command, seq=n + 1)
    assert [(await update).seq for update in waiting] == [1, 2]


async def test_a_refusal_reaches_the_caller_and_only_them(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    bad = asyncio.create_task(room.update({"title": ""}))
    good = asyncio.create_task(room.update({"title": "Good"}))
    details = {"title": ["This field may not be blank."]}
    command = await peer.expect("update_project")
    await peer.refuse(command, "VALIDATION_ERROR", details=details)
    await peer.acknowledge(await peer.expect("update_project"), seq=1)
    with pytest.raises(Refused) as refused:
        await bad
    assert (refused.value.code, refused.value.details) == ("VALIDATION_ERROR", details)
    assert (await good).seq == 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RATE_LIMITED"])
async def test_an_update_that_is_not_possible_now_keeps_its_place(
    server: Server, code: str
) -> None:
    room, peer = await joined(server, await server.client())
    updates = [asyncio.create_task(room.update({"n": n})) for n in range(2)]
    await peer.refuse(await peer.expect("update_project"), code, retry_after=0.25)
    for n in range(2):
        command = await peer.expect("update_project")
        assert command["payload"]["data"] == {"n": n}
        await peer.acknowledge(command, seq=n + 1)
    await asyncio.gather(*updates)
    assert server.waits == [0.25]


async def test_an_update_that_the_caller_gives_up_is_not_sent(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    first = asyncio.create_task(room.update({"n": 0}))
    given_up = asyncio.create_task(room.update({"n": 1}))
    last = asyncio.create_task(room.update({"n": 2}))
    command = await peer.expect("update_project")
    given_up.cancel()
    await asyncio.sleep(0)
    await peer.acknowledge(command, seq=1)
    command = await peer.expect("update_project")
    assert command["payload"]["data"] == {"n": 2}
    await peer.acknowledge(command, seq=2)
    await asyncio.gather(first, last)


async def test_data_that_are_not_json_are_refused_at_once(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    with pytest.raises(ValueError, match="JSON compliant"):
        await room.update({"n": float("nan")})
    assert await peer.is_silent()


async def test_signals_are_sent_now_or_never(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    await room.signal({"x": 1})
    assert (await peer.expect("send_signal"))["payload"] == {"project_id": 1, "data": {"x": 1}}
    peer.cut()
    peer = await server.accept()
    await room.signal({"x": 2})
    await peer.welcome()
    await peer.admit(recovered=True)
    assert await peer.is_silent()


# --- tokens and ends


async def test_each_attempt_has_a_new_token(server: Server) -> None:
    tokens = iter("abc")

    async def fetch() -> str:
        token = next(tokens)
        if token == "b":
            raise OSError("the token server is down")
        return token

    await server.client(fetch)
    peer = await server.accept()
    assert peer.token == "a"
    await peer.close(4102)
    assert (await server.accept()).token == "c"
    assert len(server.waits) == 2


async def test_a_token_is_renewed_within_the_connection(server: Server) -> None:
    tokens = iter("ab")

    async def fetch() -> str:
        return next(tokens)

    _, peer = await joined(server, await server.client(fetch))
    await peer.send("token_expiring", {"expires_in": 60})
    command = await peer.expect("authenticate")
    assert command["payload"] == {"token": "b"}
    await peer.send("ack", ref=command["ref"])
    assert await peer.is_silent()


@pytest.mark.parametrize("code", [4201, 4202, 4203, 4204, 4999, 1000, 1012])
async def test_most_closes_lead_to_another_attempt(server: Server, code: int) -> None:
    await server.client()
    await (await server.accept()).close(code)
    await server.accept()


@pytest.mark.parametrize("code", [4003, 4008, 4099, 4101])
async def test_some_closes_are_final(server: Server, code: int) -> None:
    """4101 is, since this client's token is a string: there is no other to be had."""
    realtime = await server.client()
    room, peer = await joined(server, realtime)
    waiting = asyncio.create_task(room.update({"title": "Never"}))
    await peer.expect("update_project")
    await peer.send("error", {"code": "USER_INACTIVE", "message": "Gone"})
    await peer.close(code)
    with pytest.raises(Stopped, match=f"{code}: USER_INACTIVE"):
        await waiting
    with pytest.raises(Stopped):
        await read(room, 1)
    with pytest.raises(Stopped):
        await realtime.join(2)
    assert realtime.state is State.STOPPED


async def test_closing_ends_what_waits() -> None:
    async with Realtime("ws://127.0.0.1:1", token="t", proxy=None) as realtime:
        joining = asyncio.create_task(realtime.join(1))
        while realtime.state is not State.OFFLINE or realtime.error is None:
            await asyncio.sleep(0.01)
    with pytest.raises(RoomClosed):
        await joining


async def test_an_address_that_is_none_is_told() -> None:
    async with Realtime("http://127.0.0.1", token="t") as realtime:
        with pytest.raises(Stopped, match="isn't a valid URI"):
            await realtime.join(1)
