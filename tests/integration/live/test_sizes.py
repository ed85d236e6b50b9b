"""What one request may cost: bytes bound every read, before anything is loaded.

The plan here is filled with what is allowed and large in memory. The bounds are counted in
memory, which says more than bytes, and is the same on every machine.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from rest_framework.test import APIRequestFactory, force_authenticate

from realtime import conf
from realtime.api import EventsView
from realtime.events import describe, log, publication
from realtime.events.log import MAX_READ
from realtime.events.new_event import updated
from realtime.events.publication import Publication
from realtime.live import joins, repair, updates
from realtime.live.joins import JoinRequest, View
from realtime.live.updates import UpdateRequest
from realtime.models import Event, TaskState
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.protocol.room_id import RoomId
from tests.boards.models import Board
from tests.harness.plans import make_plan, rename, room_of, row

pytestmark = pytest.mark.django_db

T = TypeVar("T")
COUNT = 60
DATA: dict[str, Any] = {"style": {"a": [[]] * 8000 + ["x" * 30_000]}}
"""An update as large as they are allowed to be, in bytes and in lists."""
MUCH = 50 * MAX_READ
"""Bytes of memory: all events of the plan would take many times as much."""


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def plan(alice: User) -> Board:
    """A plan of many large events; the last one is small."""
    plan = make_plan(alice, "New")
    with transaction.atomic():
        for _ in range(COUNT):
            event = updated(DATA, actor_id=alice.pk, before=DATA)
            log.append(room_of(plan), [event])
    rename(plan, "Newer", alice)
    return plan


def bounded(call: Callable[[], T], most: int = MUCH) -> T:
    """Return what a call returns, if it took no more memory than that at any time."""
    call()  # what is imported or compiled the first time counts for no request
    tracemalloc.start()
    try:
        result = call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most
    return result


def ask(user: User, plan: Board, **query: Any) -> Any:
    request = APIRequestFactory().get("/", query)
    force_authenticate(request, user)
    return EventsView.as_view()(request, plan_id=plan.pk).data


def test_pages_of_events_end_early_and_leave_nothing_out(alice: User, plan: Board) -> None:
    seen: list[int] = []
    page = bounded(lambda: ask(alice, plan, since=0, limit=1000))
    while page["events"]:
        assert page["complete"]
        assert len(page["events"]) * 40_000 < MAX_READ
        seen += [event["seq"] for event in page["events"]]
        page = ask(alice, plan, since=seen[-1], limit=1000)
    assert seen == list(range(1, COUNT + 2))
    assert page["seq"] == COUNT + 1


def test_the_latest_events_are_those_that_fit(alice: User, plan: Board) -> None:
    page = bounded(lambda: ask(alice, plan, limit=1000))
    seqs = [event["seq"] for event in page["events"]]
    assert seqs == list(range(seqs[0], COUNT + 2))
    assert 1 < len(seqs) < 20
    assert page["complete"], "what is left out is kept"


def test_an_event_that_is_too_large_for_a_page_is_one(alice: User, plan: Board) -> None:
    Event.objects.filter(seq=COUNT).update(size=2 * MAX_READ)
    for query, expected in (
        ({"since": COUNT - 1}, [COUNT]),
        ({"since": COUNT}, [COUNT + 1]),
        ({}, [COUNT + 1]),
        ({"since": COUNT - 2}, [COUNT - 1]),
    ):
        page = ask(alice, plan, **query)
        assert [event["seq"] for event in page["events"]] == expected


def test_an_event_that_no_client_can_be_sent_is_not_logged(plan: Board) -> None:
    room = room_of(plan)

    def append(size: int) -> None:
        with transaction.atomic():
            log.append(room, [updated({"title": "x" * size})])

    append(conf.get().max_frame - 200)
    head = log.heads([room])
    with pytest.raises(log.EventTooLarge, match=r"plan_updated has 524.* may have 524288"):
        append(conf.get().max_frame)
    assert log.heads([room]) == head


def test_a_replay_that_is_too_large_is_not_read(alice: User, plan: Board) -> None:
    def join(since: int) -> View:
        [view] = joins.read([JoinRequest(room_of(plan), alice.pk, since)])
        assert isinstance(view, View)
        return view

    assert bounded(lambda: join(0)).missed is None
    view = bounded(lambda: join(COUNT - 3))
    assert view.missed is not None
    assert [event.seq for event in view.missed] == [COUNT - 2, COUNT - 1, COUNT, COUNT + 1]


def test_of_replays_only_the_longest_that_is_sent_is_read(
    alice: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    from_event = publication.from_event

    def counted(event: Event, room: RoomId) -> Publication:
        read.append(event.seq)
        return from_event(event, room)

    monkeypatch.setattr(publication, "from_event", counted)
    room = room_of(plan)
    for sinces in ([0], [0, COUNT - 3], [0, 1, COUNT - 3, COUNT - 1, COUNT + 1]):
        read.clear()
        views = joins.read([JoinRequest(room, alice.pk, since) for since in sinces])
        for since, view in zip(sinces, views, strict=True):
            assert isinstance(view, View)
            sent = None if view.missed is None else [event.seq for event in view.missed]
            assert sent == (None if since <= 1 else list(range(since + 1, COUNT + 2)))
        sent_from = min((since for since in sinces if since > 1), default=COUNT + 1)
        assert read == list(range(sent_from + 1, COUNT + 2))


def test_a_room_is_repaired_in_parts(plan: Board) -> None:
    position, parts = 0, 0
    bounded(lambda: repair.read(room_of(plan), 0))
    while position < COUNT + 1:
        head, found = repair.read(room_of(plan), position)
        assert head == COUNT + 1
        assert [event.seq for event in found] == list(
            range(position + 1, position + len(found) + 1)
        )
        position, parts = found[-1].seq, parts + 1
    assert parts > 3


def test_a_base_seq_is_compared_with_keys_only(alice: User, plan: Board) -> None:
    def write(data: dict[str, Any]) -> updates.Result:
        request = UpdateRequest(alice.pk, data, base_seq=0)
        with transaction.atomic():
            [result] = updates.write(room_of(plan), [request])
            transaction.set_rollback(True)
        return result

    assert isinstance(bounded(lambda: write({"style": {"b": 1}}), MAX_READ), UpdateAck)
    conflict = bounded(lambda: write({"style": {"a": 1}}), MAX_READ)
    assert isinstance(conflict, ProtocolError)
    assert conflict.code is ErrorCode.CONFLICT


def changelist(operator: User, _: Board) -> str:
    client = Client()
    client.force_login(operator)
    return client.get(reverse("admin:realtime_event_changelist")).content.decode()


def console(operator: User, plan: Board) -> str:
    request = RequestFactory().get("/")
    request.user = operator
    template = Template("{% load realtime_console %}{% realtime_console plan %}")
    return template.render(Context({"request": request, "plan": plan}))


@pytest.mark.parametrize("show", [changelist, console])
def test_the_admins_history_reads_what_fits(
    plan: Board, show: Callable[[User, Board], str]
) -> None:
    operator = User.objects.create_superuser("root")
    text = bounded(lambda: show(operator, plan))
    assert "Newer" in text
    assert "style.a" in text, "the latest are shown whole"
    assert f"{Event.objects.get(seq=COUNT - 15).size} bytes" in text, "the others are named"


def test_the_admins_history_shows_the_first_of_many_differences(alice: User, plan: Board) -> None:
    plan.style = {f"key {number:03}": number for number in range(300)}
    plan.save()
    event = Event.objects.get(seq=COUNT + 2)
    *shown, rest = describe.differences(event, {})
    assert [difference.what for difference in shown] == [
        f"style.key {number:03}" for number in range(20)
    ]
    assert rest.what == "280 more"


def test_the_admin_shows_the_beginning_of_a_result(alice: User, plan: Board) -> None:
    for key, result in {"long": ["x" * 100_000], "short": {"é": [1]}, "text": "words"}.items():
        TaskState.objects.create(
            task_id=key, room_id=row(plan), task_type=key, state="completed", result=result
        )
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    text = client.get(reverse("admin:realtime_taskstate_changelist")).content.decode()
    assert "x" * 180 in text
    assert "x" * 200 not in text
    assert "{&quot;é&quot;: [1]}" in text
    assert ">words<" in text


def test_events_without_an_outline_conflict_with_everything(alice: User, plan: Board) -> None:
    """They were logged before there were outlines."""
    Event.objects.filter(seq=COUNT).update(outline=None)
    old, new = updates.write(
        room_of(plan),
        [
            UpdateRequest(alice.pk, {"text": "T"}, base_seq=COUNT - 1),
            UpdateRequest(alice.pk, {"text": "T"}, base_seq=COUNT),
        ],
    )
    assert isinstance(old, ProtocolError)
    assert old.code is ErrorCode.CONFLICT
    assert isinstance(new, UpdateAck)


def test_the_size_of_an_event_is_that_of_what_is_sent(alice: User, plan: Board) -> None:
    [event] = log.tail(row(plan), COUNT)
    [view] = joins.read([JoinRequest(room_of(plan), alice.pk, COUNT)])
    assert isinstance(view, View)
    assert view.missed is not None
    assert event.size == len(view.missed[0].text.encode())
    assert conf.get().MAX_UNSENT // 2 == MAX_READ
