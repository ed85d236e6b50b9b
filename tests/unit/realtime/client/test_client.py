"""The Python client against a server that does what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from realtime.client import (
    InvalidData,
    Member,
    Message,
    Overrun,
    QueueFull,
    Realtime,
    RealtimeError,
    Refused,
    Room,
    RoomClosed,
    State,
    StateChange,
    Stopped,
    Task,
    UserChanged,
    backoff,
    signals,
)
from realtime.client import room as room_module
from tests.unit.realtime.client.script import TIMEOUT, Peer, Server


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


async def joined(server: Server, realtime: Realtime, **ack: Any) -> tuple[Room, Peer]:
    """Return a joined room, and the server's end."""
    joining = asyncio.create_task(realtime.join("project", 1))
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
    assert (room.role, room.seq, room.members) == ("editor", 4, (Member(1, "alice"),))
    await peer.updated(5, title="New", content={"mood": None, "size": 3})
    await peer.send("user_joined", {"project_id": 1, "user_id": 2, "username": "bob"})
    await peer.send("user_left", {"project_id": 1, "user_id": 1})
    progress = {"task_id": "t", "progress": 40, "message": "Analyzing image..."}
    await peer.send("task_progress", progress, project_id=1)
    types = [message.type for message in await read(room, 4)]
    assert types == ["project_updated", "user_joined", "user_left", "task_progress"]
    assert room.state == {"title": "New", "content": {"size": 3}}
    assert room.members == (Member(2, "bob"),)
    assert [*room.tasks] == [Task("t", None, 40, "Analyzing image...")]

    completed = {"task_id": "t", "task_type": "analyze", "result": 1}
    await peer.send("task_completed", completed, project_id=1, seq=6)
    await peer.send("task_progress", progress, project_id=1)
    await peer.updated(7)
    assert [m.type for m in await read(room, 2)] == ["task_completed", "project_updated"]
    assert (len(room.tasks), room.seq) == (0, 7), "progress that comes late revives no task"


async def test_the_role_follows_the_changes_that_come_after_the_join(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=1)
    for seq, user_id, role in ((2, 2, "owner"), (3, 1, "viewer"), (4, 1, None)):
        changed = {"project_id": 1, "user_id": user_id, "role": role}
        await peer.send("member_changed", changed, seq=seq)
        await read(room, 1)
        assert room.role == ("editor" if user_id == 2 else role)
    peer.cut()
    _, peer = await rejoined(server, seq=4, recovered=True)
    await peer.send("member_changed", changed, seq=4)
    await peer.updated(5)
    await read(room, 1)
    assert room.role == "editor", "the join said so"


