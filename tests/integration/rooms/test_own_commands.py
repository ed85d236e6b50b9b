"""Commands of a host's own: typed, under the room's lock, once for each key, and told in order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from rest_framework_simplejwt.tokens import AccessToken

from realtime import rooms
from realtime.checks.rooms import check_rooms
from realtime.db import threads
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.models import Event
from realtime.protocol import asyncapi
from realtime.protocol.messages import Update, UpdateAck
from realtime.rooms import keys, registry
from tests.boards.models import Board, Card, Membership
from tests.boards.rooms import BoardRoom
from tests.harness.rooms import serve, serve_only
from tests.harness.schemas import mistakes_by
from tests.harness.sockets import Message, Socket
from tests.host.models import ShoppingList
from tests.host.rooms import ListRoom

pytestmark = pytest.mark.django_db(transaction=True)


class MoveCard(msgspec.Struct):
    card_id: int
    position: int = 0

    def __post_init__(self) -> None:
        if self.position == 99:
            raise ValueError("There is no place 99")
        if self.position == 500:
            raise RuntimeError("A fault of the host's")


class PlanRoom(BoardRoom):
    kind = "plan"

    @rooms.command
    def move_card(self, board: Board, user_id: int, payload: MoveCard) -> None:
        card = board.cards.filter(pk=payload.card_id).first()
        if card is None:
            raise rooms.Invalid({"card_id": ["There is no such card."]})
        card.position = payload.position
        card.save()
        rooms.append(board, "card_moved", {"card_id": card.pk})
        if card.position == 13:
            raise ValidationError({"position": "Not there."})
        if card.position == 14:
            raise rooms.Forbidden

    @rooms.command
    def archive(self, board: Board, user_id: int) -> None:
        board.delete()

    def shout(self) -> None:
        """No command."""


class Buy(msgspec.Struct):
    what: str


class ShopRoom(ListRoom):
    kind = "list"

    @rooms.command
    def buy(self, locked: ShoppingList, user_id: int, payload: Buy) -> Any:
        if payload.what == "gin":
            return rooms.Forbidden()
        event = rooms.updated({payload.what: None}, actor_id=user_id)
        return rooms.Updated(
            rooms.append_all({rooms.room_of(locked): [event]})[rooms.room_of(locked)][0]
        )

    @rooms.command
    def archive(self, locked: ShoppingList, user_id: int) -> None:
        rooms.append(locked, "archived", {})


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, PlanRoom, ShopRoom)


class Case:
    """A board with a card, and sockets of two members and of one who only looks."""

    def __init__(self) -> None:
        self.board = Board.objects.create(title="Plan")
        self.card = Card.objects.create(board=self.board, text="Milk")
        self.list = ShoppingList.objects.create()
        self.tokens = {}
        for name in ("anna", "bob", "vera"):
            user = User.objects.create_user(name)
            role = "viewer" if name == "vera" else "editor"
            Membership.objects.create(board=self.board, user=user, role=role)
            self.list.shoppers.add(user)
            self.tokens[name] = str(AccessToken.for_user(user))
        self.key = str(self.board.pk)

    async def connect(self, name: str) -> Socket:
        socket = await Socket.connect(self.tokens[name])
        await socket.join(self.key, "plan")
        await socket.join(self.list.pk, "list")
        socket.messages.clear()
        return socket

    def move(self, position: Any, **more: Any) -> Message:
        return {"plan_id": self.key, "card_id": self.card.pk, "position": position, **more}


@pytest.fixture
async def case() -> Case:
    return await threads.run(Case)


async def test_it_is_told_in_order_and_happens_once(case: Case) -> None:
    anna, bob = await case.connect("anna"), await case.connect("bob")
    changes = {"cards": {str(case.card.pk): {"position": 3}}}
    for is_again in (False, True):
        reply = await anna.call("move_card", case.move(3), idempotency_key="once")
        assert reply["type"] == "ack", reply
        assert reply["payload"]["changes"] == changes
        assert reply["payload"]["duplicate"] is is_again
    updated = await bob.until("plan_updated")
    assert updated["payload"]["changes"] == changes
    assert updated["seq"] == reply["payload"]["seq"]
    moved = await bob.until("card_moved")
    assert moved == {
        "type": "card_moved",
        "payload": {"card_id": case.card.pk},
        "plan_id": case.key,
        "seq": updated["seq"] + 1,
    }
    assert (await anna.call("move_card", case.move(4)))["payload"]["seq"] == moved["seq"] + 1
    for socket in (anna, bob):
        await socket.disconnect()


async def test_what_is_wrong_is_named_and_nothing_of_it_stays(case: Case) -> None:
    anna, vera = await case.connect("anna"), await case.connect("vera")
    before = await threads.run(Event.objects.count)

    async def refused(payload: Message, socket: Socket = anna) -> Message:
        reply = await socket.call("move_card", payload)
        assert reply["type"] == "error", reply
        return dict(reply["payload"])

    for payload, words in (
        (case.move("3"), "Expected `int`, got `str` - at `$.payload.position`"),
        ({"plan_id": case.key}, "missing required field `card_id` - at `$.payload`"),
        ({"card_id": 1}, "missing required field `plan_id` - at `$.payload`"),
        (case.move(99), "There is no place 99 - at `$.payload`"),
        (case.move(1, plan_id="x"), "$.payload.plan_id"),
    ):
        error = await refused(payload)
        assert (error["code"], words in error["message"]) == ("INVALID_MESSAGE", True), error
    other = "0f8fad5b-d9cb-469f-a165-70867728950e"
    for payload, code in (
        (case.move(500), "INTERNAL_ERROR"),
        (case.move(1, plan_id=other), "NOT_JOINED"),
    ):
        assert (await refused(payload))["code"] == code
    for payload, details in (
        (case.move(1, card_id=404), {"card_id": ["There is no such card."]}),
        (case.move(13), {"position": ["Not there."]}),
        (case.move(1, more="x" * 50_000), {"payload": ["More than 49152 bytes"]}),
        (case.move(1, more="\0"), {"payload": ["NUL characters are not allowed"]}),
    ):
        error = await refused(payload)
        assert (error["code"], error["details"]) == ("VALIDATION_ERROR", details), error
    assert (await refused(case.move(14)))["code"] == "FORBIDDEN"
    assert (await refused(case.move(1), vera))["code"] == "FORBIDDEN"
    assert (await anna.call("shout", case.move(1)))["payload"]["code"] == "UNKNOWN_TYPE"
    assert (await threads.run(Card.objects.get)).position == 0
    assert await threads.run(Event.objects.count) == before
    for socket in (anna, vera):
        await socket.disconnect()


async def test_rooms_with_services_and_one_name_in_several_kinds(case: Case) -> None:
    anna = await case.connect("anna")
    listed = {"list_id": case.list.pk}
    reply = await anna.call("buy", {**listed, "what": "milk"})
    assert reply["payload"] == {"seq": 1, "changes": {"milk": None}, "duplicate": False}
    assert (await anna.call("buy", {**listed, "what": "gin"}))["payload"]["code"] == "FORBIDDEN"
    assert (await anna.call("archive", listed))["payload"]["seq"] == 2
    await anna.until("archived")
    error = (await anna.call("archive", {**listed, "plan_id": case.key}))["payload"]
    assert "Name one room, by `plan_id` or `list_id`" in error["message"]
    assert (await anna.call("archive", {"plan_id": case.key}))["type"] == "ack"
    assert (await anna.until("access_revoked"))["payload"] == {"plan_id": case.key}
    await anna.disconnect()


async def test_updates_and_commands_of_a_batch_keep_their_order(case: Case) -> None:
    anna = await threads.run(lambda: User.objects.get(username="anna").pk)
    key = str(case.card.pk)

    def update(position: int) -> UpdateRequest:
        return UpdateRequest(anna, {"cards": {key: {"position": position}}})

    def move(position: int, once: str | None = None) -> UpdateRequest:
        payload = MoveCard(case.card.pk, position)
        return UpdateRequest(anna, payload, None, once, "move_card")

    requests = [
        update(1),
        move(2),
        update(3),
        update(4),
        move(13),
        move(5, "a"),
        move(5, "a"),
        update(6),
    ]
    results: list[Any] = await updates.write_batch(rooms.room_of(case.board), requests)
    positions = [
        result.changes["cards"][key]["position"]
        for result in results
        if isinstance(result, UpdateAck)
    ]
    assert positions == [1, 2, 3, 4, 5, 5, 6]
    assert [type(result) for result in results].index(type(results[4])) == 4
    seqs = [result.seq for result in results if isinstance(result, UpdateAck)]
    assert seqs == sorted(seqs)
    last, again = results[5:7]
    assert (last.duplicate, again.duplicate, last.seq) == (False, True, again.seq)


async def test_they_stand_in_the_document(case: Case) -> None:
    types = {kind: registry.key_type(kind).on_wire for kind in registry.kinds()}
    document = asyncapi.document(types, keys.of_users().on_wire, registry.own_payloads())
    message = {"type": "move_card", "payload": case.move(3), "ref": 1, "idempotency_key": "a"}
    assert mistakes_by(document, message) == []
    assert mistakes_by(document, message | {"payload": case.move("3")})
    assert mistakes_by(document, {"type": "archive", "payload": {"list_id": case.list.pk}}) == []
    assert {"move_card", "archive", "buy"} <= registry.commands().types


class Tagged(msgspec.Struct, tag=True):
    pass


class NamesTheRoom(msgspec.Struct):
    plan_id: int


def with_payload(payload: Any) -> Any:
    def method(self: Any, board: Any, user_id: Any, payload: Any) -> None: ...

    method.__annotations__["payload"] = payload
    return method


@pytest.mark.parametrize(
    ("name", "payload", "words"),
    [
        ("update_plan", MoveCard, "the protocol has a command of that name"),
        ("join_list", MoveCard, "the protocol has a command of that name"),
        ("send_signal", MoveCard, "the protocol has a command of that name"),
        ("ping", MoveCard, "the protocol has a command of that name"),
        ("moveCard", MoveCard, "no name in lower case"),
        ("move", dict, "not annotated with a msgspec.Struct"),
        ("move", "Unknown", "name 'Unknown' is not defined"),
        ("move", Tagged, "has a tag"),
        ("move", NamesTheRoom, "'plan_id', which names the room"),
    ],
)
@pytest.mark.django_db(transaction=False)
def test_what_cannot_be_a_command_is_told_and_is_none(
    name: str, payload: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = type("Made", (BoardRoom,), {name: rooms.command(with_payload(payload)), "kind": "plan"})
    serve_only(monkeypatch, made, ListRoom)
    [error] = check_rooms()
    assert (error.id, words in error.msg) == ("realtime.E063", True), error.msg
    assert registry.commands().of_kind["plan"]["update_plan"].verb is Update
