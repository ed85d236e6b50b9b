"""A `ModelRoom` shows its object and the rows that belong to it, and saves what members send."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework import serializers

from realtime import rooms
from realtime.checks.model_rooms import check_rows_beside_their_log
from realtime.live import updates
from realtime.live.updates import UpdateRequest
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.rooms import hosts, registry
from tests.boards.models import Article, Board, Card, Label, Membership, Note
from tests.boards.rooms import CARDS, BoardRoom
from tests.integration.rooms.conftest import Json, Watched

pytestmark = pytest.mark.django_db


def send(board: Any, user: User, *data: Json, base_seq: int | None = None) -> list[Any]:
    requests = [UpdateRequest(user.pk, each, base_seq) for each in data]
    return updates.write(rooms.room_of(board), requests)


def refused(result: Any) -> Json:
    assert isinstance(result, ProtocolError)
    assert result.code == ErrorCode.VALIDATION_ERROR, result
    return dict(result.details or {})


def test_an_update_changes_makes_and_deletes(board: Board, anna: User) -> None:
    gone = Card.objects.create(board=board, text="Gone")
    kept = Card.objects.create(board=board, text="Kept")
    label = Label.objects.create(name="urgent")
    watched = Watched(board)
    [ack] = send(
        board,
        anna,
        {
            "title": "Shopping",
            "style": {"color": None, "deep": {"a": 1}},
            "labels": [label.pk],
            "cards": {
                str(gone.pk): None,
                str(kept.pk): {"text": "  Still kept ", "notes": {"+": {"text": "deeper"}}},
                "+1": {"text": "One", "labels": [label.pk], "notes": {"+x": {"text": "Of one"}}},
                "+2": {"text": "Two"},
            },
        },
    )
    assert isinstance(ack, UpdateAck)
    [changes] = watched.changes()
    assert ack.changes == changes
    one, two = Card.objects.get(text="One"), Card.objects.get(text="Two")
    assert changes["title"] == "Shopping"
    assert changes["style"] == {"color": None, "deep": {"a": 1}}
    assert changes["cards"][str(gone.pk)] is None
    assert changes["cards"][str(kept.pk)]["text"] == "Still kept"
    assert changes["cards"][str(one.pk)]["labels"] == [label.pk]
    assert list(changes["cards"][str(one.pk)]["notes"].values()) == [{"text": "Of one"}]
    assert changes["cards"][str(two.pk)]["notes"] == {}
    [event] = watched.events()
    assert event.actor_id == anna.pk
    assert event.payload["updated_by"] == str(anna.pk)


def test_what_is_wrong_is_told_field_by_field_and_nothing_is_saved(
    board: Board, anna: User
) -> None:
    card = Card.objects.create(board=board, text="Card")
    other = Card.objects.create(board=Board.objects.create(title="Other"), text="Not yours")
    note = Note.objects.create(card=other, text="Not yours")
    Note.objects.create(card=card, text="Once")
    key = str(card.pk)
    watched = Watched(board)
    for data, errors in (
        ({"title": ""}, {"title": ["This field cannot be blank."]}),
        ({"title": None}, {"title": ["This field cannot be null."]}),
        ({"title": "taken"}, {"title": ["This title is taken."]}),
        ({"title": "x" * 101}, {"title": None}),
        ({"secret": "x"}, {"secret": ["There is no such field."]}),
        ({"memberships": []}, {"memberships": ["There is no such field."]}),
        ({"labels": [404]}, {"labels": ["There is no 404."]}),
        ({"labels": "x"}, {"labels": ["Give a list of ids."]}),
        ({"labels": ["x"]}, {"labels": None}),
        ({"labels": [{}]}, {"labels": None}),
        ({"labels": [True]}, {"labels": None}),
        ({"labels": ["9" * 19]}, {"labels": None}),
        ({"labels": [2**63 - 1]}, {"labels": None}),
        ({"cards": {"9" * 19: {"text": "x"}}}, {"cards": {"9" * 19: None}}),
        ({"cards": {key: {"follows": "9" * 19}}}, {"cards": {key: {"follows": None}}}),
        ({"cards": None}, {"cards": None}),
        ({"cards": {key: {"color": "pink"}}}, {"cards": {key: {"color": None}}}),
        ({"cards": {key: {"price": "much"}}}, {"cards": {key: {"price": None}}}),
        ({"cards": {key: {"follows": 404}}}, {"cards": {key: {"follows": None}}}),
        ({"cards": {key: {"loud": "X"}}}, {"cards": {key: {"loud": None}}}),
        ({"cards": {key: {"picture": "/etc/passwd"}}}, {"cards": {key: {"picture": None}}}),
        ({"cards": {key: {"board": str(other.board_id)}}}, {"cards": {key: {"board": None}}}),
        ({"cards": {key: {"id": 5}}}, {"cards": {key: {"id": None}}}),
        ({"cards": {key: 5}}, {"cards": {key: None}}),
        ({"cards": {str(other.pk): {"text": "Mine"}}}, {"cards": {str(other.pk): None}}),
        ({"cards": {str(other.pk): None}}, {"cards": {str(other.pk): None}}),
        ({"cards": {"404": {"text": "New"}}}, {"cards": {"404": None}}),
        ({"cards": {f"0{key}": {"text": "x"}}}, {"cards": {f"0{key}": None}}),
        ({"cards": {"x": {"text": "New"}}}, {"cards": {"x": None}}),
        ({"cards": {"+": {}}}, {"cards": {"+": {"text": None}}}),
        ({"cards": {"+": None}}, {"cards": {"+": None}}),
        (
            {"cards": {key: {"notes": {str(note.pk): None}}}},
            {"cards": {key: {"notes": {str(note.pk): None}}}},
        ),
        (
            {"cards": {key: {"notes": {"+": {"text": "Once"}}}}},
            {"cards": {key: {"notes": {"+": {"__all__": None}}}}},
        ),
        ({"title": "", "cards": {"+": {}}}, {"title": None, "cards": {"+": {"text": None}}}),
        ({"cards": {f"+{n}": {"text": "x"} for n in range(200)}}, {"__all__": None}),
    ):
        [result] = send(board, anna, data)
        _assert_like(refused(result), errors, data)
    assert watched.events() == []
    assert watched.state == watched.snapshot()


def _assert_like(found: Any, expected: Any, what: Any) -> None:
    """Compare errors; None stands for any texts."""
    if expected is None:
        assert isinstance(found, list), (what, found)
        assert found, what
    elif isinstance(expected, dict):
        assert isinstance(found, dict), (what, found)
        assert found.keys() == expected.keys(), (what, found)
        for key, value in expected.items():
            _assert_like(found[key], value, what)
    else:
        assert found == expected, what


def test_updates_of_one_batch_have_outcomes_of_their_own(board: Board, anna: User) -> None:
    watched = Watched(board)
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(board=board, user=viewer, role="viewer")
    watched = Watched(board)
    first, wrong, same, last = send(
        board, anna, {"title": "A"}, {"title": ""}, {"title": "A"}, {"title": "B", "text": "x"}
    )
    assert [first.changes, same.changes, last.changes] == [
        {"title": "A"},
        {},
        {"title": "B", "text": "x"},
    ]
    refused(wrong)
    assert (first.seq, same.seq, last.seq) == (watched.head + 1, watched.head + 1, watched.head + 2)
    assert len(watched.changes()) == 2
    [no] = send(board, viewer, {"title": "C"})
    assert no.code == ErrorCode.FORBIDDEN


def test_a_base_that_was_passed_by_an_edit_made_elsewhere_is_a_conflict(
    board: Board, anna: User
) -> None:
    card = Card.objects.create(board=board, text="Card")
    watched = Watched(board)
    Card.objects.update(text="Changed in the admin")
    data = {"cards": {str(card.pk): {"text": "Mine"}}}
    [result] = send(board, anna, data, base_seq=watched.head)
    assert result.code == ErrorCode.CONFLICT
    assert result.details["current"] == {"cards": {str(card.pk): {"text": "Changed in the admin"}}}


VALUES: list[tuple[str, Any, Any]] = [
    ("text", "Text", "Text"),
    ("position", -3, -3),
    ("done", True, True),
    ("price", "12.50", "12.50"),
    ("price", 12.5, "12.50"),
    ("weight", 1.5, 1.5),
    ("number", 2**53 - 1, 2**53 - 1),
    ("number", str(2**62), str(2**62)),
    ("due", "2026-11-27", "2026-11-27"),
    ("starts_at", "2026-11-27T20:00:00Z", "2026-11-27T20:00:00Z"),
    ("at", "20:15:00", "20:15:00"),
    ("takes", "P0DT01H00M00S", "P0DT01H00M00S"),
    ("token", "5b6a2f1e-0000-4000-8000-000000000001", "5b6a2f1e-0000-4000-8000-000000000001"),
    ("data", {"a": [1, None], "b": {"c": None}}, {"a": [1, None], "b": {}}),
    ("data", [1, {"a": None}], [1, {"a": None}]),
    ("mail", "a@example.org", "a@example.org"),
    ("address", "::1", "::1"),
    ("color", "red", "red"),
]


@pytest.mark.parametrize(("name", "sent", "shown"), VALUES)
def test_a_field_of_every_type(name: str, sent: Any, shown: Any, board: Board, anna: User) -> None:
    card = Card.objects.create(board=board, text="Card")
    key = str(card.pk)
    watched = Watched(board)
    [ack] = send(board, anna, {"cards": {key: {name: sent}}})
    assert isinstance(ack, UpdateAck), ack.details
    assert ack.changes["cards"][key][name] == shown
    assert watched.snapshot()["cards"][key][name] == shown
    [again] = send(board, anna, {"cards": {key: {name: shown}}})
    assert again.changes == {}
    if Card._meta.get_field(name).null:
        [ack] = send(board, anna, {"cards": {key: {name: None}}})
        assert ack.changes == {"cards": {key: {name: None}}}
        assert name not in watched.snapshot()["cards"][key]
    watched.changes()


def test_access_follows_the_path(board: Board, anna: User) -> None:
    twice = User.objects.create_user("twice")
    stranger = User.objects.create_user("stranger")
    for role in ("viewer", "editor"):
        Membership.objects.create(board=board, user=twice, role=role)
    other = Board.objects.create(title="Other")
    Membership.objects.create(board=other, user=anna, role="viewer")
    ids = [rooms.room_of(each) for each in (board, other)]
    users = [anna.pk, twice.pk, stranger.pk]
    assert hosts.access(ids, users) == {
        (ids[0], anna.pk): ("editor", True),
        (ids[0], twice.pk): ("editor", True),
        (ids[1], anna.pk): ("viewer", False),
    }


class Cards(serializers.ModelSerializer[Card]):
    class Meta:
        model = Card
        fields = ["text", "position", "board"]
        read_only_fields = ["board"]


class BoardForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Board
        fields = ["title", "text", "labels"]

    def clean_title(self) -> str:
        if self.cleaned_data["title"] == "formless":
            raise forms.ValidationError("Not by this form.")
        return str(self.cleaned_data["title"])


@pytest.fixture
def formal(board: Board) -> Any:
    """Boards whose rooms have a form and a serializer of the host's."""
    registry.unregister(BoardRoom)

    class FormRoom(rooms.ModelRoom):
        kind = "plan"
        model = Board
        fields = ["title", "text", "labels"]
        form_class = BoardForm
        children = {"cards": rooms.Children(Card, "board", serializer_class=Cards)}
        public = True

        def may_change(self, user: Any, obj: Any) -> bool:
            return bool(user.username == "anna")

    rooms.register(FormRoom)
    yield board
    registry.unregister(FormRoom)
    rooms.register(BoardRoom)