async def test_the_progress_of_a_task_never_falls(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    for progress in (40, 20, 60):
        payload = {"task_id": "t", "progress": progress, "message": f"{progress} %"}
        await peer.send("task_progress", payload, project_id=1)
    await read(room, 3)
    assert room.tasks == (Task("t", None, 60, "60 %"),)


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
    joining = asyncio.create_task(realtime.join("project", 1))
    peer = await server.accept()
    await peer.welcome()
    await peer.refuse(await peer.expect("join_project"), "PROJECT_NOT_FOUND")
    with pytest.raises(Refused, match="PROJECT_NOT_FOUND") as refused:
        await joining
    assert refused.value.code == "PROJECT_NOT_FOUND"


async def test_a_join_that_is_not_possible_now_is_tried_again(server: Server) -> None:
    realtime = await server.client()
    joining = asyncio.create_task(realtime.join("project", 1))
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
    changes: list[StateChange] = []
    realtime.on("state", changes.append)
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
    states = [change.state for change in changes]
    assert states == ["connecting", "online", "offline", "connecting", "online"]
    assert changes[2] == ("offline", 1006, "CONNECTION_LOST", server.now + server.waits[0])
    assert [change[1:] for change in changes if change.state != "offline"] == [(None,) * 3] * 4


async def test_what_cannot_be_replayed_comes_as_a_snapshot(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=1, title="One", gone=True)
    peer.cut()
    _, peer = await rejoined(server, seq=9000, recovered=False, title="New")
    [message] = await read(room, 1)
    snapshot = {"project_id": 1, "project": {"title": "New"}}
    assert message == ("snapshot", snapshot, snapshot, 9000, None)
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


async def test_an_update_shows_at_once_and_until_the_room_has_it(server: Server) -> None:
    room, peer = await joined(server, await server.client(), title="Old", content={"a": 1})
    changes: list[tuple[Any, int]] = []
    room.on("change", lambda: changes.append((room.state["title"], room.pending)))
    async with asyncio.TaskGroup() as group:
        updating = group.create_task(room.update({"title": "Mine"}))
        command = await peer.expect("update_project")
        assert room.state == {"title": "Mine", "content": {"a": 1}}
        assert room.state is room.state
        # What others change shows below it.
        await peer.updated(1, title="Theirs", content={"b": 2})
        await read(room, 1)
        assert room.state == {"title": "Mine", "content": {"a": 1, "b": 2}}
        await peer.acknowledge(command, seq=3)
        await updating
        # Event 2 comes before that of the update, and does not undo it for a moment.
        await peer.updated(2, title="Theirs again")
        await read(room, 1)
        assert room.state["title"] == "Mine"
        await peer.updated(3, title="Mine")
        await peer.updated(4, title="New")
        await read(room, 2)
    assert room.state["title"] == "New"
    assert changes[0] == ("Mine", 1)
    assert [title for title, _ in changes].count("Theirs") == 0
    assert changes[-1] == ("New", 0)


async def test_an_update_that_is_refused_is_taken_back(server: Server) -> None:
    room, peer = await joined(server, await server.client(), title="Old")
    async with asyncio.TaskGroup() as group:
        updating = group.create_task(_refused(room.update({"title": "Mine"})))
        quiet = group.create_task(room.update({"title": "Quiet"}, optimistic=False))
        command = await peer.expect("update_project")
        assert (room.state["title"], room.pending) == ("Mine", 2)
        await peer.refuse(command, "VALIDATION_ERROR")
        await updating
        command = await peer.expect("update_project")
        assert (room.state["title"], room.pending) == ("Old", 1)
        await peer.acknowledge(command, seq=1)
        await quiet
        assert room.state["title"] == "Old"


async def _refused(update: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(Refused):
        await update


async def test_a_snapshot_has_what_was_acknowledged_or_never_will(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=5, title="Old")
    async with asyncio.TaskGroup() as group:
        updating = group.create_task(room.update({"title": "Mine"}))
        await peer.acknowledge(await peer.expect("update_project"), seq=9)
        await updating
    assert room.state["title"] == "Mine"
    peer.cut()
    # A server that was put back to an earlier time has lost it.
    await rejoined(server, seq=3, title="Restored")
    assert (await read(room, 1))[0].type == "snapshot"
    assert room.state["title"] == "Restored"


async def test_change_is_told_of_the_connection_and_of_the_end(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    seen: list[tuple[bool, bool]] = []
    off = room.on("change", lambda: seen.append((room.joined, room.ended is not None)))
    peer.cut()
    _, peer = await rejoined(server, recovered=True)
    await peer.send("access_revoked", {"project_id": 1})
    with pytest.raises(RoomClosed):
        await read(room, 2)
    assert seen[0] == (False, False)
    assert (True, False) in seen
    assert seen[-1] == (False, True)
    off()


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


@pytest.mark.parametrize(
    ("data", "code", "problem"),
    [
        ({"text": "x" * 70_000}, "MESSAGE_TOO_LARGE", "64 KiB at most"),
        ({"text": "a \ud800 b"}, "INVALID_DATA", "data.text has a lone surrogate"),
        ({"\udc00": 1}, "INVALID_DATA", r"data.\\udc00 has a lone surrogate"),
        ({"n": 2**70}, "INVALID_DATA", "data.n is a number out of range"),
        ({"n": float("nan")}, "INVALID_DATA", "data.n is a number out of range"),
        ({"n": [1e300]}, "INVALID_DATA", r"data.n\[0\] is a number out of range"),
        ({"n": 10**5000}, "INVALID_DATA", "data.n is a number out of range"),
        ({"n": nested(30)}, "INVALID_DATA", "is nested too deeply"),
        ({"n": {1, 2}}, "INVALID_DATA", "data.n is a set"),
        ({1: 2}, "INVALID_DATA", "has the key 1, which is not a string"),
        (["no", "object"], "INVALID_DATA", "data must be a dict"),
    ],
)
async def test_what_the_server_could_not_read_is_refused_at_the_call(
    server: Server, data: Any, code: str, problem: str
) -> None:
    room, peer = await joined(server, await server.client())
    for send in (room.update, room.signal):
        with pytest.raises(InvalidData, match=problem) as refused:
            await send(data)
        assert refused.value.code == code
    assert await peer.is_silent()
    later = asyncio.create_task(room.update({"title": "Later"}))
    await peer.acknowledge(await peer.expect("update_project"), seq=1)
    assert (await later).seq == 1


async def test_a_refusal_that_names_no_command_is_that_of_the_update(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    for code in ("MESSAGE_TOO_LARGE", "INVALID_JSON", "INVALID_MESSAGE"):
        updating = asyncio.create_task(room.update({"title": code}))
        await peer.expect("update_project")
        await peer.send("error", {"code": code, "message": "No"})
        with pytest.raises(Refused, match=code):
            await updating


async def test_of_updates_of_two_rooms_only_the_unreadable_one_is_refused(server: Server) -> None:
    """The server does not say which: sent one at a time, it is clear."""
    realtime = await server.client()
    one, peer = await joined(server, realtime)
    joining = asyncio.create_task(realtime.join("project", 2))
    await peer.admit()
    two = await joining
    updates = [asyncio.create_task(room.update({"n": n})) for n, room in enumerate((one, two))]
    for _ in updates:
        await peer.expect("update_project")
    await peer.send("error", {"code": "INVALID_JSON", "message": "No"})
    peer = await server.accept()
    await peer.welcome()
    for _ in (one, two):
        await peer.admit(recovered=True)
    for _ in updates:
        command = await peer.expect("update_project")
        assert await peer.is_silent()
        if command["payload"]["project_id"] == 1:
            await peer.send("error", {"code": "INVALID_JSON", "message": "No"})
        else:
            await peer.acknowledge(command, seq=1)
    with pytest.raises(Refused, match="INVALID_JSON"):
        await updates[0]
    assert (await updates[1]).seq == 1


async def test_of_very_many_members_some_are_named_and_all_are_counted(server: Server) -> None:
    client = await server.client()
    joining = asyncio.create_task(client.join("project", 1))
    peer = await server.accept()
    await peer.welcome()
    command = await peer.expect("join_project")
    await peer.answer_join(command, recovered=False, user_id=1, more={"member_count": 5000})
    room = await joining
    assert (room.member_count, room.members) == (5000, (Member(1, "alice"),))
    bob = {"project_id": 1, "user_id": 2, "username": "bob"}
    for type_, user_id in (
        ("user_joined", 2),
        ("user_joined", 2),
        ("user_left", 3),
        ("user_left", 4),
        ("user_left", 2),
    ):
        await peer.send(type_, bob | {"user_id": user_id})
    await read(room, 5)
    assert (room.member_count, room.members) == (4998, (Member(1, "alice"),))


async def test_an_ack_may_have_more_members_than_are_known(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    updating = asyncio.create_task(room.update({"title": "New"}))
    command = await peer.expect("update_project")
    await peer.send(
        "ack", {"seq": 1, "changes": {}, "duplicate": False, "x": 1}, ref=command["ref"]
    )
    assert await updating == (1, {}, False)


async def test_who_is_not_joined_joins_again(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=3)
    updating = asyncio.create_task(room.update({"title": "New"}))
    command = await peer.expect("update_project")
    await peer.refuse(command, "NOT_JOINED")
    assert (await peer.admit(seq=3, recovered=True))["payload"]["since"] == 3
    again = await peer.expect("update_project")
    assert again["idempotency_key"] == command["idempotency_key"]
    await peer.acknowledge(again, seq=4)
    assert (await updating).seq == 4


async def test_a_fault_of_the_server_is_shown_to_the_caller(server: Server) -> None:
    realtime = await server.client()
    room, peer = await joined(server, realtime)
    updating = asyncio.create_task(room.update({"title": "New"}))
    await peer.refuse(await peer.expect("update_project"), "INTERNAL_ERROR")
    with pytest.raises(Refused, match="INTERNAL_ERROR"):
        await updating
    joining = asyncio.create_task(realtime.join("project", 2))
    for _ in range(3):
        await peer.refuse(await peer.expect("join_project"), "INTERNAL_ERROR")
    with pytest.raises(Refused, match="INTERNAL_ERROR"):
        await joining
    assert await peer.is_silent()


# --- signals


async def test_the_last_of_many_signals_arrives(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    for n in range(180):
        await room.signal({"n": n})
    command = await peer.expect("send_signal")
    await peer.refuse(command, "RATE_LIMITED", retry_after=0.5)
    command = await peer.expect("send_signal")
    assert command["payload"]["data"] == {"n": 179}
    await peer.send("ack", ref=command["ref"])
    assert await peer.is_silent()
    assert server.waits == [0.5, signals.INTERVAL], "no faster than a server takes them"


async def test_presence_is_merged_shown_and_told_again(server: Server) -> None:
    room, peer = await joined(server, await server.client(), seq=4)
    await room.set_presence({"color": "red"})
    others = {"members": [{"user_id": 1, "username": "alice"}, {"user_id": 2, "username": "bob"}]}
    types: dict[str, Any] = {}
    while {"join_project", "set_presence"} - types.keys():
        async with asyncio.timeout(TIMEOUT):
            command = json.loads(await peer.websocket.recv())
        types[command["type"]] = command
    assert types["join_project"]["payload"] == {"project_id": 1, "since": 4, "presence": {}}
    await peer.send("ack", ref=types["set_presence"]["ref"])
    await peer.answer_join(types["join_project"], seq=4, recovered=True, user_id=1, more=others)
    again = await peer.expect("set_presence")
    assert again["payload"]["data"] == {"color": "red"}
    await peer.send("ack", ref=again["ref"])
    shown = {"project_id": 1, "user_id": 2, "data": {"x": 1}}
    await peer.send("presence", shown)
    await read(room, 1)
    assert room.members == (Member(1, "alice", {"color": "red"}), Member(2, "bob", {"x": 1}))
    await peer.send("presence", shown | {"data": {}})
    await read(room, 1)
    assert room.members[1] == Member(2, "bob")
    await room.set_presence({"color": None, "x": 2})
    command = await peer.expect("set_presence")
    assert command["payload"]["data"] == room.presence == {"x": 2}
    with pytest.raises(InvalidData):
        await room.set_presence({"x": object()})
    assert room.presence == {"x": 2}


async def test_presence_is_there_from_the_join_on(server: Server) -> None:
    realtime = await server.client()
    with pytest.raises(InvalidData):
        await realtime.join("project", 1, presence={"x": object()})
    joining = asyncio.create_task(realtime.join("project", 1, presence={"color": "red"}))
    peer = await server.accept()
    await peer.welcome()
    command = await peer.expect("join_project")
    assert command["payload"] == {"project_id": 1, "presence": {}}
    await peer.answer_join(command, recovered=False, user_id=1)
    told = await peer.expect("set_presence")
    assert told["payload"]["data"] == (await joining).presence == {"color": "red"}


async def test_a_signal_that_is_refused_is_told(server: Server) -> None:
    realtime = await server.client()
    told = asyncio.get_running_loop().create_future()
    realtime.on("error", told.set_result)
    room, peer = await joined(server, realtime)
    await room.signal({"x": "y" * 3000})
    await peer.refuse(await peer.expect("send_signal"), "VALIDATION_ERROR")
    async with asyncio.timeout(TIMEOUT):
        assert (await told).code == "VALIDATION_ERROR"


async def test_signals_are_sent_now_or_never(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    await room.signal({"x": 1})
    command = await peer.expect("send_signal")
    assert command["payload"] == {"project_id": 1, "data": {"x": 1}}
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
    changes: list[StateChange] = []
    realtime.on("state", changes.append)
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
        await realtime.join("project", 2)
    assert realtime.state is State.STOPPED
    assert changes[-1] == (State.STOPPED, code, "USER_INACTIVE", None)


# --- another user


async def test_nothing_of_one_user_is_sent_as_anothers(server: Server) -> None:
    """Neither what waits nor what was sent and not answered, in whichever room."""
    realtime = await server.client()
    one, peer = await joined(server, realtime)
    joining = asyncio.create_task(realtime.join("project", 2))
    await peer.admit()
    two = await joining
    updates = [asyncio.create_task(room.update({"by": "alice"})) for room in (one, two, two)]
    for _ in (one, two):
        await peer.expect("update_project")
    await one.signal({"by": "alice"})
    await peer.expect("send_signal")
    await one.signal({"by": "alice, again"})
    peer.cut()
    updates.append(asyncio.create_task(one.update({"by": "alice, offline"})))

    peer = await server.accept()
    await peer.welcome()
    commands = [await peer.expect("join_project") for _ in (one, two)]
    await peer.answer_join(commands[0], user_id=2, recovered=True)
    left = [await peer.expect("leave_project") for _ in (one, two)]
    assert sorted(command["payload"]["project_id"] for command in left) == [1, 2]
    await peer.answer_join(commands[1], user_id=2, recovered=True)
    for updating in updates:
        with pytest.raises(UserChanged) as changed:
            await updating
        assert changed.value.code == "USER_CHANGED"
    for room in (one, two):
        with pytest.raises(UserChanged):
            await read(room, 1)
        with pytest.raises(UserChanged):
            await room.update({"by": "bob"})
    for command in left:
        await peer.send("ack", ref=command["ref"])
    assert await peer.is_silent()

    joining = asyncio.create_task(realtime.join("project", 1))
    await peer.admit(user_id=2)
    assert (await joining).me == 2


async def test_a_fresh_token_that_is_refused_leads_to_a_new_connection(server: Server) -> None:
    """It may be another user's, and the connection is still the first one's."""

    async def fetch() -> str:
        return "another's"

    _, peer = await joined(server, await server.client(fetch))
    await peer.send("token_expiring", {"expires_in": 60})
    await peer.refuse(await peer.expect("authenticate"), "TOKEN_INVALID")
    await server.accept()


# --- bounds of what is waited for


async def test_a_reply_that_does_not_come_ends_the_connection(server: Server) -> None:
    realtime = await server.client(reply_timeout=0.5)
    room, peer = await joined(server, realtime)
    updating = asyncio.create_task(room.update({"title": "New"}))
    lost = await peer.expect("update_project")
    peer = await server.accept()
    await peer.welcome()
    await peer.expect("join_project")  # and no reply to this one either
    _, peer = await rejoined(server, recovered=True)
    again = await peer.expect("update_project")
    assert again["idempotency_key"] == lost["idempotency_key"]
    await peer.acknowledge(again, seq=1)
    assert (await updating).seq == 1


async def test_a_token_that_is_no_string_is_told_and_asked_for_again(server: Server) -> None:
    answers: list[Any] = [{"access": "x"}, "a token"]

    async def fetch() -> Any:
        return answers.pop(0)

    realtime = await server.client(fetch)
    assert (await server.accept()).token == "a token"
    assert isinstance(realtime.error, RealtimeError)
    assert realtime.error.code == "TOKEN_UNAVAILABLE"
    assert "returned a dict" in str(realtime.error)


async def test_a_token_function_that_never_answers_is_asked_again(server: Server) -> None:
    asked = 0

    async def fetch() -> str:
        nonlocal asked
        asked += 1
        while asked < 3:
            with suppress(asyncio.CancelledError):  # deaf to that, too
                await asyncio.sleep(TIMEOUT)
        return "the third"

    realtime = await server.client(fetch, connect_timeout=0.2)
    assert (await server.accept()).token == "the third"
    assert isinstance(realtime.error, RealtimeError)
    assert realtime.error.code == "TOKEN_UNAVAILABLE"


async def test_nobody_signed_in_stops_the_client(server: Server) -> None:
    tokens: list[str | None] = ["a", None]

    async def fetch() -> str | None:
        return tokens.pop(0)

    room, peer = await joined(server, await server.client(fetch))
    await peer.send("token_expiring", {"expires_in": 60})
    with pytest.raises(Stopped, match="Nobody is signed in") as stopped:
        await read(room, 1)
    assert stopped.value.code == "TOKEN_MISSING"


async def test_a_server_that_does_not_answer_is_given_up(server: Server) -> None:
    realtime = await server.client(connect_timeout=0.05)
    await server.accept()  # it says nothing
    await server.accept()
    assert isinstance(realtime.error, RealtimeError)
    assert realtime.error.code == "REPLY_TIMEOUT"

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    url = f"ws://127.0.0.1:{port}"
    async with Realtime(url, token="t", proxy=None, connect_timeout=0.05) as mute:
        async with asyncio.timeout(TIMEOUT):
            while mute.error is None:
                await asyncio.sleep(0.01)
    listening.close()
    assert isinstance(mute.error, Stopped)


async def test_a_renewal_that_came_too_fast_is_tried_again(server: Server) -> None:
    tokens = iter(["a", "b", "c", "d"])

    async def fetch() -> str:
        token = next(tokens)
        if token == "c":
            raise OSError("the token server is down")
        return token

    _, peer = await joined(server, await server.client(fetch))
    await peer.send("token_expiring", {"expires_in": 60})
    command = await peer.expect("authenticate")
    assert command["payload"] == {"token": "b"}
    await peer.refuse(command, "RATE_LIMITED", retry_after=2)
    command = await peer.expect("authenticate")
    assert command["payload"] == {"token": "d"}
    await peer.send("ack", ref=command["ref"])
    assert await peer.is_silent()
    assert server.waits[0] == 2


async def test_a_message_that_is_too_large_for_the_client_is_told(server: Server) -> None:
    """Whether it is the ack of a join, or comes later: it would come again each time."""
    realtime = await server.client(max_size=2000)
    joining = asyncio.create_task(realtime.join("project", 1))
    peer = await server.accept()
    await peer.welcome()
    await peer.admit(text="x" * 3000)
    with pytest.raises(Stopped, match="larger than `max_size`") as stopped:
        await joining
    assert stopped.value.code == "MESSAGE_TOO_LARGE"
    assert realtime.state is State.STOPPED


async def test_a_server_that_closes_for_the_size_refuses_the_update(server: Server) -> None:
    room, peer = await joined(server, await server.client())
    updating = asyncio.create_task(room.update({"text": "x" * 3000}))
    await peer.expect("update_project")
    await peer.close(1009)
    with pytest.raises(Refused, match="MESSAGE_TOO_LARGE"):
        await updating
    await rejoined(server, recovered=True)


@pytest.mark.parametrize(
    "frame",
    [
        *("no JSON", "[]", "{}", '{"type": "error"}', '{"type": "ack", "ref": [1]}'),
        *('{"type": "project_updated", "payload": {"project_id": 1}, "seq": 1}', "[" * 5000),
        '{"type": "user_joined", "payload": {"project_id": 1, "user_id": 2}}',
    ],
)
async def test_a_message_that_is_none_ends_the_connection(server: Server, frame: str) -> None:
    room, peer = await joined(server, await server.client())
    await peer.websocket.send(frame)
    command, peer = await rejoined(server, recovered=True)
    assert command["payload"]["since"] == 0, "an event that could not be read is asked for again"
    await peer.updated(1, title="One")
    assert [message.seq for message in await read(room, 1)] == [1]


# --- a room that several want


async def test_a_room_is_left_once_all_have_left_it(server: Server) -> None:
    realtime = await server.client()
    room, peer = await joined(server, realtime)
    assert await realtime.join("project", 1) is room
    await room.leave()
    assert await peer.is_silent()
    updating = asyncio.create_task(room.update({"title": "Before"}))
    command = await peer.expect("update_project")
    leaving = asyncio.create_task(room.leave())
    await asyncio.sleep(0)
    with pytest.raises(RoomClosed):
        await room.update({"title": "After"})
    await peer.acknowledge(command, seq=1)
    await updating
    command = await peer.expect("leave_project")
    await peer.send("ack", ref=command["ref"])
    await leaving
    await room.leave()  # once too often: no harm
    joining = asyncio.create_task(realtime.join("project", 1))
    await peer.admit()
    assert (await joining).ended is None


async def test_a_join_that_is_given_up_leaves_nobody_behind(server: Server) -> None:
    realtime = await server.client()
    joining = asyncio.create_task(realtime.join("project", 1))
    peer = await server.accept()
    await peer.welcome()
    await peer.expect("join_project")
    joining.cancel()
    await peer.expect("leave_project")


async def test_closing_ends_what_waits() -> None:
    async with Realtime("ws://127.0.0.1:1", token="t", proxy=None) as realtime:
        joining = asyncio.create_task(realtime.join("project", 1))
        while realtime.state is not State.OFFLINE or realtime.error is None:
            await asyncio.sleep(0.01)
    with pytest.raises(Stopped) as stopped:
        await joining
    assert stopped.value.code == "CLOSED"


async def test_an_address_that_is_none_is_told() -> None:
    async with Realtime("http://127.0.0.1", token="t") as realtime:
        with pytest.raises(Stopped, match="isn't a valid URI"):
            await realtime.join("project", 1)
