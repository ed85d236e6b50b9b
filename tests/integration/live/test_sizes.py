"""What one request may cost: bytes bound every read, before anything is loaded.

The project here is filled with what is allowed and large in memory. The bounds are counted in
memory, which says more than bytes, and is the same on every machine.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from projects import services
from projects.models import Project
from realtime import conf
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
from tests.harness.rooms import project as project_room
from tests.harness.rooms import row

pytestmark = pytest.mark.django_db

T = TypeVar("T")
COUNT = 60
DATA: dict[str, Any] = {"content": {"a": [[]] * 8000 + ["x" * 30_000]}}
"""An update as large as they are allowed to be, in bytes and in lists."""
MUCH = 50 * MAX_READ
"""Bytes of memory: all events of the project would take many times as much."""


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    """A project of many large events; the last one is small."""
    project = services.create_project(user=alice, data={"title": "New"})
    with transaction.atomic():
        for _ in range(COUNT):
            event = updated(DATA, actor_id=alice.pk, before=DATA)
            log.append(project_room(project.pk), [event])
    services.update_project(user=alice, project_id=project.pk, data={"title": "Newer"})
    return project


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


def ask(user: User, path: str, **query: Any) -> Any:
    client = APIClient()
    client.force_authenticate(user)
    return client.get(f"/api/{path}", query)


def test_pages_of_events_end_early_and_leave_nothing_out(alice: User, project: Project) -> None:
    path = f"projects/{project.pk}/events/"
    seen: list[int] = []
    page = bounded(lambda: ask(alice, path, since=0, limit=1000)).json()
    while page["events"]:
        assert page["complete"]
        assert len(page["events"]) * 40_000 < MAX_READ
        seen += [event["seq"] for event in page["events"]]
        page = ask(alice, path, since=seen[-1], limit=1000).json()
    assert seen == list(range(1, COUNT + 2))
    assert page["seq"] == COUNT + 1


def test_the_latest_events_are_those_that_fit(alice: User, project: Project) -> None:
    path = f"projects/{project.pk}/events/"
    page = bounded(lambda: ask(alice, path, limit=1000)).json()
    seqs = [event["seq"] for event in page["events"]]
    assert seqs == list(range(seqs[0], COUNT + 2))
    assert 1 < len(seqs) < 20
    assert page["complete"], "what is left out is kept"


def test_an_event_that_is_too_large_for_a_page_is_one(alice: User, project: Project) -> None:
    Event.objects.filter(seq=COUNT).update(size=2 * MAX_READ)
    path = f"projects/{project.pk}/events/"
    for query, expected in (
        ({"since": COUNT - 1}, [COUNT]),
        ({"since": COUNT}, [COUNT + 1]),
        ({}, [COUNT + 1]),
        ({"since": COUNT - 2}, [COUNT - 1]),
    ):
        page = ask(alice, path, **query).json()
        assert [event["seq"] for event in page["events"]] == expected


def test_an_event_that_no_client_can_be_sent_is_not_logged(project: Project) -> None:
    room = project_room(project.pk)

    def append(size: int) -> None:
        with transaction.atomic():
            log.append(room, [updated({"title": "x" * size})])

    append(conf.get().max_frame - 200)
    head = log.heads([room])
    with pytest.raises(log.EventTooLarge, match=r"project_updated has 524.* may have 524288"):
        append(conf.get().max_frame)
    assert log.heads([room]) == head


def test_a_replay_that_is_too_large_is_not_read(alice: User, project: Project) -> None:
    def join(since: int) -> View:
        [view] = joins.read([JoinRequest(project_room(project.pk), alice.pk, since)])
        assert isinstance(view, View)
        return view

    assert bounded(lambda: join(0)).missed is None
    view = bounded(lambda: join(COUNT - 3))
    assert view.missed is not None
    assert [hint.seq for hint in view.missed] == [COUNT - 2, COUNT - 1, COUNT, COUNT + 1]


def test_of_replays_only_the_longest_that_is_sent_is_read(
    alice: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    from_event = publication.from_event

    def counted(event: Event, room: RoomId) -> Publication:
        read.append(event.seq)
        return from_event(event, room)

    monkeypatch.setattr(publication, "from_event", counted)
    room = project_room(project.pk)
    for sinces in ([0], [0, COUNT - 3], [0, 1, COUNT - 3, COUNT - 1, COUNT + 1]):
        read.clear()
        views = joins.read([JoinRequest(room, alice.pk, since) for since in sinces])
        for since, view in zip(sinces, views, strict=True):
            assert isinstance(view, View)
            sent = None if view.missed is None else [event.seq for event in view.missed]
            assert sent == (None if since <= 1 else list(range(since + 1, COUNT + 2)))
        sent_from = min((since for since in sinces if since > 1), default=COUNT + 1)
        assert read == list(range(sent_from + 1, COUNT + 2))


def test_a_room_is_repaired_in_parts(project: Project) -> None:
    position, parts = 0, 0
    bounded(lambda: repair._read(project_room(project.pk), 0))
    while position < COUNT + 1:
        head, found = repair._read(project_room(project.pk), position)
        assert head == COUNT + 1
        assert [hint.seq for hint in found] == list(range(position + 1, position + len(found) + 1))
        position, parts = found[-1].seq, parts + 1
    assert parts > 3


def test_a_base_seq_is_compared_with_keys_only(alice: User, project: Project) -> None:
    def write(data: dict[str, Any]) -> updates.Result:
        request = UpdateRequest(alice.pk, data, base_seq=0)
        with transaction.atomic():
            [result] = updates.write(project_room(project.pk), [request])
            transaction.set_rollback(True)
        return result

    assert isinstance(bounded(lambda: write({"content": {"b": 1}}), MAX_READ), UpdateAck)
    conflict = bounded(lambda: write({"content": {"a": 1}}), MAX_READ)
    assert isinstance(conflict, ProtocolError)
    assert conflict.code is ErrorCode.CONFLICT


@pytest.mark.parametrize("name", ["realtime_event_changelist", "projects_project_change"])
def test_the_admins_history_reads_what_fits(alice: User, project: Project, name: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    address = reverse(f"admin:{name}", args=[project.pk] if name.endswith("change") else [])
    text = bounded(lambda: client.get(address)).content.decode()
    assert "Newer" in text
    assert "content.a" in text, "the latest are shown whole"
    assert f"{Event.objects.get(seq=COUNT - 15).size} bytes" in text, "the others are named"


def test_the_admins_history_shows_the_first_of_many_differences(
    alice: User, project: Project
) -> None:
    content = {f"key {number:03}": number for number in range(300)}
    services.update_project(user=alice, project_id=project.pk, data={"content": content})
    event = Event.objects.get(seq=COUNT + 2)
    *shown, rest = describe.differences(event, {})
    assert [difference.what for difference in shown] == [
        f"content.key {number:03}" for number in range(20)
    ]
    assert rest.what == "280 more"


def test_the_admin_shows_the_beginning_of_a_result(alice: User, project: Project) -> None:
    for key, result in {"long": ["x" * 100_000], "short": {"é": [1]}, "text": "words"}.items():
        TaskState.objects.create(
            task_id=key, room_id=row(project.pk), task_type=key, state="completed", result=result
        )
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    text = client.get(reverse("admin:realtime_taskstate_changelist")).content.decode()
    assert "x" * 180 in text
    assert "x" * 200 not in text
    assert "{&quot;é&quot;: [1]}" in text
    assert ">words<" in text


def test_events_without_an_outline_conflict_with_everything(alice: User, project: Project) -> None:
    """They were logged before there were outlines."""
    Event.objects.filter(seq=COUNT).update(outline=None)
    old, new = updates.write(
        project_room(project.pk),
        [
            UpdateRequest(alice.pk, {"status": "active"}, base_seq=COUNT - 1),
            UpdateRequest(alice.pk, {"status": "active"}, base_seq=COUNT),
        ],
    )
    assert isinstance(old, ProtocolError)
    assert old.code is ErrorCode.CONFLICT
    assert isinstance(new, UpdateAck)


def test_the_size_of_an_event_is_that_of_what_is_sent(alice: User, project: Project) -> None:
    [event] = log.tail(row(project.pk), COUNT)
    [view] = joins.read([JoinRequest(project_room(project.pk), alice.pk, COUNT)])
    assert isinstance(view, View)
    assert view.missed is not None
    assert event.size == len(view.missed[0].text.encode())
    assert conf.get().MAX_UNSENT // 2 == MAX_READ
