"""Several people in one text: what each types survives, and all come to one text."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime import rooms
from realtime.db import threads
from realtime.events import log
from realtime.live import joins, texts, updates
from realtime.live.joins import JoinRequest, View
from realtime.live.updates import UpdateRequest
from realtime.models import Event
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.text_operations import Part
from tests.boards.models import Board
from tests.boards.rooms import BoardRoom
from tests.harness.hostile import write_elsewhere
from tests.harness.plans import add_member, make_plan, rename, room_of, row
from tests.harness.sockets import Socket
from tests.harness.writers import Writer

pytestmark = pytest.mark.django_db
TEXT = "First paragraph.\n\nSecond paragraph."
END = len(TEXT)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(plan: Board) -> User:
    bob = User.objects.create_user("bob")
    add_member(plan, bob, "editor")
    return bob


@pytest.fixture
def plan(alice: User) -> Board:
    return make_plan(alice, "New", text=TEXT)


def typing(
    user: User, base_seq: int, *operation: Part, data: Any = None, key: str | None = None
) -> UpdateRequest:
    return UpdateRequest(user.pk, data or {}, base_seq, key, operations={"text": operation})


def write(plan: Board, *requests: UpdateRequest) -> list[Any]:
    return updates.write(room_of(plan), requests)


def text_of(plan: Board) -> str:
    plan.refresh_from_db()
    return plan.text


def told(plan: Board) -> list[Any]:
    """Return the operations in the log, which lead from each text to the next."""
    return [event.operations for event in log.tail(row(plan), 0)]


def refused(result: Any, code: ErrorCode = ErrorCode.CONFLICT) -> Any:
    assert isinstance(result, ProtocolError), result
    assert result.code is code
    return result.details


@pytest.mark.parametrize("is_together", [True, False])
def test_what_two_people_write_at_once_is_all_there(
    plan: Board, alice: User, bob: User, is_together: bool
) -> None:
    by_alice = typing(alice, 0, (0, 5, "The first"))
    by_bob = typing(bob, 0, (18, 6, "A second"), (END, 0, " 😀"))
    if is_together:
        results = write(plan, by_alice, by_bob)
    else:
        results = write(plan, by_alice) + write(plan, by_bob)
    assert text_of(plan) == "The first paragraph.\n\nA second paragraph. 😀"
    assert results == [
        UpdateAck(1, {"text": [[0, 5, "The first"]]}, duplicate=False),
        UpdateAck(2, {"text": [[22, 6, "A second"], [39, 0, " 😀"]]}, duplicate=False),
    ]
    assert told(plan) == [result.changes for result in results]
    assert [event.payload["changes"] for event in log.tail(row(plan), 0)] == [
        {"text": "The first paragraph.\n\nSecond paragraph."},
        {"text": text_of(plan)},
    ]


def test_what_one_goes_on_to_type_at_the_same_place_stays_together(
    plan: Board, alice: User, bob: User
) -> None:
    """Each types on, without having seen what the other typed at the end of the text."""
    write(plan, typing(alice, 0, (END, 0, " hel")), typing(bob, 0, (END, 0, " fo")))
    write(plan, typing(alice, 1, (END + 4, 0, "lo")))
    write(plan, typing(bob, 2, (END + 7, 0, "o")))
    assert text_of(plan) == f"{TEXT} hello foo"


def by_save(plan: Board) -> None:
    found = Board.objects.get(pk=plan.pk)
    found.text = "My first paragraph.\n\nSecond one."
    found.save()


def by_queryset(plan: Board) -> None:
    Board.objects.filter(pk=plan.pk).update(text="My first paragraph.\n\nSecond one.")


def by_update(plan: Board) -> None:
    alice = User.objects.get(username="alice").pk
    write(plan, UpdateRequest(alice, {"text": "My first paragraph.\n\nSecond one."}))


def by_update_of_what_was_there(plan: Board) -> None:
    alice = User.objects.get(username="alice").pk
    write(plan, UpdateRequest(alice, {"text": "My first paragraph.\n\nSecond one."}, base_seq=0))


@pytest.mark.parametrize("edit", [by_save, by_queryset, by_update, by_update_of_what_was_there])
def test_a_whole_text_wipes_out_nothing_of_those_who_type(
    plan: Board, bob: User, edit: Any
) -> None:
    edit(plan)
    [operations] = told(plan)
    assert operations == {"text": [[0, 5, "My first"], [25, 9, "one"]]}
    [result] = write(plan, typing(bob, 0, (16, 0, " It goes on."), (END, 0, " And on.")))
    assert isinstance(result, UpdateAck)
    assert text_of(plan) == "My first paragraph. It goes on.\n\nSecond one. And on."


def test_an_operation_that_comes_again_happens_once(plan: Board, alice: User, bob: User) -> None:
    request = typing(alice, 0, (0, 0, "Once. "), key="k")
    [_, again] = write(plan, request, request)
    write(plan, typing(bob, 0, (0, 0, "Between. ")))
    [later] = write(plan, request)
    assert again == later == UpdateAck(1, {"text": [[0, 0, "Once. "]]}, duplicate=True)
    assert text_of(plan) == f"Once. Between. {TEXT}"


def test_what_has_nothing_to_change_any_more_is_no_event(
    plan: Board, alice: User, bob: User
) -> None:
    results = write(plan, typing(alice, 0, (0, 5, "")), typing(bob, 0, (0, 5, "")))
    assert [(each.seq, each.changes) for each in results] == [(1, {"text": [[0, 5, ""]]}), (1, {})]


def test_what_cannot_be_merged_is_told_with_the_text_of_now(
    plan: Board, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client goes on from there: too old, pruned, unknown to this log, or a text told whole."""
    for number in range(4):
        write(plan, typing(alice, number, (0, 0, str(number))))
    now = {"seq": 4, "current": {"text": f"3210{TEXT}"}}
    [unknown] = write(plan, typing(bob, 5, (0, 0, "x")))
    assert refused(unknown) == now
    monkeypatch.setattr(texts, "MAX_BEHIND", 3)
    [old] = write(plan, typing(bob, 0, (0, 0, "x")))
    assert refused(old) == now
    Event.objects.filter(seq__lte=2).update(created_at=timezone.now() - timedelta(days=31))
    call_command("prune_events", days=30)
    [pruned] = write(plan, typing(bob, 1, (0, 0, "x")))
    assert refused(pruned) == now
    [kept] = write(plan, typing(bob, 2, (0, 0, "x")))
    assert isinstance(kept, UpdateAck)
    rooms.refresh(Board.objects.filter(pk=plan.pk))
    [whole] = write(plan, typing(bob, 5, (0, 0, "x")))
    assert refused(whole)["current"] == {"text": text_of(plan)}


