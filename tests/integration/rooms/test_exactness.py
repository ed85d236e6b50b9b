"""A stale snapshot plus the events is a fresh snapshot, whatever edits there were in between."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.models import Event
from tests.boards.models import Board, Card, Label, Membership, Note
from tests.harness.database import url_of_test_database
from tests.harness.process import run_python
from tests.integration.rooms.conftest import Watched


def pick(rows: Any, n: int) -> Any:
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    return rows.get(pk=keys[n % len(keys)]) if keys else None


def save_card(boards: list[Board], n: int) -> None:
    if (card := pick(Card.everything.all(), n)) is not None:
        card.text, card.done = f"text {n}", bool(n % 2)
        card.data = None if n % 3 else {"n": n, "deep": {str(n % 5): n}}
        card.save()


def make_card(boards: list[Board], n: int) -> None:
    boards[n % len(boards)].cards.create(text=f"new {n}")


def make_cards(boards: list[Board], n: int) -> None:
    rows = [Card(board=boards[(n + i) % len(boards)], text=f"bulk {i}") for i in range(n % 5)]
    Card.objects.bulk_create(rows, ignore_conflicts=bool(n % 2))


def move_card(boards: list[Board], n: int) -> None:
    if (card := pick(Card.everything.all(), n)) is not None:
        to = boards[n % len(boards)] if n % 4 else None
        Card.everything.filter(pk=card.pk).update(board=to)


def update_cards(boards: list[Board], n: int) -> None:
    Card.everything.filter(position__lte=n % 7).update(position=F("position") + 1)


def bulk_update_cards(boards: list[Board], n: int) -> None:
    cards = list(Card.everything.order_by("pk")[: n % 4])
    for card in cards:
        card.text = f"bulk {n}"
    Card.everything.bulk_update(cards, ["text"])


def delete_card(boards: list[Board], n: int) -> None:
    if (card := pick(Card.everything.all(), n)) is not None:
        card.delete()


def note(boards: list[Board], n: int) -> None:
    if (card := pick(Card.everything.all(), n)) is not None:
        Note.objects.get_or_create(card=card, text=f"note {n % 6}")


def move_notes(boards: list[Board], n: int) -> None:
    card = pick(Card.everything.all(), n)
    row = pick(Note.objects.all(), n)
    if card and row and not card.notes.filter(text=row.text).exists():
        row.card = card
        row.save()


def delete_notes(boards: list[Board], n: int) -> None:
    Note.objects.filter(text=f"note {n % 6}").delete()


def label(boards: list[Board], n: int) -> None:
    row = Label.objects.filter(name=str(n % 4)).first() or Label.objects.create(name=str(n % 4))
    if (card := pick(Card.everything.all(), n)) is not None:
        card.labels.add(row) if n % 2 else card.labels.set([row])
    boards[n % len(boards)].labels.add(row)


def delete_label(boards: list[Board], n: int) -> None:
    Label.objects.filter(name=str(n % 4)).delete()


def save_board(boards: list[Board], n: int) -> None:
    board = Board.objects.get(pk=boards[n % len(boards)].pk)
    board.title, board.style = f"title {n}", {"n": n, str(n % 3): {"x": n % 2}}
    board.save()


def send(boards: list[Board], n: int) -> None:
    """Update as a member does."""
    board = boards[n % len(boards)]
    card = pick(Card.everything.filter(board=board), n)
    data: dict[str, Any] = {"text": f"sent {n}", "cards": {"+": {"text": "sent"}}}
    if card is not None:
        data["cards"][str(card.pk)] = None if n % 3 == 0 else {"position": n}
    user = User.objects.get(username="anna")
    updates.write(Watched(board).id, [UpdateRequest(user.pk, data)])


EDITS = [
    save_card,
    make_card,
    make_cards,
    move_card,
    update_cards,
    bulk_update_cards,
    delete_card,
    note,
    move_notes,
    delete_notes,
    label,
    delete_label,
    save_board,
]
edit = st.tuples(st.sampled_from(EDITS), st.integers(0, 999))
Step = tuple[Callable[[list[Board], int], None], int]


def make_boards(user: User) -> list[Board]:
    boards = [Board.objects.create(title=title) for title in ("one", "two")]
    for board in boards:
        Membership.objects.create(board=board, user=user)
    return boards


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.lists(edit, max_size=3), st.booleans()), max_size=3),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_random_transactions(
    anna: User, transactions: list[tuple[list[tuple[list[Step], bool]], bool]]
) -> None:
    """Each transaction has savepoints; any of them may be rolled back, and so may all of it."""
    Card.everything.all().delete()
    boards = make_boards(anna)
    watched = [Watched(board) for board in boards]
    for savepoints, is_rolled_back in transactions:
        count = Event.objects.count()
        with transaction.atomic():
            for steps, is_lost in savepoints:
                with transaction.atomic():
                    for make, n in steps:
                        make(boards, n)
                    transaction.set_rollback(is_lost)
            transaction.set_rollback(is_rolled_back)
        if is_rolled_back:
            assert Event.objects.count() == count
        else:
            send(boards, count)
    for each in watched:
        each.changes()


PROCESS = """
import django
django.setup()
from django.conf import settings
settings.CHANNEL_LAYERS = {"default": {"BACKEND": "realtime.testing.layer.SilentLayer"}}
from tests.integration.rooms import test_exactness
print(test_exactness.edit_at_random(%d))
"""


@pytest.mark.django_db(transaction=True)
def test_random_edits_from_several_processes(anna: User) -> None:
    """Snapshots that were taken at any time, in any process, lead to the same state."""
    boards = make_boards(anna)
    watched = [Watched(board) for board in boards]
    environment = os.environ | {"DATABASE_URL": url_of_test_database()}
    first = random.randrange(10_000)
    sys.stdout.write(f"Seeds from {first}\n")
    with ThreadPoolExecutor() as threads:
        programs = [PROCESS % seed for seed in range(first, first + 2)]
        shown = threads.map(lambda program: run_python(environment, "-c", program), programs)
    for text in shown:
        watched += [Watched.elsewhere(*each) for each in json.loads(text)]
    for each in watched:
        each.changes()
    assert Event.objects.count() > 10


def edit_at_random(seed: int) -> str:
    """Edit in a process of its own; return the snapshots that it has seen, as JSON."""
    chance = random.Random(seed)
    boards = list(Board.objects.order_by("pk"))
    watched = []
    for _ in range(20):
        _transaction(boards, chance)
        if chance.random() < 0.2:
            watched.append(Watched(chance.choice(boards)))
    return json.dumps([(*each.id, each.head, each.state) for each in watched])


def _transaction(boards: list[Board], chance: random.Random) -> None:
    try:
        if chance.random() < 0.1:
            send(boards, chance.randrange(1000))  # never inside a transaction of a host
            return
        with transaction.atomic():
            for _ in range(chance.randint(1, 3)):
                chance.choice(EDITS)(boards, chance.randrange(1000))
    except OperationalError as error:
        # These edits lock rows in any order.
        assert "deadlock" in str(error) or "locked" in str(error), error
    except (Card.DoesNotExist, Note.DoesNotExist, IntegrityError):
        pass  # deleted meanwhile
    assert not connection.in_atomic_block
