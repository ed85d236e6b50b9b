"""Updates of many rooms in one transaction: each room fares as if it were alone."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, transaction

from realtime import merge_patch
from realtime.db import threads
from realtime.events import log
from realtime.live import updates
from realtime.live.updates import Result, UpdateRequest, Writer
from realtime.models import Event, Receipt
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.protocol.room_id import RoomId
from realtime.rooms import Outcome, Pending, hosts
from tests.harness.rooms import project as project_room
from tests.harness.rooms import serve
from tests.host.models import ShoppingList
from tests.host.rooms import ShoppingRoom

pytestmark = pytest.mark.django_db(transaction=True)


def make_lists(count: int) -> tuple[int, list[RoomId]]:
    """Return a shopper, and the rooms of new lists."""
    user = User.objects.create_user("alice")
    lists = [ShoppingList.objects.create(items={}) for _ in range(count)]
    for shopping in lists:
        shopping.shoppers.add(user)
    return user.pk, [project_room(shopping.pk) for shopping in lists]


def ack(result: Result) -> UpdateAck:
    assert isinstance(result, UpdateAck), result
    return result


def code(result: Result) -> str:
    assert isinstance(result, ProtocolError), result
    return result.code


class Fickle(ShoppingRoom):
    """Breaks the transaction after it has written, where an update says so."""

    faults = 0
    """Transactions that fail yet, whatever is in them."""
    batches: list[set[int]]
    """Lists of each transaction."""

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        outcomes = super().update(pending)
        type(self).batches.append(set(pending))
        if type(self).faults:
            type(self).faults -= 1
            raise ZeroDivisionError
        if any(99 in update.data.values() for each in pending.values() for update in each.updates):
            raise ZeroDivisionError
        return outcomes


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    Fickle.faults, Fickle.batches = 0, []
    serve(monkeypatch, Fickle)


async def each(*writing: asyncio.Future[Result]) -> list[Result]:
    async with asyncio.timeout(60):
        return await asyncio.gather(*writing)


def events_of(room: RoomId) -> list[Event]:
    return log.tail(log.heads([room])[room].row, 0)


Sent = dict[tuple[int, RoomId], list[tuple[UpdateRequest, asyncio.Future[Result]]]]
"""Updates by writer and room, in order."""


async def send_at_random(chance: random.Random, user: int, rooms: list[RoomId]) -> Sent:
    """Send random updates by two writers, some of them once more, and some that fail."""
    writers = Writer(), Writer()
    sent: Sent = defaultdict(list)
    for step in range(100):
        who, room = chance.randrange(2), chance.choice(rooms)
        request = UpdateRequest(
            user,
            {chance.choice("ab"): 99 if chance.random() < 0.05 else step},
            base_seq=chance.choice([None, None, 0]),
            idempotency_key=chance.choice([None, f"k{step}"]),
        )
        if sent[who, room] and chance.random() < 0.2:
            request = chance.choice(sent[who, room])[0]
        sent[who, room].append((request, writers[who].submit(room, request)))
        if chance.random() < 0.2:
            await asyncio.sleep(0)
    await each(*(writing for found in sent.values() for _, writing in found))
    return sent


def acknowledged(found: list[tuple[UpdateRequest, asyncio.Future[Result]]]) -> list[UpdateAck]:
    """Return the acknowledgements of one writer's updates of a room; look at the other answers."""
    acks = []
    for request, writing in found:
        result = writing.result()
        if isinstance(result, UpdateAck):
            assert result.changes in ({}, request.data)
            acks.append(result)
        elif 99 not in request.data.values() or result.code is not ErrorCode.INTERNAL_ERROR:
            assert request.base_seq is not None
            assert result.code is ErrorCode.CONFLICT
    return acks


@pytest.mark.parametrize("seed", range(2))
async def test_two_writers_that_share_rooms_write_each_update_once_and_in_order(seed: int) -> None:
    alice, rooms = await threads.run(make_lists, 6)
    sent = await send_at_random(random.Random(seed), alice, rooms)
    told: dict[RoomId, dict[int, dict[str, Any]]] = {room: {} for room in rooms}
    for (_, room), found in sent.items():
        acks = acknowledged(found)
        for each_ack in acks:
            if each_ack.changes:
                assert told[room].setdefault(each_ack.seq, each_ack.changes) == each_ack.changes
        seqs = [each_ack.seq for each_ack in acks if not each_ack.duplicate]
        assert seqs == sorted(seqs)
    for room in rooms:
        events = await threads.run(events_of, room)
        assert {event.seq: event.payload["changes"] for event in events} == told[room]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        state: Any = {}
        for event in events:
            state = merge_patch.apply(state, event.payload["changes"])
        assert (await threads.run(ShoppingList.objects.get, pk=room.key)).items == state
    assert max(map(len, Fickle.batches)) > 1


async def test_what_is_undone_and_done_again_happens_once() -> None:
    alice, rooms = await threads.run(make_lists, 4)
    writer = Writer()
    requests = [UpdateRequest(alice, {"milk": 1}, idempotency_key="k") for _ in rooms]
    Fickle.faults = 1
    first = await each(*map(writer.submit, rooms, requests))
    together, *alone = Fickle.batches
    assert together == {room.key for room in rooms}
    assert sorted(map(list, alone)) == [[room.key] for room in rooms]
    assert first == [UpdateAck(1, {"milk": 1}, duplicate=False)] * 4
    again = await each(*map(writer.submit, rooms, requests))
    assert again == [UpdateAck(1, {"milk": 1}, duplicate=True)] * 4
    assert await threads.run(Event.objects.count) == 4
    assert await threads.run(Receipt.objects.count) == 4


