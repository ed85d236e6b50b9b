"""Rooms of several kinds on one connection: each has the messages with its own noun in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.client import Realtime, Refused, Room
from tests.unit.realtime.client.script import Peer, Server
from tests.unit.realtime.client.test_client import joined, read

KEY = "8c5b3c2e-0000-4000-8000-000000000001"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        yield server


async def join_board(realtime: Realtime, peer: Peer, key: int | str = KEY) -> Room:
    joining = asyncio.create_task(realtime.join("board", key))
    command = await peer.expect("join_board")
    assert command["payload"] == {"board_id": key}
    board = {"board": {"text": "Old"}}
    await peer.answer_join(command, seq=10, recovered=False, user_id=1, more=board)
    return await joining


async def test_a_board_is_updated_and_left_with_its_own_noun(server: Server) -> None:
    realtime = await server.client()
    _, peer = await joined(server, realtime, seq=10)
    room = await join_board(realtime, peer)
    assert (room.kind, room.key, room.state) == ("board", KEY, {"text": "Old"})
    updating = asyncio.create_task(room.update({"text": "New"}))
    command = await peer.expect("update_board")
    assert command["payload"] == {"board_id": KEY, "data": {"text": "New"}}
    await peer.acknowledge(command, seq=11)
    await updating
    payload = {"board_id": KEY, "changes": {"text": "New"}, "updated_by": "1"}
    await peer.send("board_updated", payload, seq=11)
    assert [message.type for message in await read(room, 1)] == ["board_updated"]
    assert (room.seq, room.state) == (11, {"text": "New"})
    leaving = asyncio.create_task(room.leave())
    command = await peer.expect("leave_board")
    assert command["payload"] == {"board_id": KEY}
    await peer.send("ack", {}, ref=command["ref"])
    await leaving


async def test_rooms_of_two_kinds_that_have_one_key_are_two_rooms(server: Server) -> None:
    realtime = await server.client()
    project, peer = await joined(server, realtime, seq=10)
    board = await join_board(realtime, peer, 1)
    await peer.updated(11, title="New")
    await read(project, 1)
    assert (project.seq, board.seq) == (11, 10)
    # The payload names a project, too; the envelope says whose event it is.
    await peer.send("card_added", {"board_id": 1, "project_id": 1}, board_id=1, seq=11)
    await read(board, 1)
    assert (project.seq, board.seq) == (11, 11)


async def test_a_board_is_denied_by_its_own_code(server: Server) -> None:
    realtime = await server.client()
    _, peer = await joined(server, realtime)
    joining = asyncio.create_task(realtime.join("board", KEY))
    await peer.refuse(await peer.expect("join_board"), "BOARD_NOT_FOUND")
    with pytest.raises(Refused, match="No") as refused:
        await joining
    assert refused.value.code == "BOARD_NOT_FOUND"


@pytest.mark.parametrize(
    ("kind", "key", "error"),
    [
        ("My board", 1, ValueError),
        (1, 1, ValueError),
        ("board", "", TypeError),
        ("board", None, TypeError),
        ("board", True, TypeError),
        ("board", 1.5, TypeError),
    ],
)
async def test_what_names_no_room_is_refused(
    server: Server, kind: Any, key: Any, error: type[Exception]
) -> None:
    realtime = await server.client()
    with pytest.raises(error, match="not"):
        await realtime.join(kind, key)


async def test_a_command_of_the_hosts_waits_its_turn_and_is_sent_until_it_is_answered(
    server: Server,
) -> None:
    realtime = await server.client()
    _, peer = await joined(server, realtime)
    room = await join_board(realtime, peer)
    updating = asyncio.create_task(room.update({"text": "New"}))
    payload: dict[str, Any] = {"card_id": 7, "board_id": "another"}
    moving = asyncio.create_task(room.command("move_card", payload))
    archiving = asyncio.create_task(room.command("archive"))
    await peer.acknowledge(await peer.expect("update_board"), seq=11)
    lost = await peer.expect("move_card")
    assert lost["payload"] == {"board_id": KEY, "card_id": 7}
    await peer.refuse(lost, "UNAVAILABLE", retry_after=0)
    again = await peer.expect("move_card")
    assert (again["payload"], again["idempotency_key"]) == (
        lost["payload"],
        lost["idempotency_key"],
    )
    cards = {"cards": {"7": {"position": 1}}}
    await peer.send("ack", {"seq": 12, "changes": cards, "duplicate": True}, ref=again["ref"])
    assert (await moving).changes == cards
    await updating
    await peer.refuse(await peer.expect("archive"), "FORBIDDEN")
    with pytest.raises(Refused, match="No"):
        await archiving
    for name in ("join_board", "update_board", "ping", "send_signal", "", None):
        with pytest.raises(TypeError, match="no command of a board's own"):
            await room.command(name)  # type: ignore[arg-type]