def test_an_operation_that_grows_by_what_others_did_is_bounded(
    plan: Board, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MAX_PARTS", 3)
    write(plan, typing(alice, 0, (2, 0, "x"), (4, 0, "y")))
    [kept] = write(plan, typing(bob, 0, (0, 9, "")))
    assert kept.changes == {"text": [[0, 2, ""], [3, 2, ""], [6, 5, ""]]}
    write(plan, typing(alice, 2, (4, 0, "x"), (6, 0, "y"), (8, 0, "z")))
    [split] = write(plan, typing(bob, 2, (2, 9, "")))
    assert refused(split)["current"] == {"text": text_of(plan)}


def test_a_conflict_of_texts_shows_nothing_to_those_who_may_not_change_them(
    plan: Board, alice: User
) -> None:
    viewer, stranger = User.objects.create_user("carol"), User.objects.create_user("mallory")
    add_member(plan, viewer, "viewer")
    write(plan, typing(alice, 0, (0, 0, "Secret")))
    for user in (viewer, stranger):
        for base_seq in (0, 9):
            [result] = write(plan, typing(user, base_seq, (0, 0, "x")))
            refused(result, ErrorCode.FORBIDDEN)
            assert "Secret" not in repr(result)


def test_an_operation_beyond_the_end_changes_nothing(plan: Board, alice: User) -> None:
    with rooms.quiet():
        Board.objects.filter(pk=plan.pk).update(text="short")
    [result] = write(plan, typing(alice, 0, (END, 0, "x"), data={"title": "Not either"}))
    assert refused(result, ErrorCode.VALIDATION_ERROR).keys() == {"text"}
    assert (text_of(plan), plan.title, told(plan)) == ("short", "New", [])


def test_data_beside_an_operation_is_judged_by_the_same_position(
    plan: Board, alice: User, bob: User
) -> None:
    write(plan, typing(alice, 0, (0, 0, "A"), data={"title": "Alice's"}))
    late = typing(bob, 0, (0, 0, "B"), data={"title": "Bob's"})
    style = typing(bob, 0, (0, 0, "B"), data={"style": {"color": "red"}})
    [conflict, both] = write(plan, late, style)
    assert refused(conflict) == {"seq": 1, "current": {"title": "Alice's"}}
    assert both.changes == {"style": {"color": "red"}, "text": [[1, 0, "B"]]}
    assert (text_of(plan), plan.title) == (f"AB{TEXT}", "Alice's")


def test_a_field_that_others_changed_meanwhile_is_not_in_the_way(plan: Board, alice: User) -> None:
    """Also not a change of so many keys that nobody knows which."""
    many = {f"key {number}": number for number in range(200)}
    write(plan, UpdateRequest(alice.pk, {"style": many}))
    [result] = write(plan, typing(alice, 0, (0, 0, "x")))
    assert result.changes == {"text": [[0, 0, "x"]]}


def test_a_large_change_is_told_whole(plan: Board, alice: User, bob: User) -> None:
    large = "word " * 4000
    [result] = write(plan, typing(alice, 0, (0, 0, large)))
    assert result.changes == {"text": large + TEXT}
    assert told(plan) == [None]
    [behind] = write(plan, typing(bob, 0, (0, 0, "x")))
    assert refused(behind)["seq"] == 1


# --- sockets


def seated(*names: str) -> tuple[Board, list[tuple[int, str]]]:
    people = [User.objects.create_user(name) for name in names]
    plan = make_plan(people[0], "New", text="A few words to begin with ")
    for person in people[1:]:
        add_member(plan, person, "editor")
    return plan, [(each.pk, str(AccessToken.for_user(each))) for each in people]


async def joined(plan: Board, token: str, **payload: Any) -> Socket:
    socket = await Socket.connect(token)
    await socket.join(str(plan.pk), "plan", **payload)
    socket.messages.clear()
    await socket.until("user_joined")
    return socket


@pytest.mark.django_db(transaction=True)
async def test_only_those_who_ask_are_told_operations() -> None:
    plan, [(alice, token)] = await threads.write(seated, "alice")
    key, text = str(plan.pk), "A few more words to begin with "
    whole, asked = await joined(plan, token), await joined(plan, token, operations=True)
    reply = await asked.call(
        "update_plan",
        {
            "plan_id": key,
            "data": {"title": "Newer"},
            "base_seq": 0,
            "operations": {"text": [[6, 0, "more "]]},
        },
    )
    assert reply["payload"]["changes"] == {"title": "Newer", "text": [[6, 0, "more "]]}
    changes = {"title": "Newer", "text": text}
    plain = {
        "type": "plan_updated",
        "payload": {"plan_id": key, "changes": changes, "updated_by": str(alice)},
        "seq": 1,
    }
    edit = {
        "type": "plan_updated",
        "payload": {"plan_id": key, "changes": {"title": "Newer"}, "updated_by": str(alice)},
        "seq": 1,
        "operations": {"text": [[6, 0, "more "]]},
    }
    assert await whole.until("plan_updated") == plain
    assert await asked.until("plan_updated") == edit
    # What is replayed is the same; who joins anew may have asked before.
    for payload, expected in (({"operations": True}, edit), ({}, plain)):
        ack = await asked.join(key, "plan", since=0, **payload)
        assert ack["recovered"]
        assert ack["plan"]["text"] == text
        assert await asked.until("plan_updated") == expected
    await threads.write(rename, plan, "Newest")
    for socket in (whole, asked):
        assert "operations" not in await socket.until("plan_updated")
        await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_operations_that_no_text_can_take_are_refused_by_name() -> None:
    plan, [(_, token)] = await threads.write(seated, "alice")
    socket = await joined(plan, token)
    for payload, code, where in (
        ({"operations": {"title": []}}, "VALIDATION_ERROR", "title"),
        ({"operations": {"nothing": [[0, 0, "x"]]}}, "VALIDATION_ERROR", "nothing"),
        ({"operations": {"text": []}, "base_seq": None}, "VALIDATION_ERROR", "base_seq"),
        ({"operations": {"text": []}, "data": {"text": "x"}}, "VALIDATION_ERROR", "text"),
        ({"operations": {"text": [[4, 0, "x"], [3, 0, "y"]]}}, "VALIDATION_ERROR", "text"),
        ({"operations": {"text": [[0, 0, "\0"]]}}, "VALIDATION_ERROR", "operations"),
        ({"operations": {"text": [[0, 0, "x" * 50_000]]}}, "VALIDATION_ERROR", "operations"),
        ({"operations": {"text": [[-1, 0, "x"]]}}, "INVALID_MESSAGE", "operations"),
        ({"operations": {"text": [[0, 2**31, "x"]]}}, "INVALID_MESSAGE", "operations"),
        ({"operations": {"text": [[0, True, "x"]]}}, "INVALID_MESSAGE", "operations"),
        ({"operations": {"text": [[0, 0]]}}, "INVALID_MESSAGE", "operations"),
        (
            {"operations": {"text": [[0, 0, ""]] * 33}},
            "INVALID_MESSAGE",
            "operations",
        ),
        ({"operations": []}, "INVALID_MESSAGE", "operations"),
    ):
        named = {"plan_id": str(plan.pk), "data": {}, "base_seq": 0}
        reply = await socket.call("update_plan", named | payload)
        error = reply["payload"]
        assert error["code"] == code, (payload, reply)
        assert where in (error.get("details") or error["message"]), (payload, reply)
    assert await threads.run(Event.objects.count) == 0
    await socket.disconnect()


def test_who_asks_for_operations_is_not_let_in_with_a_text_that_has_them_already(
    plan: Board, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be applied twice; whole values may be."""
    snapshots = BoardRoom.snapshots
    edits: list[str] = []

    def read_slowly(self: BoardRoom, keys: Collection[Any]) -> Any:
        for field in edits:
            board = Board.objects.get(pk=plan.pk)
            setattr(board, field, f"{getattr(board, field)}!")
            board.save()
        return snapshots(self, keys)

    monkeypatch.setattr(BoardRoom, "snapshots", read_slowly)
    whole, asked = [JoinRequest(room_of(plan), alice.pk, None, each) for each in (False, True)]
    for edits[:], is_let_in in ((["title"], True), (["text"], False), ([], True)):
        [one, other] = joins.read([whole, asked])
        assert isinstance(one, View)
        assert isinstance(other, View) == is_let_in
        if isinstance(other, ProtocolError):
            assert (other.code, other.retry_after) == (ErrorCode.UNAVAILABLE, 0.1)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.django_db(transaction=True)
async def test_writers_come_to_one_text_over_a_hostile_layer(
    settings: Settings, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word is lost, broken or doubled, whatever arrives when, and with edits made elsewhere."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.harness.hostile.HostileLayer"}}
    settings.REALTIME = settings.REALTIME | {"REPAIR_INTERVAL": 0.1}
    monkeypatch.setattr(texts, "MAX_BEHIND", 6)
    random.seed(seed)
    plan, people = await threads.write(seated, "alice", "bob", "carol")
    writers = [
        Writer(await Socket.connect(token), user_id, str(plan.pk)) for user_id, token in people
    ]
    write_elsewhere()
    for writer in writers:
        await writer.join(anew=True)
    words = {"A", "few", "words", "to", "begin", "with"}
    for step in range(40):
        await take_step(random.choice(writers), words, f"w{step}", plan)
    for writer in writers:
        await writer.send_all()
    head = (await threads.run(log.heads, [room_of(plan)]))[room_of(plan)].seq
    text = await threads.run(text_of, plan)
    assert sorted(text.split()) == sorted(words)
    for writer in writers:
        await writer.catch_up(head)
        assert writer.shown == text
        await writer.socket.disconnect()


async def take_step(writer: Writer, words: set[str], word: str, plan: Board) -> None:
    match random.choice(["type", "type", "type", "delete", "send", "rejoin", "elsewhere"]):
        case "type":
            writer.type(word)
            words.add(word)
        case "delete":
            other = random.choice(sorted(words))
            if writer.delete(other):
                words.discard(other)
        case "send":
            await writer.send_all()
        case "rejoin":
            await writer.join(anew=random.random() < 0.3)
        case _:
            await threads.write(edit_elsewhere, plan, word)
            words.add(word)
    if random.random() < 0.5:
        await writer.send()


def edit_elsewhere(plan: Board, word: str) -> None:
    """Edit the whole text, as a view does that knows nothing of operations."""
    with transaction.atomic():
        found = Board.objects.select_for_update().get(pk=plan.pk)
        found.text = f"{word} {found.text}" if random.random() < 0.5 else f"{found.text}{word} "
        found.save()
