"""Rooms of several kinds on one socket: each speaks the original page with its own noun."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import shared_task
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import models, transaction
from pytest_django import Settings
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework_simplejwt.tokens import AccessToken

from realtime import rooms
from realtime.api import EventsView
from realtime.checks.rooms import check_rooms
from realtime.db import threads
from realtime.events import log
from realtime.events.publication import PresenceEntry
from realtime.live import process
from realtime.models import Event, TaskState
from realtime.models import Room as RoomRow
from realtime.presence.store import PresenceStore
from realtime.protocol import asyncapi
from realtime.protocol.room_id import RoomId
from realtime.rooms import keys, registry
from realtime.tasks import RoomTask, state
from realtime.tasks.progress import Report
from tests.harness.rooms import serve, serve_only
from tests.harness.schemas import mistakes_by
from tests.harness.sockets import Message, Socket
from tests.host.models import Board, Page, Post, Shared, ShoppingList
from tests.host.rooms import BoardRoom, ListRoom

pytestmark = pytest.mark.django_db(transaction=True)

BOARD = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
SNOWFLAKE = 2**62 + 1
HOSTILE = "a:b%3A|../%s{}*?[x]\n\\ \"'é😀" + "x" * 200
KEYS: dict[str, Any] = {
    "list": 7,
    "board": str(BOARD),
    "page": HOSTILE,
    "post": str(SNOWFLAKE),
}
"""A key of each kind, as it is on the wire."""


def make_things() -> list[str]:
    """Make one thing of each kind, shared by alice and bob; return their tokens."""
    users = [User.objects.create_user(name) for name in ("alice", "bob")]
    things: list[Shared] = [
        ShoppingList.objects.create(pk=7),
        Board.objects.create(pk=BOARD),
        Page.objects.create(pk=HOSTILE),
        Post.objects.create(pk=SNOWFLAKE),
    ]
    for thing in things:
        thing.shoppers.set(users)
    return [str(AccessToken.for_user(user)) for user in users]


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Socket, Socket]]:
    alice, bob = [await Socket.connect(token) for token in await threads.run(make_things)]
    yield alice, bob
    for socket in (alice, bob):
        await socket.disconnect()


async def join_all(*sockets: Socket) -> None:
    for socket in sockets:
        for kind, key in KEYS.items():
            await socket.join(key, kind)
        socket.messages.clear()


def room(kind: str) -> RoomId:
    found = registry.parse(kind, KEYS[kind])
    assert found is not None
    return found


# --- the page, with each noun


async def test_one_socket_is_in_rooms_of_every_kind(pair: tuple[Socket, Socket]) -> None:
    alice, bob = pair
    for kind, key in KEYS.items():
        ack = await alice.join(key, kind)
        assert (ack["seq"], ack[kind], ack["role"]) == (0, {}, "shopper")
        joined = await alice.expect("user_joined")
        assert joined["payload"] == {
            f"{kind}_id": key,
            "user_id": ack["user_id"],
            "username": "alice",
        }
        await bob.join(key, kind)
        assert (await alice.expect("user_joined"))["payload"]["username"] == "bob"
    for kind, key in KEYS.items():
        reply = await alice.update(key, {"milk": 1}, kind, idempotency_key="once")
        assert reply["payload"] == {"seq": 1, "changes": {"milk": 1}, "duplicate": False}
        told = await bob.until(f"{kind}_updated")
        assert told["seq"] == 1
        assert told["payload"][f"{kind}_id"] == key
        assert list(told["payload"]) == [f"{kind}_id", "changes", "updated_by"]
        again = await alice.update(key, {"milk": 1}, kind, idempotency_key="once")
        assert again["payload"]["duplicate"], "a key is of one room"
        assert (await bob.call("send_signal", {f"{kind}_id": key, "data": {}}))["type"] == "ack"
        signal = await alice.until("signal")
        assert signal["payload"][f"{kind}_id"] == key
        assert (await bob.call(f"leave_{kind}", {f"{kind}_id": key}))["type"] == "ack"
        assert (await alice.until("user_left"))["payload"][f"{kind}_id"] == key
        back = await bob.join(key, kind, since=0)
        assert back["recovered"]
        assert (await bob.until(f"{kind}_updated"))["seq"] == 1
    assert await threads.run(RoomRow.objects.count) == len(KEYS)


async def test_errors_have_the_noun(pair: tuple[Socket, Socket]) -> None:
    alice, _ = pair
    other = str(uuid.UUID(int=1))
    for kind, key in [("list", 8), ("board", other), ("page", "nowhere"), ("post", 5)]:
        missing = await alice.call(f"join_{kind}", {f"{kind}_id": key})
        assert missing["payload"]["code"] == f"{kind.upper()}_NOT_FOUND"
        assert missing["payload"]["message"] == (
            f"{kind.capitalize()} {key} does not exist, or you cannot access it"
        )
        outside = await alice.update(key, {}, kind)
        assert outside["payload"]["code"] == "NOT_JOINED"
        assert outside["payload"]["message"] == f"Join {kind} {key} first"


@pytest.mark.parametrize(
    ("type_", "payload", "words"),
    [
        ("join_list", {"list_id": "7"}, "Expected `int`, got `str` - at `$.payload.list_id`"),
        ("join_list", {"list_id": 0}, "Expected `int` >= 1"),
        ("join_list", {"board_id": str(BOARD)}, "missing required field `list_id`"),
        ("join_board", {"board_id": 7}, "Expected `str`, got `int` - at `$.payload.board_id`"),
        ("join_board", {"board_id": str(BOARD).upper()}, "matching regex"),
        ("join_board", {"board_id": f"{BOARD}\n"}, "matching regex"),
        ("join_board", {"board_id": BOARD.hex}, "matching regex"),
        ("join_page", {"page_id": ""}, "length >= 1"),
        ("join_page", {"page_id": "x" * 256}, "length <= 255"),
        ("join_page", {"page_id": "a\0b"}, "matching regex"),
        ("join_post", {"post_id": "5"}, "Expected `int`, got `str`"),
        ("join_post", {"post_id": str(2**63)}, "<= 9223372036854775807"),
        ("send_signal", {"data": {}}, "Name one room, by "),
        ("send_signal", {"list_id": 7, "board_id": str(BOARD), "data": {}}, "Name one room, by "),
    ],
)
async def test_a_key_of_the_wrong_type_is_named(
    pair: tuple[Socket, Socket], type_: str, payload: Message, words: str
) -> None:
    error = await pair[0].call(type_, payload)
    assert error["payload"]["code"] == "INVALID_MESSAGE"
    assert words in error["payload"]["message"]


async def test_a_large_integer_is_one_room_as_a_number_and_as_text(
    pair: tuple[Socket, Socket],
) -> None:
    """Programs may send the number, which they can hold; a browser could not."""
    alice, bob = pair
    await alice.join(SNOWFLAKE, "post")
    await bob.join(str(SNOWFLAKE), "post")
    await bob.update(SNOWFLAKE, {"milk": 1}, "post")
    assert (await alice.until("post_updated"))["payload"]["post_id"] == str(SNOWFLAKE)


# --- revocation, deletion


async def test_access_ends_room_by_room(pair: tuple[Socket, Socket], settings: Settings) -> None:
    alice, bob = pair
    await join_all(alice, bob)
    bob_id = await threads.run(lambda: User.objects.get(username="bob").pk)

    def remove(kind: str) -> None:
        with transaction.atomic():
            log.append(room(kind), [rooms.member_changed(bob_id, None)])

    for kind, key in KEYS.items():
        await threads.write(remove, kind)
        assert (await bob.until("access_revoked"))["payload"] == {f"{kind}_id": key}
        changed = await alice.until("member_changed")
        assert changed["payload"] == {f"{kind}_id": key, "user_id": bob_id, "role": None}

    def delete(kind: str) -> None:
        with transaction.atomic():
            log.append(room(kind), [rooms.deleted()])

    for kind, key in KEYS.items():
        await threads.write(delete, kind)
        assert (await alice.until("access_revoked"))["payload"] == {f"{kind}_id": key}


async def test_access_is_compared_for_every_kind(pair: tuple[Socket, Socket]) -> None:
    alice, _ = pair
    await join_all(alice)

    def put_out() -> None:
        for model in (ShoppingList, Board, Page, Post):
            model.shoppers.through.objects.all().delete()

    await threads.write(put_out)
    ended = [(await alice.until("access_revoked"))["payload"] for _ in KEYS]
    assert sorted(map(str, ended)) == sorted(str({f"{k}_id": key}) for k, key in KEYS.items())


# --- presence, over processes


async def test_presence_is_kept_apart_whatever_the_keys_are() -> None:
    here, there = PresenceStore(), PresenceStore()
    names = [RoomId("page", key) for key in ("1", "1:2", "1%3A2", "list", "a:b:c", HOSTILE, "é")]
    pages = [*names, RoomId("list", 1), RoomId("board", str(BOARD)), RoomId("post", str(SNOWFLAKE))]
    for store in (here, there):
        await store.renew()
    for number, each in enumerate(pages, start=1):
        await here.sync(entering=[PresenceEntry(each, number, f"user{number}")])
    await there.sync(entering=[PresenceEntry(pages[0], 99, "user99")])
    assert await there.members(pages) == [
        {number: f"user{number}"} | ({99: "user99"} if number == 1 else {})
        for number in range(1, len(pages) + 1)
    ]
    left = await here.sync(leaving=[(pages[1], 2)])
    assert left.gone == {(pages[1], 2)}
    assert await here.forget_list() == {
        (each, number) for number, each in enumerate(pages, start=1) if number != 2
    }
    expired = await here.expire(own=True)
    assert set(expired.gone) == {
        (each, number) for number, each in enumerate(pages, start=1) if number != 2
    }
    await there.expire(own=True)
    for store in (here, there):
        await store.close()


# --- names of groups


def test_no_two_rooms_share_a_group() -> None:
    many = [
        *(RoomId("list", key) for key in (1, 12, -1)),
        *(RoomId("page", key) for key in ("1", "a", "A", "a_b", "a:b", HOSTILE, "x" * 60, "é")),
        RoomId("page", "." + RoomId("page", HOSTILE).group.partition(".")[2]),
        RoomId("page_a", "b"),
        RoomId("board", str(BOARD)),
        RoomId("post", str(SNOWFLAKE)),
    ]
    groups = [each.group for each in many]
    assert len(set(groups)) == len(many)
    assert RoomId("project", 42).group == "project_42"
    assert RoomId("board", str(BOARD)).group == f"board_{BOARD}"
    assert all(len(group) < 100 and group.isascii() for group in groups)


async def test_every_group_can_be_joined(pair: tuple[Socket, Socket]) -> None:
    """By the layer's own rule: what another process sends is heard."""
    alice, _ = pair
    await join_all(alice)
    hub = process.current().hub
    assert all(hub.subscriptions.is_settled(room(kind)) for kind in KEYS)


