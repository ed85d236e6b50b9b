"""Every way of the ORM to change a row reaches the rooms that show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import RequestFactory

from realtime import merge_patch, rooms
from realtime.models import alias
from realtime.rooms import changes as changes_module
from realtime.rooms import tracking
from tests.boards.models import Article, Board, Card, Label, Membership, Note, Page, PlainCard
from tests.integration.rooms.conftest import Json, Watched

pytestmark = pytest.mark.django_db


@pytest.fixture
def card(board: Board) -> Card:
    return Card.objects.create(board=board, text="Buy milk")


def row(card: Card, **changes: Any) -> Json:
    return {"cards": {str(card.pk): changes}}


def save(card: Card) -> None:
    card.text = "Buy bread"
    card.save()


def save_some(card: Card) -> None:
    card.text, card.position = "Buy bread", 9
    card.save(update_fields=["text"])


def save_deferred(card: Card) -> None:
    card = Card.objects.only("text").get(pk=card.pk)
    card.text = "Buy bread"
    card.save()


def save_expression(card: Card) -> None:
    card.text = Concat(F("text"), Value("!"))
    models.Model.save(card)


def save_proxy(card: Card) -> None:
    found = PlainCard.objects.get(pk=card.pk)
    found.text = "Buy bread"
    found.save()


def update(card: Card) -> None:
    Card.objects.filter(board__title="Plan").update(text="Buy bread")


def update_expression(card: Card) -> None:
    Card.objects.update(text=Concat(F("text"), Value("!")))


def update_through_related_manager(card: Card) -> None:
    assert card.board is not None
    card.board.cards.update(text="Buy bread")


def update_own_queryset(card: Card) -> None:
    Card.objects.update(text="Something that is long")
    Card.everything.long().update(text="Buy bread")


def update_annotated(card: Card) -> None:
    rows = Card.objects.annotate(n=models.Count("notes")).filter(n=0)
    rows.update(text="Buy bread")


def bulk_update(card: Card) -> None:
    card.text = "Buy bread"
    Card.objects.bulk_update([card], ["text"])


def update_or_create(card: Card) -> None:
    Card.objects.update_or_create(pk=card.pk, defaults={"text": "Buy bread"})


def bulk_create_over(card: Card) -> None:
    Card.objects.bulk_create(
        [Card(pk=card.pk, board=card.board, text="Buy bread")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["text"],
    )


def base_manager(card: Card) -> None:
    Card._base_manager.filter(pk=card.pk).update(text="Buy bread")


def hidden(card: Card) -> None:
    Card.everything.filter(pk=card.pk).update(text="Buy bread")


BREAD = {"text": "Buy bread", "loud": "BUY BREAD"}
LOUDER = {"text": "Buy milk!", "loud": "BUY MILK!"}


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (save, BREAD),
        (save_some, BREAD),
        (save_deferred, BREAD),
        (save_expression, LOUDER),
        (save_proxy, BREAD),
        (update, BREAD),
        (update_expression, LOUDER),
        (update_through_related_manager, BREAD),
        (update_annotated, BREAD),
        (bulk_update, BREAD),
        (update_or_create, BREAD),
        (bulk_create_over, BREAD),
        (base_manager, BREAD),
        (hidden, BREAD),
    ],
)
def test_an_edit_of_a_row_tells_what_changed(
    edit: Callable[[Card], None], changes: Json, board: Board, card: Card
) -> None:
    watched = Watched(board)
    edit(card)
    assert watched.changes() == [row(card, **changes)]
    [before] = watched.befores()
    assert before == row(card, text="Buy milk", loud="BUY MILK")


def test_two_edits_are_two_events(board: Board, card: Card) -> None:
    watched = Watched(board)
    update_own_queryset(card)
    assert [changes["cards"][str(card.pk)]["text"] for changes in watched.changes()] == [
        "Something that is long",
        "Buy bread",
    ]


def test_a_save_that_changes_nothing_tells_nothing(board: Board, card: Card) -> None:
    watched = Watched(board)
    board.save()
    card.save()
    Card.objects.update(text="Buy milk")
    board.secret = "hidden"
    board.save()
    assert watched.events() == []


def create(board: Board) -> Card:
    return Card.objects.create(board=board, text="New")


def instance(board: Board) -> Card:
    card = Card(board=board, text="New")
    card.save()
    return card


def get_or_create(board: Board) -> Card:
    return Card.objects.get_or_create(board=board, text="New")[0]


def create_by_update(board: Board) -> Card:
    return Card.objects.update_or_create(board=board, text="New")[0]


def create_with_key(board: Board) -> Card:
    card = Card(pk=90_000, board=board, text="New")
    card.save()
    return card


def bulk_create(board: Board) -> Card:
    return Card.objects.bulk_create([Card(board=board, text="New")])[0]


def bulk_create_ignoring(board: Board) -> Card:
    Card.objects.bulk_create([Card(board=board, text="New")], ignore_conflicts=True)
    return Card.objects.get(text="New")


def related(board: Board) -> Card:
    return board.cards.create(text="New")


def add(board: Board) -> Card:
    card = Card.objects.create(text="New")
    board.cards.add(card)
    return card


def adopt(board: Board) -> Card:
    card = Card.objects.create(text="New")
    Card.objects.filter(pk=card.pk).update(board=board)
    return card


@pytest.mark.parametrize(
    "make",
    [
        create,
        instance,
        get_or_create,
        create_by_update,
        create_with_key,
        bulk_create,
        bulk_create_ignoring,
        related,
        add,
        adopt,
    ],
)
def test_a_new_row_is_told_whole(make: Callable[[Board], Card], board: Board) -> None:
    watched = Watched(board)
    card = make(board)
    new = {
        "text": "New",
        "loud": "NEW",
        "position": 0,
        "done": False,
        "mail": "",
        "color": "",
        "picture": "",
        "score": 7,
        "labels": [],
        "notes": {},
    }
    assert watched.changes() == [row(card, **new)]
    assert watched.befores() == [{"cards": {str(card.pk): None}}]


def delete(card: Card) -> None:
    card.delete()


def delete_rows(card: Card) -> None:
    Card.objects.filter(board__title="Plan").delete()


def delete_raw(card: Card) -> None:
    Note.objects.all().delete()
    Card.everything.filter(pk=card.pk)._raw_delete(alias())


def remove(card: Card) -> None:
    assert card.board is not None
    card.board.cards.remove(card)


def clear(card: Card) -> None:
    assert card.board is not None
    card.board.cards.clear()


def set_empty(card: Card) -> None:
    assert card.board is not None
    card.board.cards.set([])


@pytest.mark.parametrize("take", [delete, delete_rows, delete_raw, remove, clear, set_empty])
def test_a_row_that_goes_is_told_by_null(
    take: Callable[[Card], None], board: Board, card: Card
) -> None:
    watched, key = Watched(board), str(card.pk)
    take(card)
    assert watched.changes() == [{"cards": {key: None}}]
    [before] = watched.befores()
    assert before["cards"][key]["text"] == "Buy milk"


def test_a_row_that_moves_leaves_one_room_and_enters_the_other(board: Board, card: Card) -> None:
    other = Board.objects.create(title="Other")
    Note.objects.create(card=card, text="Two litres")
    card.labels.add(Label.objects.create(name="urgent"))
    here, there = Watched(board), Watched(other)
    card.board = other
    card.save()
    assert here.changes() == [{"cards": {str(card.pk): None}}]
    [changes] = there.changes()
    assert changes["cards"][str(card.pk)]["notes"] != {}
    assert changes["cards"][str(card.pk)]["labels"] != []


def test_rows_a_level_deeper(board: Board, card: Card) -> None:
    watched = Watched(board)
    note = Note.objects.create(card=card, text="Two litres")
    place = {"notes": {str(note.pk): {"text": "Two litres"}}}
    assert watched.changes() == [row(card, **place)]
    watched = Watched(board)
    Note.objects.update(text="Three")
    assert watched.changes() == [row(card, notes={str(note.pk): {"text": "Three"}})]
    other = Card.objects.create(board=board, text="Other")
    watched = Watched(board)
    card.notes.update(card=other)
    [changes] = watched.changes()
    assert changes["cards"][str(card.pk)] == {"notes": {str(note.pk): None}}
    assert changes["cards"][str(other.pk)] == {"notes": {str(note.pk): {"text": "Three"}}}
    watched = Watched(board)
    Note.objects.all().delete()
    assert watched.changes() == [row(other, notes={str(note.pk): None})]


def test_a_cascade_is_told_as_what_it_takes(board: Board, card: Card) -> None:
    follower = Card.objects.create(board=board, text="After", follows=card)
    Note.objects.create(card=card, text="Two litres")
    watched, key = Watched(board), str(card.pk)
    card.delete()
    assert watched.changes() == [{"cards": {key: None, str(follower.pk): {"follows": None}}}]


def test_deleting_the_object_ends_its_log(board: Board, card: Card) -> None:
    watched = Watched(board)
    Board.objects.filter(pk=board.pk).delete()
    [event] = watched.events()
    assert event.type == "plan_deleted"


def test_many_to_many_fields(board: Board, card: Card) -> None:
    one, two, three = (Label.objects.create(name=name) for name in ("a", "b", "c"))
    for edit, expected in (
        (lambda: card.labels.add(two, one), [one.pk, two.pk]),
        (lambda: card.labels.remove(two), [one.pk]),
        (lambda: card.labels.set([three, two]), [two.pk, three.pk]),
        (lambda: one.card_set.add(card), [one.pk, two.pk, three.pk]),
        (two.delete, [one.pk, three.pk]),
        (three.card_set.clear, [one.pk]),
        (card.labels.clear, []),
    ):
        watched = Watched(board)
        edit()
        assert watched.changes() == [row(card, labels=expected)]
    watched = Watched(board)
    board.labels.add(one)
    card.labels.add(one)
    card.labels.add(one)
    assert watched.changes() == [{"labels": [one.pk]}, row(card, labels=[one.pk])]


def test_one_transaction_is_one_event(board: Board, card: Card) -> None:
    watched = Watched(board)
    with transaction.atomic():
        card.text = "Buy bread"
        card.save()
        board.title = "Shopping"
        board.save()
        Card.objects.update(position=3)
        cards = Card.objects.bulk_create([Card(board=board, text=str(n)) for n in range(500)])
        with transaction.atomic():
            Board.objects.update(text="All of it")
        card.position = 4
        card.save()
        assert watched.events() == []
    [changes] = watched.changes()
    assert changes["title"] == "Shopping"
    assert changes["text"] == "All of it"
    assert changes["cards"][str(card.pk)] == BREAD | {"position": 4}
    assert changes["cards"][str(cards[-1].pk)]["text"] == "499"


def _lose(board: Board) -> None:
    """Edit, and have it rolled back."""
    with transaction.atomic():
        Card.objects.update(text="Lost")
        board.labels.add(Label.objects.create(name="lost"))
        Card.objects.create(board=board, text="Lost")
        Board.objects.update(title="Lost")
        transaction.set_rollback(True)


def test_a_savepoint_that_is_rolled_back_tells_nothing(board: Board, card: Card) -> None:
    watched = Watched(board)
    with transaction.atomic():
        Card.objects.update(position=1)
        _lose(board)
        sid = transaction.savepoint()
        Card.objects.update(text="Lost too")
        transaction.savepoint_rollback(sid)
        with transaction.atomic():
            Board.objects.update(text="Kept")
    assert watched.changes() == [{"text": "Kept", **row(card, position=1)}]
    watched = Watched(board)
    _lose(board)
    Card.objects.update(position=2)
    assert watched.changes() == [row(card, position=2)]


def test_what_is_done_and_undone_tells_nothing(board: Board) -> None:
    watched = Watched(board)
    with transaction.atomic():
        Card.objects.create(board=board, text="Brief").delete()
        Board.objects.update(title="Other")
        Board.objects.update(title="Plan")
    assert watched.events() == []


def test_json_is_told_key_by_key(board: Board) -> None:
    watched = Watched(board)
    board.style = {"color": "blue", "size": 1, "deep": {"a": None, "b": [None]}}
    board.save()
    assert watched.changes() == [{"style": {"color": "blue", "deep": {"b": [None]}}}]


def test_inherited_columns(anna: User) -> None:
    article = Article.objects.create(title="Title", body="Body", owner=anna)
    everything = Article.objects.all()
    for rows, changes in (
        (Page.objects.all(), {"title": "A"}),
        (everything.filter(body="Body"), {"title": "B"}),
        (everything, {"title": "C", "body": "D"}),
    ):
        watched = Watched(article)
        rows.update(**changes)
        merged: Json = {}
        for each in watched.changes():
            merged |= each
        assert merged == changes
    article.refresh_from_db()
    article.title, article.body = "E", "F"
    watched = Watched(article)
    article.save()
    assert watched.changes() == [{"title": "E", "body": "F"}]
    Page.objects.all().delete()
    assert [event.type for event in watched.events()][-1] == "article_deleted"


def test_members_who_come_and_go(board: Board, anna: User) -> None:
    bob = User.objects.create_user("bob")
    watched = Watched(board)
    membership = Membership.objects.create(board=board, user=bob, role="viewer")
    Membership.objects.filter(user=bob).update(role="editor")
    membership.delete()
    board.people.add(bob)
    board.people.clear()
    told = [(e.type, e.payload["user_id"], e.payload["role"]) for e in watched.events()]
    assert told == [
        ("member_changed", bob.pk, "viewer"),
        ("member_changed", bob.pk, "editor"),
        ("member_changed", bob.pk, None),
        ("member_changed", bob.pk, "editor"),
        *sorted(
            [("member_changed", anna.pk, None), ("member_changed", bob.pk, None)],
            key=lambda each: each[1],
        ),
    ]


def test_an_owner_who_changes(anna: User) -> None:
    bob = User.objects.create_user("bob")
    article = Article.objects.create(title="Title", owner=anna)
    watched = Watched(article)
    Article.objects.update(owner=bob)
    told = {(e.payload["user_id"], e.payload["role"]) for e in watched.events()}
    assert told == {(anna.pk, None), (bob.pk, "member")}


def test_quiet_tells_nothing_and_refresh_tells_all(board: Board, card: Card) -> None:
    watched = Watched(board)
    with rooms.quiet():
        Card.objects.update(text="Quiet")
        board.style = {"size": 2}
        board.save()
        gone = Card.objects.create(board=board, text="Gone")
    assert watched.events() == []
    rooms.refresh(Card.objects.all())
    rooms.refresh(Board.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM boards_card WHERE id = %s", [gone.pk])
    rooms.refresh(Board.objects.all())
    assert len(watched.changes()) > 1


@pytest.mark.parametrize("who", ["user", "key", "request", "request of nobody", "nobody"])
def test_the_actor_is_named(who: str, board: Board, anna: User) -> None:
    watched = Watched(board)
    request, unknown = RequestFactory().get("/"), RequestFactory().get("/")
    request.user = anna  # which a site without AuthenticationMiddleware does not set
    actor = {"user": anna, "key": anna.pk, "request": request, "request of nobody": unknown}.get(
        who
    )
    with transaction.atomic(), rooms.acting(actor):
        Board.objects.update(title="Other")
    [event] = watched.events()
    expected = None if "nobody" in who else anna.pk
    assert event.actor_id == expected
    assert event.payload["updated_by"] == ("system" if expected is None else str(expected))


async def _asave(card: Card) -> None:
    card.text = "Buy bread"
    await card.asave()


async def _aupdate(card: Card) -> None:
    await Card.objects.filter(pk=card.pk).aupdate(text="Buy bread")


@pytest.mark.parametrize("edit", [_asave, _aupdate])
def test_asynchronous_calls(edit: Any, board: Board, card: Card) -> None:
    watched = Watched(board)
    async_to_sync(edit)(card)
    assert watched.changes() == [row(card, **BREAD)]


def test_what_is_too_large_for_one_event_comes_as_several(board: Board) -> None:
    watched = Watched(board)
    texts = [f"{n} ".ljust(199, "é") for n in range(1500)]
    with transaction.atomic():
        board.text = "x" * 100_000
        board.save()
        Card.objects.bulk_create([Card(board=board, text=text) for text in texts])
    told = watched.changes()
    assert len(told) > 2
    sizes = [len(msgspec.json.encode(changes)) for changes in told]
    # Beside what is counted of a part stand quotes and braces.
    assert max(sizes) < 1.1 * changes_module.MAX_SIZE
    assert sum(len(changes.get("cards", {})) for changes in told) == len(texts)
    watched = Watched(board)
    board.delete()
    assert [event.type for event in watched.events()] == ["plan_deleted"]


def test_a_large_patch_is_split_by_its_rows() -> None:
    large = "x" * (changes_module.MAX_SIZE // 2)
    changes: Json = {
        "title": large,
        "gone": None,
        "empty": {},
        "cards": {
            "1": {"text": large},
            "2": None,
            "3": {"text": "c", "notes": {"4": {"text": large}}},
        },
    }
    parts = changes_module.split(changes)
    assert len(parts) > 2
    merged: Json = {"cards": {"2": {"text": "old"}}}
    whole = merge_patch.apply(merged, changes)
    for part in parts:
        merged = merge_patch.apply(merged, part)
    assert merged == whole
    assert changes_module.split({"title": "small"}) == [{"title": "small"}]


def test_a_row_that_somebody_made_just_before_an_update_is_told_whole(
    board: Board, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there when the update looked for the rows that it names, and then it was."""
    watched = Watched(board)
    reads = tracking.tables[Card].reads
    unseen = [card.pk]

    def before_it_was_there(keys: Any, lock: str) -> list[Json]:
        rows = reads(keys, lock)
        return [row for row in rows if row["pk"] not in unseen]

    monkeypatch.setitem(tracking.tables[Card].__dict__, "reads", before_it_was_there)
    Note.objects.create(card=card, text="Kept")
    Card.everything.filter(pk=card.pk).update(text="Buy bread")
    _note, cleared, whole = watched.changes()
    assert cleared == {"cards": {str(card.pk): None}}
    told = whole["cards"][str(card.pk)]
    assert (told["text"], list(told["notes"].values())) == ("Buy bread", [{"text": "Kept"}])
    unseen.append(404)
    Card.everything.filter(pk=404).update(text="Nobody")
    assert len(watched.changes()) == 3
