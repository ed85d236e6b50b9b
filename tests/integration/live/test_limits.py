"""What one socket may ask for, and what happens beyond it: each limit is a setting.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from django.contrib.auth.models import User
from pytest_django import Settings
from redis import Redis
from rest_framework_simplejwt.tokens import AccessToken
from websockets.asyncio.client import connect

from realtime import conf
from realtime.db import threads
from realtime.live import process
from realtime.protocol.errors import CloseCode
from realtime.rooms import hosts
from tests.boards.models import Board, Card, Membership
from tests.harness.measure import until
from tests.harness.shopping import make_list
from tests.harness.sockets import Message, Socket, application

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shopping")]


async def new_list(*usernames: str) -> tuple[int, list[Socket]]:
    list_id, tokens = await threads.run(make_list, *usernames)
    return list_id, [await Socket.connect(token) for token in tokens]


def limit(settings: Settings, **limits: Any) -> None:
    settings.REALTIME = settings.REALTIME | limits


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels > 1 else 1


@pytest.mark.parametrize(
    ("type_", "size"), [("update_project", "MAX_DATA_SIZE"), ("send_signal", "MAX_SIGNAL_SIZE")]
)
async def test_13_data_have_a_size_and_a_depth(settings: Settings, type_: str, size: str) -> None:
    limit(settings, **{size: 100, "MAX_DATA_DEPTH": 5, "MAX_DATA_CONTAINERS": 30})
    list_id, [alice] = await new_list("alice")
    await alice.join(list_id)

    async def send(data: Message) -> Message:
        return await alice.call(type_, {"project_id": list_id, "data": data})

    async def refusal(data: Message) -> Message:
        error = (await send(data))["payload"]
        assert error["code"] == "VALIDATION_ERROR"
        details: Message = error["details"]
        return details

    assert await refusal({"a": "x" * 93}) == {"data": ["More than 100 bytes"]}
    assert await refusal({"a": "é" * 47}) == {"data": ["More than 100 bytes"]}
    assert await refusal(nested(6)) == {"data": ["Nested more than 5 levels deep"]}
    assert await refusal({"a": [[]] * 29}) == {"data": ["More than 30 lists and objects"]}
    if type_ == "send_signal":
        assert (await send({"a": [[]] * 28}))["type"] == "ack"
        for data in ({"a": "x" * 92}, nested(5)):
            assert (await send(data))["type"] == "ack"
    else:
        assert (await send({"x" * 90: 1}))["type"] == "ack"
    await alice.disconnect()


async def test_13_a_message_has_a_size(settings: Settings) -> None:
    limit(settings, MAX_MESSAGE_SIZE=100)
    _, [alice] = await new_list("alice")
    for text in ("x" * 101, "é" * 51):
        await alice.send_raw(text)
        error = await alice.expect("error")
        assert error["payload"]["code"] == "MESSAGE_TOO_LARGE"
        assert "100" in error["payload"]["message"]
    assert (await alice.call("ping"))["type"] == "pong"
    await alice.disconnect()


async def test_18_a_flood_gets_an_error_and_then_the_end(settings: Settings) -> None:
    limit(settings, MESSAGE_RATE=(0.01, 3))
    _, [alice] = await new_list("alice")
    for ref in range(7):
        await alice.send("ping", ref=ref)
    assert [(await alice.receive())["type"] for _ in range(3)] == ["pong"] * 3
    for ref in range(3, 6):
        error = await alice.expect("error")
        assert error["ref"] == ref
        assert error["payload"]["code"] == "RATE_LIMITED"
        assert error["payload"]["retry_after"] > 0
    assert (await alice.expect("error"))["payload"]["code"] == "RATE_LIMITED"
    assert await alice.closed() == 4201
    await alice.disconnect()


async def test_18_a_flood_of_rubbish_ends_too(settings: Settings) -> None:
    limit(settings, MESSAGE_RATE=(0.01, 2))
    _, [alice] = await new_list("alice")
    for _ in range(5):
        await alice.send_raw("{")
    codes = [(await alice.expect("error"))["payload"]["code"] for _ in range(5)]
    assert codes == ["INVALID_JSON"] * 4 + ["RATE_LIMITED"]
    assert await alice.closed() == 4201
    await alice.disconnect()


async def test_18_all_sockets_of_a_user_share_a_rate(settings: Settings) -> None:
    limit(settings, USER_RATE=(0.001, 12))
    list_id, tokens = await threads.run(make_list, "alice", "bob")
    first, second, bob = [await Socket.connect(token) for token in (tokens[0], *tokens)]
    for socket in (first, second, bob):
        await socket.join(list_id)
    for socket in (first, second):
        for _ in ("alice", "bob"):
            await socket.until("user_joined")
    assert (await first.call("ping"))["type"] == "pong"
    await first.send_raw("x" * 20_000)
    assert (await bob.call("ping"))["type"] == "pong", "it is alice who waits"
    await second.send("ping")
    for socket in (first, second):
        assert await socket.is_silent()
        await socket.abandon()
    await bob.disconnect()


async def test_18_who_leaves_while_their_messages_wait_is_gone_at_once(settings: Settings) -> None:
    """Each of them would wait for 10 s, and their user be shown in the room all that time."""
    limit(settings, USER_RATE=(0.001, 12))
    list_id, (alice, bob) = await threads.run(make_list, "alice", "bob")
    watching = await Socket.connect(bob)
    await watching.join(list_id)
    async with serving(application) as port:
        uri = f"ws://127.0.0.1:{port}/?token={alice}"
        client = await connect(uri, compression=None, proxy=None)
        join = {"type": "join_project", "payload": {"project_id": list_id}}
        await client.send(json.dumps(join))
        await client.recv()
        await watching.until("user_joined")
        for _ in range(5):
            await client.send("x" * 20_000)
        client.transport.abort()
        assert (await watching.until("user_left"))["payload"]["project_id"] == list_id
    await watching.disconnect()


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """Serve an application with uvicorn in this event loop; yield the port."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def test_18_what_is_refused_does_not_wait_for_the_users_share(settings: Settings) -> None:
    """A flood that was only slowed down would never end."""
    limit(settings, MESSAGE_RATE=(0.01, 2), USER_RATE=(0.001, 2.5))
    _, [alice] = await new_list("alice")
    for _ in range(5):
        await alice.send("ping")
    answers = [await alice.receive() for _ in range(5)]
    assert [answer["type"] for answer in answers] == ["pong", "pong", "error", "error", "error"]
    assert {answer["payload"]["code"] for answer in answers[2:]} == {"RATE_LIMITED"}
    assert await alice.closed() == 4201
    await alice.disconnect()