# --- the log of several rooms


@pytest.mark.postgres
async def test_transactions_that_tell_the_same_rooms_do_not_wait_for_each_other() -> None:
    """Each in an order of its own; a deadlock would be made anew by the thread, and counted."""
    pages = [RoomId("page", str(number)) for number in range(20)]
    attempts = []

    def tell(order: list[RoomId]) -> None:
        attempts.append(1)
        with transaction.atomic():
            log.append_all({each: [rooms.NewEvent("noted", {})] for each in order})

    await asyncio.gather(
        *(threads.write(tell, pages[shift:] + pages[:shift]) for shift in range(20))
    )
    assert len(attempts) == 20
    heads = await threads.run(log.heads, pages)
    assert {head.seq for head in heads.values()} == {20}


def test_events_of_one_transaction_go_to_many_rooms() -> None:
    with transaction.atomic():
        rows = log.append_all(
            {
                room("board"): [rooms.updated({"a": 1}), rooms.NewEvent("noted", {})],
                room("list"): [rooms.updated({"b": 2}, before={"b": 1})],
            }
        )
    assert [row.seq for row in rows[room("board")]] == [1, 2]
    assert [(row.type, row.before) for row in rows[room("list")]] == [("list_updated", {"b": 1})]
    assert {head.seq for head in log.heads([room("board"), room("list")]).values()} == {1, 2}
    with pytest.raises(ValueError, match="by its function"), transaction.atomic():
        log.append(room("board"), [rooms.NewEvent("board_updated", {})])
    with transaction.atomic():
        log.append(room("board"), [rooms.NewEvent("list_updated", {})])  # means nothing here
    assert Event.objects.count() == 4