def test_a_form_and_a_serializer_of_the_hosts(formal: Board, anna: User) -> None:
    label = Label.objects.create(name="urgent")
    watched = Watched(formal)
    [ack] = send(formal, anna, {"title": "B", "labels": [label.pk], "cards": {"+": {"text": "A"}}})
    card = Card.objects.get()
    assert ack.changes == {
        "title": "B",
        "labels": [label.pk],
        "cards": {str(card.pk): {"text": "A", "position": 0, "board": str(formal.pk)}},
    }
    Card.objects.update(position=3, done=True)
    assert watched.changes()[1:] == [{"cards": {str(card.pk): {"position": 3}}}]
    key = str(card.pk)
    for data, errors in (
        ({"title": "formless"}, {"title": ["Not by this form."]}),
        ({"style": {}}, {"style": None}),
        ({"cards": {key: {"text": ""}}}, {"cards": {key: {"text": None}}}),
        ({"cards": {key: {"board": None}}}, {"cards": {key: {"board": None}}}),
        ({"cards": {key: {"done": True}}}, {"cards": {key: {"done": None}}}),
    ):
        [result] = send(formal, anna, data)
        _assert_like(refused(result), errors, data)


def test_rules_in_python(formal: Board, anna: User) -> None:
    bob = User.objects.create_user("bob")
    id_ = rooms.room_of(formal)
    assert hosts.access([id_], [anna.pk, bob.pk]) == {
        (id_, anna.pk): ("editor", True),
        (id_, bob.pk): ("viewer", False),
    }


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"fields": ["title", "nothing"]}, "has no field 'nothing'"),
        ({"fields": ["title"], "members": "title"}, "leads to no rows of another model"),
        ({"fields": ["title"], "members": "labels"}, "and not to users"),
        ({"fields": ["title"], "members": "nobody"}, "is no path of relations"),
        ({"fields": ["title"], "members": "people", "role": "memberships__role"}, "is not on"),
        ({"fields": ["title"], "members": "memberships__user", "role": "memberships__x"}, "role ="),
        ({"fields": ["cards"], "children": {"cards": CARDS}}, "no field 'cards'"),
        ({"fields": ["title", "title"]}, "is declared twice"),
        ({"children": {"cards": rooms.Children(Card, "text", ["text"])}}, "is no foreign key"),
        ({"children": {"cards": rooms.Children(Card, "follows", ["text"])}}, "leads to no"),
        ({"children": {"c": rooms.Children(Card, "board", ["nothing"])}}, "has no field"),
        ({"fields": ["title"], "text": ["text"]}, "text cannot be edited as a text"),
        ({"fields": ["title", "style"], "text": ["style"]}, "style cannot be edited as a text"),
        ({"read_only": ["text"], "text": ["text"]}, "text cannot be edited as a text"),
        ({"serializer_class": object, "text": ["text"]}, "a serializer shows its texts"),
    ],
)
def test_a_declaration_that_cannot_work_is_told(options: Json, problem: str) -> None:
    room = type("OddRoom", (rooms.ModelRoom,), {"model": Board, **options})()
    assert any(problem in each for each in room.problems()), room.problems()
    assert BoardRoom().problems() == []


def test_an_article_of_ones_own(anna: User) -> None:
    article = Article.objects.create(title="Title", owner=anna)
    Article.objects.create(title="Other", owner=anna)
    [ack] = send(article, anna, {"title": "Mine"})
    assert ack.changes == {"title": "Mine"}
    [result] = send(article, anna, {"title": "Other"})
    assert "title" in refused(result)


class CardsElsewhere:
    def db_for_write(self, model: Any, **_: Any) -> str | None:
        return "other" if model is Card else None


def test_rows_in_another_database_than_their_log_are_told(settings: Settings) -> None:
    assert check_rows_beside_their_log() == []
    settings.DATABASE_ROUTERS = [f"{__name__}.CardsElsewhere"]
    [error] = check_rows_beside_their_log()
    assert error.id == "realtime.E051"
    assert "BoardRoom shows boards.Card, which is written in the database 'other'" in error.msg
    assert "'default'" in error.msg
