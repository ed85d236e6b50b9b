"""Who is in one room: each change is shown once, and to be compared with Redis again."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from realtime.events.publication import NO_STATE, State
from realtime.presence.members import MAX_LISTED, UNMATCHED, Members
from realtime.protocol.messages import Member
from realtime.protocol.room_id import Id, RoomId

ROOM = RoomId("project", 7)


class Entries:
    """Notes what the tracker would be asked for."""

    def __init__(self) -> None:
        self.dirty: list[tuple[RoomId, Id]] = []
        self.relisted: list[tuple[RoomId, Id]] = []
        self.changed: list[tuple[RoomId, Id]] = []

    def mark_dirty(self, room: RoomId, user_id: Id) -> None:
        self.dirty.append((room, user_id))

    def mark_state(self, room: RoomId, user_id: Id) -> None:
        self.changed.append((room, user_id))

    def relist(self, room: RoomId, user_id: Id) -> None:
        self.relisted.append((room, user_id))


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def states() -> list[tuple[Any, object]]:
    """What was shown of users, and who was left out."""
    return []


@pytest.fixture
def members(shown: list[str], entries: Entries, states: list[tuple[Any, object]]) -> Members:
    def show(text: str, key: str, exclude: object) -> None:
        message = json.loads(text)
        assert (message["type"], message["payload"]["project_id"]) == ("presence", 7)
        assert key == f"presence:{ROOM}:{message['payload']['user_id']}"
        states.append((message["payload"]["data"], exclude))

    return Members(ROOM, shown.append, entries, show_state=show)


def test_an_arrival_and_a_departure_are_shown_once(members: Members, shown: list[str]) -> None:
    assert members.arrive(2, "bob")
    assert not members.arrive(2, "bob")
    assert members.depart(2)
    assert not members.depart(2)
    assert list(map(msgspec.json.decode, shown)) == [
        {"type": "user_joined", "payload": {"project_id": 7, "user_id": 2, "username": "bob"}},
        {"type": "user_left", "payload": {"project_id": 7, "user_id": 2}},
    ]


def test_each_change_is_to_be_compared_with_redis_again(members: Members) -> None:
    for change in (partial(members.arrive, 1, "alice"), partial(members.depart, 1)):
        members.mark_matched("seen")
        assert change()
        assert members.version == UNMATCHED
        members.mark_matched("seen")
        assert not change()
        assert members.version == "seen"


def test_two_sockets_of_one_user_are_one_local_user(members: Members) -> None:
    members.add_socket(1)
    members.add_socket(1)
    members.remove_socket(1)
    assert set(members.local) == {1}
    members.remove_socket(1)
    assert set(members.local) == set()


def test_the_tracker_is_asked_for_this_room(members: Members, entries: Entries) -> None:
    members.mark_dirty(1)
    members.request_relist(2)
    assert (entries.dirty, entries.relisted) == ([(ROOM, 1)], [(ROOM, 2)])


def test_an_ack_names_the_user_and_as_many_others_as_fit(members: Members) -> None:
    assert (members.listed(9, "dora"), members.count_with(9)) == ([Member(9, "dora")], 1)
    for user_id in range(1, MAX_LISTED + 11):
        members.arrive(user_id, f"user{user_id}")
    for own in (MAX_LISTED + 10, MAX_LISTED + 11):
        listed = members.listed(own, "dora")
        assert listed[0] == Member(own, "dora")
        assert {member.user_id for member in listed[1:]} == set(range(1, MAX_LISTED))
        assert members.count_with(own) == own


def test_long_names_make_the_list_shorter(members: Members) -> None:
    for user_id in range(1, 1000):
        members.arrive(user_id, "\N{GRINNING FACE}" * 150)
    listed = members.listed(1, "\N{GRINNING FACE}" * 150)
    assert 100 < len(listed) < 250
    assert len(msgspec.json.encode(listed)) < 130 * 1024


# --- what users show of themselves


def test_a_state_is_shown_once_to_all_but_who_said_it(
    members: Members, entries: Entries, states: list[tuple[Any, object]]
) -> None:
    tab, other = object(), object()
    for _ in (tab, other):
        members.add_socket(2)
    members.arrive(2, "bob")
    first = members.set_own_state(2, tab, '{"x":1}')
    second = members.set_own_state(2, other, '{"x":1}')
    assert first < second, "the last one counts, whatever the clock says"
    assert states == [({"x": 1}, tab)]
    assert members.own_state(2) == second
    assert entries.changed == [(ROOM, 2)] * 2
    members.remove_socket(2, tab)
    assert len(states) == 1, "it is the other tab's by now"
    members.add_socket(2)
    members.remove_socket(2, other)
    assert states[1:] == [({}, other)]
    members.remove_socket(2)
    assert members.own_state(2) == NO_STATE


def test_a_state_that_comes_late_or_of_nobody_is_dropped(
    members: Members, states: list[tuple[Any, object]]
) -> None:
    members.hear_state(2, State(1, '{"x":1}'))
    members.arrive(2, "bob")
    for stamp in (5, 4, 5):
        members.hear_state(2, State(stamp, f'{{"x":{stamp}}}'))
    assert states == [({"x": 5}, None)]
    members.depart(2)
    members.arrive(2, "bob")
    assert members.listed(1, "a", with_presence=True)[1] == Member(2, "bob"), "a new stay"


def test_redis_is_behind_at_first_and_right_in_the_end(
    members: Members, states: list[tuple[Any, object]]
) -> None:
    members.arrive(2, "bob")
    members.hear_state(2, State(5, '{"x":5}'))
    assert not members.compare_state(2, State(4, '{"x":4}'))
    members.hear_state(2, State(6, '{"x":6}'))
    assert not members.compare_state(2, State(5, '{"x":5}')), "another one that is newer"
    assert members.compare_state(2, State(6, '{"x":6}'))
    assert not members.compare_state(2, NO_STATE)
    assert members.compare_state(2, NO_STATE), "twice: its process is gone"
    assert members.compare_state(2, State(9, '{"x":9}')), "the layer lost it"
    assert [data for data, _ in states] == [{"x": 5}, {"x": 6}, {}, {"x": 9}]
    # Nothing in Redis takes away what a socket of this process says.
    members.add_socket(3)
    members.arrive(3, "cora")
    members.set_own_state(3, object(), '{"y":1}')
    assert members.compare_state(3, NO_STATE)
    assert states[-1][0] == {"y": 1}


def test_an_ack_has_states_for_who_asked_and_within_its_size(members: Members) -> None:
    for user_id in range(2, 202):
        members.arrive(user_id, "x")
        members.hear_state(user_id, State(1, json.dumps({"text": "x" * 1000})))
    assert len(members.listed(1, "a")) == 201
    listed = members.listed(1, "a", with_presence=True)
    assert 100 < len(listed) < 140
    assert len(msgspec.json.encode(listed)) < 128 * 1024