# --- tasks


@shared_task(base=RoomTask)
def by_noun(board_id: Any) -> str:
    return "done"


@shared_task(base=RoomTask, room="page", key="path")
def by_another_name(path: Any, list_id: Any = None) -> str:
    return "done"


@shared_task(base=RoomTask)
def of_two(board_id: Any, list_id: Any) -> str:
    return "done"


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "expected"),
    [
        (by_noun, (BOARD,), {}, "board"),
        (by_noun, (), {"board_id": str(BOARD).upper()}, "board"),
        (by_noun, (7,), {}, None),
        (by_noun, ("no uuid",), {}, None),
        (by_another_name, (HOSTILE,), {"list_id": 7}, "page"),
        (by_another_name, ("x" * 256,), {}, None),
        (by_another_name, ("a\0",), {}, None),
        (of_two, (BOARD, 7), {}, None),
    ],
)
def test_the_room_of_a_call(task: Any, args: Any, kwargs: Any, expected: str | None) -> None:
    assert task.room_of(args, kwargs) == (expected and room(expected))


async def test_a_task_is_told_with_the_key_of_its_room(pair: tuple[Socket, Socket]) -> None:
    alice, bob = pair
    await join_all(alice)
    for kind, key in KEYS.items():
        task_id = f"of {kind}"
        await threads.write(state.mark_queued, task_id=task_id, task_type="t", room=room(kind))
        ack = await bob.join(key, kind)
        assert [task["task_id"] for task in ack["tasks"]] == [task_id]
        await threads.write(state.record_progress, task_id, Report(50, "half"))
        progress = await alice.until("task_progress")
        assert (progress[f"{kind}_id"], progress["payload"]["task_id"]) == (key, task_id)
        await threads.write(state.mark_completed, task_id, BOARD)
        completed = await alice.until("task_completed")
        assert (completed[f"{kind}_id"], completed["payload"]["result"]) == (key, str(BOARD))


