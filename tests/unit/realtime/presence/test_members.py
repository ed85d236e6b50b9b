"""Who is in one room: each change is shown once, and to be compared with Redis again."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from realtime.presence.members import MAX_LISTED, UNMATCHED, Members
from realtime.protocol.messages import Member
from realtime.protocol.room_id import Id, RoomId

ROOM = RoomId("project", 7)


class Entries:
    """Notes what the tracker would be asked for."""

    def __init__(self) -> None:
        self.dirty: list[tuple[RoomId, Id]] = []
        self.relisted: list[tuple[RoomId, Id]] = []

    def mark_dirty(self, room: RoomId, user_id: Id) -> None:
        self.dirty.append((room, user_id))

    def relist(self, room: RoomId, user_id: Id) -> None:
        self.relisted.append((room, user_id))


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def members(shown: list[str], entries: Entries) -> Members:
    return Members(ROOM, shown.append, entries)


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
        members.version = "seen"
        assert change()
        assert members.version == UNMATCHED
        members.version = "seen"
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