async def test_18_each_row_of_an_update_counts(settings: Settings) -> None:
    """A few bytes can ask for a hundred of them, each of which costs as much as an update."""
    limit(settings, USER_RATE=(0.001, 60))

    def make_board() -> tuple[str, str, list[int]]:
        user = User.objects.create_user("alice")
        board = Board.objects.create(title="Plan")
        Membership.objects.create(board=board, user=user)
        cards = Card.objects.bulk_create(Card(board=board, text="x") for _ in range(60))
        return str(board.pk), str(AccessToken.for_user(user)), [card.pk for card in cards]

    board, token, cards = await threads.run(make_board)
    alice = await Socket.connect(token)
    await alice.join(board, "plan")
    for number in range(5):
        assert (await alice.update(board, {"title": f"{number}"}, "plan"))["type"] == "ack"
    rows = {str(card): {"text": "y"} for card in cards}
    assert (await alice.update(board, {"cards": rows}, "plan"))["type"] == "ack"
    await alice.collect(lambda: [m["type"] for m in alice.messages].count("plan_updated") == 6)
    alice.messages.clear()
    await alice.send("ping")
    assert await alice.is_silent()
    await alice.abandon()


async def test_18_a_join_that_fails_counts_as_the_largest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have read as much, or more than anybody can be sent."""
    limit(settings, USER_RATE=(0.001, 30))
    list_id, [alice] = await new_list("alice")

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(hosts, "snapshots", fail)
    failed = await alice.call("join_project", {"project_id": list_id})
    assert failed["payload"]["code"] == "INTERNAL_ERROR"
    await alice.send("ping")
    assert await alice.is_silent()
    await alice.abandon()


async def test_18_joins_have_a_rate(settings: Settings) -> None:
    limit(settings, JOIN_RATE=(0.01, 2))
    list_id, [alice] = await new_list("alice")
    await alice.join(list_id)
    await alice.join(list_id)
    refused = await alice.call("join_project", {"project_id": list_id})
    assert refused["payload"]["code"] == "RATE_LIMITED"
    answer = await alice.update(list_id, {"milk": 1})
    assert answer["payload"]["code"] == "NOT_JOINED", "a failed join leaves it out of the room"
    await alice.disconnect()


async def test_18_a_join_that_is_refused_as_a_message_leaves_the_room_too(
    settings: Settings,
) -> None:
    limit(settings, MESSAGE_RATE=(0.01, 2))
    list_id, [alice, bob] = await new_list("alice", "bob")
    await bob.join(list_id)
    await alice.join(list_id)
    await bob.until("user_joined")
    await alice.call("ping")
    refused = await alice.call("join_project", {"project_id": list_id})
    assert refused["payload"]["code"] == "RATE_LIMITED"
    assert (await bob.until("user_left"))["payload"]["project_id"] == list_id
    await alice.disconnect()
    await bob.disconnect()


async def test_18_signals_have_a_rate(settings: Settings) -> None:
    limit(settings, SIGNAL_RATE=(0.01, 2))
    list_id, [alice, bob] = await new_list("alice", "bob")
    for socket in (alice, bob):
        await socket.join(list_id)
    signal = {"project_id": list_id, "data": {"x": 1}}
    replies = [await alice.call("send_signal", signal) for _ in range(3)]
    assert [reply["type"] for reply in replies] == ["ack", "ack", "error"]
    assert replies[2]["payload"]["code"] == "RATE_LIMITED"
    await bob.until("signal")
    await bob.expect("signal")
    assert await bob.is_silent()
    for socket in (alice, bob):
        await socket.disconnect()


async def test_18_a_socket_joins_so_many_projects(settings: Settings) -> None:
    limit(settings, MAX_PROJECTS=1)
    first, [alice] = await new_list("alice")
    second, _ = await threads.run(make_list)
    await alice.join(first)
    refused = await alice.call("join_project", {"project_id": second})
    assert refused["payload"]["code"] == "TOO_MANY_PROJECTS"
    await alice.join(first)
    await alice.disconnect()


async def test_20_a_socket_that_is_in_no_room_has_a_deadline(settings: Settings) -> None:
    limit(settings, ACCESS_INTERVAL=0.05)
    list_id, [alice, bob, carol] = await new_list("alice", "bob", "carol")
    await alice.join(list_id)
    await bob.join(list_id)
    await bob.call("leave_project", {"project_id": list_id})
    limit(settings, JOIN_DEADLINE=0.2)  # however long it took to come this far
    for idle in (bob, carol):
        error = await idle.until("error")
        assert error["payload"]["code"] == "NOT_JOINED"
        assert await idle.closed() == 4008
        await idle.disconnect()
    assert (await alice.call("ping"))["type"] == "pong"
    await alice.disconnect()


async def test_20_a_socket_that_is_not_signed_in_is_closed_at_once() -> None:
    nobody = await Socket.connect(None)
    await nobody.send("ping")
    assert (await nobody.expect("error"))["payload"]["code"] == "TOKEN_MISSING"
    assert await nobody.closed() == 4101
    await nobody.disconnect()


async def test_who_comes_while_the_server_drains_is_told_and_not_counted() -> None:
    """Whom it counted off without having counted them on could have had one socket more."""
    _, tokens = await threads.run(make_list, "alice")
    first = await Socket.connect(tokens[0])
    here = process.current()
    here.drain()
    late = await Socket.connect(tokens[0])
    for socket in (first, late):
        await socket.expect("server_draining")
        assert await socket.closed() == CloseCode.DRAINING
        await socket.disconnect()
    with Redis.from_url(conf.get().REDIS_URL) as redis:
        counts = f"realtime:sockets:{here.hub.process}"
        await until(lambda: redis.hgetall(counts) == {})
