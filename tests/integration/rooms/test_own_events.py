"""Events of a host's own, by object: told after the changes, in one with them, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.transaction import TransactionManagementError
from redis import Redis

from realtime import conf, rooms
from realtime.events.log import EventTooLarge
from tests.boards.models import Board, Card
from tests.integration.rooms.conftest import Json, Watched

pytestmark = pytest.mark.django_db


def told(watched: Watched) -> list[tuple[str, Json]]:
    return [(event.type, event.payload) for event in watched.events()]


def test_it_is_told_after_the_changes_by_who_acts(board: Board, anna: User) -> None:
    watched = Watched(board)
    with rooms.acting(anna), transaction.atomic():
        payload = {"card_id": 1, "labels": [1]}
        rooms.append(board, "card_added", payload, before={"cards": 0})
        payload["labels"] = []  # what it says stays what it was
        board.title = "New"
        board.save()
        rooms.append(rooms.room_of(board), "board_checked", {})
        assert not watched.events()
    assert told(watched) == [
        (
            "plan_updated",
            {"plan_id": str(board.pk), "changes": {"title": "New"}, "updated_by": str(anna.pk)},
        ),
        ("card_added", {"card_id": 1, "labels": [1]}),
        ("board_checked", {}),
    ]
    _, added, checked = watched.events()
    assert (added.actor_id, added.before, checked.before) == (anna.pk, {"cards": 0}, None)
    assert added.created_at == checked.created_at or added.seq < checked.seq


def test_a_savepoint_that_is_rolled_back_takes_its_events_along(board: Board) -> None:
    watched = Watched(board)
    with transaction.atomic():
        rooms.append(board, "first", {})
        for fails in (True, False):
            with transaction.atomic():
                rooms.append(board, "lost", {})
                with transaction.atomic():
                    rooms.append(board, "lost_with_it", {})
                transaction.set_rollback(True)
            with transaction.atomic():
                rooms.append(board, "kept", {"fails": fails})
    assert [event.type for event in watched.events()] == ["first", "kept", "kept"]


def test_several_rooms_and_one_that_ends(board: Board) -> None:
    other = Board.objects.create(title="Other")
    watched, ending = Watched(board), Watched(other)
    with transaction.atomic():
        rooms.append(other, "archived", {})
        other.delete()
        rooms.append(board, "other_archived", {})
    assert [event.type for event in ending.events()] == ["archived", "plan_deleted"]
    assert [event.type for event in watched.events()] == ["other_archived"]


def test_an_update_of_a_member_may_bring_some(
    board: Board, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from realtime.live import updates
    from realtime.live.updates import UpdateRequest

    def save(card: Card, *args: Any, **kwargs: Any) -> None:
        super(Card, card).save(*args, **kwargs)
        with transaction.atomic():
            rooms.append(card.board or board, "card_saved", {"changes": {"not": "ours"}})

    monkeypatch.setattr(Card, "save", save)
    card = Card.objects.create(board=board, text="Old")
    watched = Watched(board)
    data = [{"cards": {str(card.pk): {"text": text}}} for text in ("New", "New", "Newer")]
    acks: Any = updates.write(watched.id, [UpdateRequest(anna.pk, each) for each in data])
    assert [bool(ack.changes) for ack in acks] == [True, False, True]
    assert [event.type for event in watched.events()] == [
        "plan_updated", "card_saved", "card_saved", "plan_updated", "card_saved",
    ]  # fmt: skip
    assert [ack.seq - watched.head for ack in acks] == [1, 1, 4]


@transaction.atomic
def add_what_is_too_large(board: Board) -> None:
    Board.objects.update(title="Not without its event")
    rooms.append(board, "added", {"a": "x" * 600_000})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan_updated", {}), "an event of the protocol"),
        (("member_changed", {}), "an event of the protocol"),
        (("user_joined", {}), "user_joined is a name of the protocol's"),
        (("error", {}), "a name of the protocol's"),
        (("snapshot", {}), "or of its clients'"),
        (("", {}), "The type of an event"),
        (("added", {"a": object()}), "cannot be JSON"),
    ],
)
def test_what_cannot_be_told_is_refused_at_once(
    arguments: tuple[str, Json], words: str, board: Board
) -> None:
    watched = Watched(board)
    with transaction.atomic(), pytest.raises((TypeError, ValueError), match=words):
        rooms.append(board, *arguments)
    with pytest.raises(LookupError), transaction.atomic():
        rooms.append(User(pk=1), "added", {})
    with pytest.raises(EventTooLarge):
        add_what_is_too_large(board)
    assert not watched.events()
    assert not watched.changes()


@pytest.mark.django_db(transaction=True)
def test_all_messages_of_a_transaction_take_one_connection(board: Board) -> None:
    boards = [board, *(Board.objects.create(title=str(n)) for n in range(20))]
    with Redis.from_url(conf.get().REDIS_URL) as redis:

        def opened() -> int:
            stats: Any = redis.info("stats")
            return int(stats["total_connections_received"])

        before = opened()
        with transaction.atomic():
            for each in boards:
                rooms.append(each, "checked", {})
        assert opened() == before + 1


@pytest.mark.django_db(transaction=True)
def test_it_needs_a_transaction(board: Board) -> None:
    with pytest.raises(TransactionManagementError, match="beside its change"):
        rooms.append(board, "added", {})
