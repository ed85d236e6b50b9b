"""Edits that meet: none is lost, none deadlocks, and no update passes over one unseen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from realtime import rooms
from realtime.events import log
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.models import alias
from realtime.protocol.errors import ErrorCode
from realtime.rooms import hosts, tracking
from tests.boards.models import Board, Card, Note
from tests.integration.rooms.conftest import Watched

# With SQLite there is one writer, and so nobody to meet.
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


class Other(threading.Thread):
    """Another transaction, in a thread with a connection of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.function = function
        self.problem: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.function()
        except BaseException as problem:  # noqa: BLE001  (for the test)
            self.problem = problem
        finally:
            connections.close_all()

    def wait_until_it_waits(self) -> None:
        """Return once it waits for a lock, or has ended."""
        with connection.cursor() as cursor:
            waiting = 0
            while self.is_alive() and not waiting:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                [waiting] = cursor.fetchone()
                time.sleep(0.01)

    def end(self) -> None:
        self.join()
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def card(board: Board) -> Card:
    return Card.objects.create(board=board, text="Old")


def test_an_update_is_judged_by_what_came_while_it_waited(
    board: Board, card: Card, anna: User
) -> None:
    watched = Watched(board)
    data = {"cards": {str(card.pk): {"text": "Mine"}}}
    other_data = {"cards": {str(card.pk): {"position": 5}}}
    requests = [UpdateRequest(anna.pk, each, watched.head) for each in (data, other_data)]
    results: list[Any] = []
    with transaction.atomic():
        Card.objects.filter(pk=card.pk).update(text="Theirs")
        other = Other(lambda: results.extend(updates.write(watched.id, requests)))
        other.wait_until_it_waits()
    other.end()
    assert results[1].changes == other_data
    assert (results[0].code, results[0].details["current"]) == (
        ErrorCode.CONFLICT,
        {"cards": {str(card.pk): {"text": "Theirs"}}},
    )
    card.refresh_from_db()
    assert (card.text, card.position) == ("Theirs", 5)
    assert len(watched.changes()) == 2


def test_a_refresh_has_what_another_transaction_told_just_before(board: Board) -> None:
    watched = Watched(board)
    with transaction.atomic():
        Card.objects.create(board=board, text="Theirs")
        # As at the end of a transaction, between its events and its commit.
        changed = tracking.edits(alias()).take()
        log.append_all({change.room_id: change.events() for change in changed})
        other = Other(lambda: rooms.refresh(Board.objects.filter(pk=board.pk)))
        other.wait_until_it_waits()
    other.end()
    told = watched.changes()
    assert len(told) == 3  # theirs; what the refresh takes away; all


def test_a_refresh_does_not_wait_for_a_row_whose_editor_waits_for_the_log(
    board: Board, card: Card
) -> None:
    watched = Watched(board)
    with transaction.atomic():
        card.text = "Theirs"
        card.save()
        other = Other(lambda: rooms.refresh(Board.objects.filter(pk=board.pk)))
        other.wait_until_it_waits()
    other.end()
    watched.changes()


def test_a_row_that_moves_while_what_stands_in_it_is_edited(board: Board, card: Card) -> None:
    note = Note.objects.create(card=card, text="Old")
    target = Board.objects.create(title="Target")
    watched = [Watched(board), Watched(target)]
    note.text = "New"
    with transaction.atomic():
        Card.objects.filter(pk=card.pk).update(board=target)
        other = Other(note.save)
        other.wait_until_it_waits()
    other.end()
    assert watched[0].changes() == [{"cards": {str(card.pk): None}}]
    notes = {"notes": {str(note.pk): {"text": "New"}}}
    assert watched[1].changes()[-1] == {"cards": {str(card.pk): notes}}


@pytest.mark.parametrize("edit", ["save", "update"])
def test_rows_are_locked_from_the_object_down(edit: str, card: Card) -> None:
    note = Note.objects.create(card=card, text="Old")
    note.text = "New"
    with transaction.atomic():
        Card.objects.select_for_update(no_key=True).get(pk=card.pk)  # as an update of a member
        edits: dict[str, Callable[[], Any]] = {
            "save": note.save,
            "update": lambda: Note.objects.filter(text="Old").update(text="New"),
        }
        other = Other(edits[edit])
        other.wait_until_it_waits()
        Note.objects.select_for_update(no_key=True).get(pk=note.pk)
    other.end()
    assert Note.objects.get().text == "New"


def test_states_are_read_without_locks(board: Board, card: Card) -> None:
    with transaction.atomic():
        Card.objects.select_for_update().get(pk=card.pk)
        other = Other(lambda: hosts.snapshots([rooms.room_of(board)]))
        other.wait_until_it_waits()
        assert not other.is_alive()
    other.end()