def test_tasks_of_a_kind_that_is_gone_end_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    state.mark_queued(task_id="t", task_type="t", room=room("board"))
    serve_only(monkeypatch, ListRoom)
    assert state.record_progress("t", Report(50, "half"))
    assert state.mark_completed("t", 1)
    assert TaskState.objects.get().state == TaskState.State.COMPLETED


# --- over HTTP, and the document


def test_the_history_of_every_kind() -> None:
    make_things()
    view: Any = EventsView.as_view()
    alice, stranger = User.objects.get(username="alice"), User.objects.create_user("dave")
    for kind, key in {**KEYS, "board": BOARD, "post": SNOWFLAKE}.items():
        with transaction.atomic():
            log.append(room(kind), [rooms.updated({"milk": 1}, actor_id=alice.pk)])
        for user, status in ((alice, 200), (stranger, 404)):
            request = APIRequestFactory().get("/")
            force_authenticate(request, user)
            answer = view(request, **{f"{kind}_id": key})
            assert answer.status_code == status
            if user == alice:
                [event] = answer.data["events"]
                assert event["payload"][f"{kind}_id"] == KEYS[kind]
                assert event["user"] == {"id": alice.pk, "username": "alice"}
    with pytest.raises(ImproperlyConfigured, match="no argument with a room"):
        view(request, pk=7)


def test_the_document_has_every_kind() -> None:
    types = {kind: registry.key_type(kind).on_wire for kind in KEYS}
    document = asyncapi.document(types, keys.of_users().on_wire)
    assert {f"join_{kind}" for kind in KEYS} <= document["channels"]["socket"]["messages"].keys()
    for kind, key in KEYS.items():
        changed = {f"{kind}_id": key, "changes": {}, "updated_by": "1"}
        joined = {f"{kind}_id": key, "user_id": 1, "username": "x"}
        task = {"task_id": "t", "progress": 1, "message": ""}
        for message in (
            {"type": f"join_{kind}", "payload": {f"{kind}_id": key}, "ref": 1},
            {"type": "send_signal", "payload": {f"{kind}_id": key, "data": {}}},
            {"type": f"{kind}_updated", "payload": changed, "seq": 1},
            {"type": "user_joined", "payload": joined},
            {"type": "task_progress", "payload": task, f"{kind}_id": key},
            {"type": "error", "payload": {"code": f"{kind.upper()}_NOT_FOUND", "message": ""}},
        ):
            assert mistakes_by(document, message) == []
        assert mistakes_by(document, {"type": "user_joined", "payload": {}}) != []


