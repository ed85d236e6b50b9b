"""A room: whatever the layer does to its events, each socket gets each event once, in order."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from realtime.events.publication import Publication
from realtime.live.room import Room
from realtime.presence.members import Members
from realtime.protocol.messages import EVERYONE
from realtime.protocol.room_id import Id, RoomId
from tests.harness.members import Client


def event(seq: int, evicts: int | None = None) -> Publication:
    return Publication(seq, f"event {seq}", evicts)


def texts(*seqs: int) -> list[str]:
    return [f"event {seq}" for seq in seqs]


class NoRedis:
    def mark_dirty(self, room: RoomId, user_id: Id) -> None: ...
    def mark_state(self, room: RoomId, user_id: Id) -> None: ...
    def relist(self, room: RoomId, user_id: Id) -> None: ...


def room_at(seq: int) -> Room:
    room = Room(
        RoomId("project", 1),
        lambda room_id, show, show_state: Members(room_id, show, NoRedis(), show_state=show_state),
    )
    assert room.catch_up(seq) == []
    return room


def test_duplicates_and_old_events_are_dropped() -> None:
    room, client = room_at(5), Client()
    room.add(client, 5)
    room.deliver([event(4), event(6), event(6), event(5), event(7)])
    assert client.received == texts(6, 7)


def test_a_hole_is_noted_and_nothing_passes_it() -> None:
    room, client = room_at(5), Client()
    room.add(client, 5)
    room.deliver([event(7)])
    assert room.has_gap
    assert client.received == []
    room.deliver([event(6), event(7)])
    assert client.received == texts(6, 7)
    assert not room.has_gap


def test_a_socket_that_knows_more_than_the_room_gets_nothing_twice() -> None:
    room, early, late = room_at(5), Client(), Client()
    room.add(early, 5)
    assert room.catch_up(8) == []
    room.add(late, 8)
    room.deliver(map(event, range(6, 10)))
    assert early.received == texts(6, 7, 8, 9)
    assert late.received == texts(9)


def test_a_socket_that_knows_less_than_the_room_is_told_what_passed() -> None:
    room, client = room_at(5), Client()
    room.add(client, 5)
    room.begin_join()
    room.deliver(map(event, range(6, 10)))
    assert room.catch_up(7) == [event(8), event(9)]
    assert room.catch_up(9) == []
    assert room.catch_up(1) is None


def test_a_room_remembers_what_passes_while_sockets_join_only() -> None:
    room, client = room_at(0), Client()
    room.add(client, 0)
    room.deliver([event(1)])
    assert room.catch_up(0) is None
    room.begin_join()
    room.begin_join()
    room.deliver([event(2)])
    room.end_join()
    assert room.catch_up(1) == [event(2)]
    room.end_join()
    assert room.catch_up(1) is None
    assert client.received == texts(1, 2)


def test_what_a_room_remembers_is_bounded_in_size() -> None:
    room = room_at(0)
    room.begin_join()
    large = [Publication(seq, "x" * 100_000) for seq in range(1, 21)]
    room.deliver(large)
    assert room.catch_up(15) == large[15:]
    assert room.catch_up(14) is None
    room.deliver([event(seq) for seq in range(21, 400)])
    assert room.catch_up(399 - 256) == [event(seq) for seq in range(144, 400)]
    assert room.catch_up(399 - 257) is None


def test_whose_access_ends_gets_nothing_after_it() -> None:
    room, alice, bob = room_at(0), Client(1), Client(2)
    room.add(alice, 0)
    room.add(bob, 0)
    evicted = room.deliver([event(1), event(2, evicts=2), event(3)])
    assert evicted == [bob]
    assert alice.received == texts(1, 2, 3)
    assert bob.received == [*texts(1), '{"type":"access_revoked","payload":{"project_id":1}}']
    assert room.deliver([event(4, evicts=EVERYONE)]) == [alice]
    assert room.is_idle
    room.begin_join()
    assert not room.is_idle


def test_whoever_is_put_out_has_time_to_join_another_room() -> None:
    room, alice = room_at(0), Client()
    room.add(alice, 0)
    alice.idle_since -= 3600
    before = time.monotonic()
    room.deliver([event(1, evicts=EVERYONE)])
    assert alice.idle_since >= before


def test_who_was_let_in_again_is_not_put_out_by_the_past() -> None:
    room, bob = room_at(0), Client(2)
    room.catch_up(0)
    room.add(bob, 1)
    assert room.deliver([event(1, evicts=2), event(2)]) == []
    assert bob.received == texts(2)


def test_progress_never_falls_and_ends_with_the_task() -> None:
    room = room_at(0)
    assert room.note_progress("t", 20)
    assert room.note_progress("t", 20)
    assert not room.note_progress("t", 10)
    assert room.note_progress("other", 0)
    room.deliver([Publication(1, "done", ends="t")])
    assert not room.note_progress("t", 100)
    assert room.note_progress("other", 5)


def test_progress_is_remembered_of_so_many_tasks_only() -> None:
    room = room_at(0)
    for number in range(10_000):
        room.note_progress(f"task {number}", 50)
    assert room.note_progress("task 0", 40), "it was forgotten"
    assert room.note_progress("task 9000", 40)
    assert not room.note_progress("task 9999", 40)


def test_a_restart_sends_everybody_to_a_fresh_snapshot() -> None:
    room, client = room_at(0), Client()
    room.add(client, 0)
    room.deliver(map(event, range(1, 4)))
    room.reset(9)
    assert "UNAVAILABLE" in client.received[-2]
    assert client.received[-1] == "4204"
    room.remove(client)
    assert room.catch_up(8) is None, "what it remembers is from before"
    assert room.catch_up(9) == []
    late = Client()
    room.add(late, 9)
    room.deliver([event(10)])
    assert late.received == texts(10)


@given(st.integers(0, 30), st.integers(1, 60), st.randoms())
def test_any_delivery_with_repair_is_exact(start: int, count: int, rng: random.Random) -> None:
    """Events lost, repeated and shuffled; the log repairs as the hub would."""
    room, client = room_at(start), Client()
    room.add(client, start)
    log = list(map(event, range(start + 1, start + 1 + count)))
    for each in rng.choices(log, k=count * 2):
        room.deliver([each])
        if room.has_gap and rng.random() < 0.3:
            room.deliver(log)
    room.deliver(log)
    assert client.received == [each.text for each in log]