async def test_a_room_that_fails_spoils_no_other_and_goes_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    alice, rooms = await threads.run(make_lists, 3)
    writer = Writer()
    bad, good = UpdateRequest(alice, {"milk": 99}), UpdateRequest(alice, {"milk": 1})
    one, two, three = await each(*map(writer.submit, rooms, [good, bad, good]))
    assert (ack(one).seq, code(two), ack(three).seq) == (1, ErrorCode.INTERNAL_ERROR, 1)
    assert [r.action for r in caplog.records if hasattr(r, "action")] == [
        "written_apart",
        "internal_error",
    ]
    Fickle.batches.clear()
    results = await each(*(writer.submit(room, UpdateRequest(alice, {"a": 1})) for room in rooms))
    assert [ack(result).seq for result in results] == [2, 1, 2]
    first, second, third = (room.key for room in rooms)
    assert sorted(Fickle.batches, key=len) == [{second}, {first, third}]


async def test_in_an_outage_nothing_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been committed."""
    calls = []

    def fail(wanted: updates.Wanted, **_: Any) -> Any:
        calls.append(wanted)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(hosts, "lock", fail)
    writer = Writer()
    results = await each(*(writer.submit(project_room(n), UpdateRequest(1, {})) for n in (1, 2, 2)))
    assert [code(result) for result in results] == [ErrorCode.UNAVAILABLE] * 3
    assert len(calls) == 1


async def test_a_room_that_does_not_exist_is_answered_beside_the_others() -> None:
    alice, [room] = await threads.run(make_lists, 1)
    writer = Writer()
    request = UpdateRequest(alice, {"milk": 1})
    missing, there = await each(
        writer.submit(project_room(10**6), request), writer.submit(room, request)
    )
    assert (code(missing), ack(there).seq) == ("PROJECT_NOT_FOUND", 1)


# --- who else has locks: PostgreSQL's rows; SQLite has one lock for all


@contextmanager
def stranger(*steps: Callable[[], Any]) -> Iterator[threading.Event]:
    """Take a first step in another transaction, which goes on when the event is set."""
    first, *rest = steps
    ready, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                first()
                ready.set()
                assert go_on.wait(30)
                for step in rest:
                    step()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    try:
        yield go_on
    finally:
        go_on.set()
        thread.join()


def lock_list(room: RoomId) -> Callable[[], Any]:
    return lambda: ShoppingList.objects.select_for_update().get(pk=room.key)


@pytest.mark.postgres
@pytest.mark.parametrize("held", [lock_list, lambda room: lambda: log.lock(room)])
async def test_a_room_that_somebody_else_holds_delays_no_other(
    held: Callable[[RoomId], Callable[[], Any]],
) -> None:
    """Its row, or only the head of its log."""
    alice, rooms = await threads.run(make_lists, 3)
    writer = Writer()
    with stranger(held(rooms[0])) as go_on:
        for seq in (1, 2):
            request = UpdateRequest(alice, {"milk": seq})
            waiting, *free = [writer.submit(room, request) for room in rooms]
            assert [ack(result).seq for result in await each(*free)] == [seq, seq]
            assert not waiting.done()
        go_on.set()
        assert ack(*await each(waiting)).seq == 2


@pytest.mark.postgres
async def test_a_deadlock_is_undone_and_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "_LOCK_TIMEOUT", "30s")
    alice, rooms = await threads.run(make_lists, 3)
    writer = Writer()

    def lose() -> None:
        """Have PostgreSQL end the other transaction, by being patient."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '30s'")
        log.lock(rooms[2])

    with stranger(lose, lock_list(rooms[0])) as go_on:
        request = UpdateRequest(alice, {"milk": 1}, idempotency_key="k")
        writing = [writer.submit(room, request) for room in rooms]
        while not Fickle.batches and not await threads.run(_waits):
            await asyncio.sleep(0.01)
        go_on.set()
        assert [ack(result).seq for result in await each(*writing)] == [1, 1, 1]
    assert await threads.run(Event.objects.count) == 3


def _waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


class Slow(ShoppingRoom):
    slow_id = 0
    is_writing = threading.Event()
    go_on = threading.Event()

    def update(self, pending: Mapping[Any, Pending]) -> dict[Any, list[Outcome]]:
        if Slow.slow_id in pending:
            Slow.is_writing.set()
            assert Slow.go_on.wait(30)
        return super().update(pending)


@pytest.mark.postgres
async def test_a_room_that_is_slow_to_write_delays_no_later_update_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(monkeypatch, Slow)
    Slow.is_writing.clear()
    Slow.go_on.clear()
    alice, rooms = await threads.run(make_lists, 3)
    Slow.slow_id = int(rooms[0].key)
    writer, request = Writer(), UpdateRequest(alice, {"milk": 1})
    try:
        slow = writer.submit(rooms[0], request)
        await asyncio.to_thread(Slow.is_writing.wait, 30)
        found = await each(*(writer.submit(room, request) for room in rooms[1:]))
        assert [ack(result).seq for result in found] == [1, 1]
        assert not slow.done()
    finally:
        Slow.go_on.set()
    assert ack(*await each(slow)).seq == 1