# --- registering


def test_what_cannot_be_served_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def ids() -> list[str]:
        return [
            str(each.id) for each in run_checks(databases=[]) if str(each.id).startswith("realtime")
        ]

    assert ids() == []
    serve_only(monkeypatch)
    assert "realtime.E002" in ids()

    class Other(BoardRoom):
        kind = "list"

    serve_only(monkeypatch, ListRoom, Other)
    assert ids() == ["realtime.E061"]
    for noun in ("Board", "my-board", "2nd", "user", "members", "b" * 41, ""):
        named = type("Named", (BoardRoom,), {"kind": noun})
        serve_only(monkeypatch, named)
        assert "realtime.E060" in ids(), noun


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (models.CharField(primary_key=True, max_length=256), "more than 255 characters"),
        (models.TextField(primary_key=True), "more than 255 characters"),
        (models.CompositePrimaryKey("a", "b"), "several columns"),
    ],
)
def test_keys_that_cannot_name_rooms_are_told(
    monkeypatch: pytest.MonkeyPatch, key: Any, words: str
) -> None:
    meta = SimpleNamespace(pk=key, label="shop.Thing", app_label="host", model_name="thing")
    serve_only(monkeypatch, ListRoom)
    monkeypatch.setattr(registry.registered[0], "model", SimpleNamespace(_meta=meta), raising=False)
    [error] = check_rooms()
    assert (error.id, words in error.msg) == ("realtime.E062", True)


def test_a_lock_that_cannot_be_shared_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates of many rooms, of other kinds too, would be undone and done again one by one."""

    def lock(self: rooms.Room, keys: Any) -> dict[Any, Any]:
        return {}

    def lock_with_any(self: rooms.Room, keys: Any, **options: Any) -> dict[Any, Any]:
        return {}

    serve_only(monkeypatch, type("Old", (BoardRoom,), {"lock": lock, "kind": "old"}))
    [error] = check_rooms()
    assert error.id == "realtime.E064"
    serve_only(monkeypatch, type("New", (BoardRoom,), {"lock": lock_with_any, "kind": "new"}))
    assert check_rooms() == []


def test_a_kind_is_the_name_of_its_class_unless_it_says_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "registered", [])
    made: list[Any] = [type(name, (rooms.Room,), {}) for name in ("BoardRoom", "Wikis", "Room")]
    made.append(type("X", (rooms.Room,), {"kind": "card"}))
    assert [registry.register(each).kind for each in made] == ["board", "wikis", "room", "card"]
    registry.forget()


class NamesRoom(BoardRoom):
    def display_name(self, user: Any) -> str:
        return f"{user.username} of the boards"


async def test_others_see_the_name_that_the_kind_has_for_a_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(monkeypatch, NamesRoom)
    token = (await threads.run(make_things))[0]
    alice = await Socket.connect(token)
    assert (await alice.join(str(BOARD), "board"))["members"][0][
        "username"
    ] == "alice of the boards"
    assert (await alice.join(7, "list"))["members"][0]["username"] == "alice"
    await alice.disconnect()


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"username": "alice"}, "alice"),
        ({"username": "ann@example.org"}, "ann"),
        ({"username": "ann@example.org", "first_name": "Ann", "last_name": "Lee"}, "Ann Lee"),
        ({"username": "ann@example.org", "first_name": "ann@example.org"}, "ann"),
        ({"username": "@ann"}, "@ann"),
    ],
)
def test_no_e_mail_address_is_shown(fields: dict[str, str], shown: str) -> None:
    assert BoardRoom().display_name(User(**fields)) == shown


def test_the_command_prints_the_nouns(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("asyncapi")
    assert '"join_board"' in capsys.readouterr().out
