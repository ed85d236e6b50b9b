"""Append to and read each room's log of durable events, the truth that the room shows.

`append` runs in the transaction that makes the change (a transactional outbox). It takes
the row lock of the `Room` and keeps it until the commit, so the events of a room commit in
the order of their `seq`, without a gap. Lock order: the host's rows first, the `Room` rows
last, and of several rooms in the order of their ids; so append to all of them together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from django.db import connections, transaction
from django.db.models import F, Max, TextField
from django.db.models.functions import Cast, Coalesce, Length, Now
from django.utils import timezone

from realtime import conf
from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.db.rows import insert
from realtime.events import broadcast, outline, publication, values
from realtime.events.new_event import NewEvent, author
from realtime.events.publication import Publication
from realtime.models import Event, Receipt, Room, TaskState, alias
from realtime.protocol import messages, strict_json
from realtime.protocol.messages import EventPayload, UpdatedPayload
from realtime.protocol.room_id import MAX_KEY, RoomId

_MAX_TYPE = 64
"""Characters of its column."""
_COLUMNS = (
    *("room_id", "seq", "type", "size", "outline", "payload", "before", "operations"),
    *("actor_id", "created_at"),
)
MAX_READ = 512 * 1024
"""Bytes of events that one read brings, unless the first of them alone is larger."""


class EventTooLarge(ValueError):
    """Refuse an event whose message is larger than a client can be sent."""


def append(room: RoomId, events: Sequence[NewEvent]) -> list[Event]:
    """Append events to a room's log and send them to the room on commit.

    Raises:
        TransactionManagementError: outside `transaction.atomic()`: the event and the change
            that it tells of must commit together.
        TypeError, ValueError: if there can be no such room or user, or if an event cannot be
            shown to a room, as it is no JSON or too large: once in the log, it would stop every
            socket. Values may be of any type that Django's JSON encoder knows.
    """
    return append_all({room: events})[room]


def append_all(events: Mapping[RoomId, Sequence[NewEvent]]) -> dict[RoomId, list[Event]]:
    """Append events to the logs of several rooms; otherwise as `append`.

    Call it once in each transaction: transactions that lock rooms one after the other, in
    different orders, could wait for each other.
    """
    using = alias()
    check_transaction(using)
    for room in events:
        _check_room(room)
    heads = _advance({room: len(new) for room, new in events.items()})
    rows: dict[RoomId, list[Event]] = {}
    found: dict[RoomId, list[Publication]] = {}
    for room, new in events.items():
        first = heads[room].seq - len(new) + 1
        rows[room] = [
            _event(room, heads[room].row, seq, event) for seq, event in enumerate(new, start=first)
        ]
        found[room] = [publication.from_event(row, room) for row in rows[room]]
        for row, each in zip(rows[room], found[room], strict=True):
            row.size = _size(row.type, each.text)
            if each.text_with_operations is not None:
                row.size = max(row.size, _size(row.type, each.text_with_operations))
    insert([row for new in rows.values() for row in new], _COLUMNS, using=using)

    # No partial: Django wants the name of a hook that fails.
    transaction.on_commit(lambda: broadcast.events(found), using=using, robust=True)
    return rows


def check_transaction(using: str) -> None:
    """Refuse an event outside of a transaction.

    Raises:
        TransactionManagementError
    """
    if not transaction.get_connection(using).in_atomic_block:
        raise transaction.TransactionManagementError(
            "An event must be appended beside its change, inside "
            f"transaction.atomic(using={using!r})"
        )


def check(room: RoomId, event: NewEvent) -> None:
    """Refuse an event that could not be appended.

    Raises:
        TypeError, ValueError: as `append` does, but for one that is too large.
    """
    _check_room(room)
    _type(room, event)
    values.plain(_payload(room, event))
    values.plain(event.before)
    values.user_key(event.actor_id)


def _check_room(room: RoomId) -> None:
    """Refuse a key that no room can have, before the database does in its own words.

    Raises:
        TypeError, ValueError
    """
    if not isinstance(room, RoomId):
        raise TypeError(f"Give a RoomId, such as room_of(board), and not {room!r:.100}")
    key = str(room.key)
    if not 0 < len(key) <= MAX_KEY or "\0" in key:
        raise ValueError(f"No {room.noun} can have the key {key!r:.100}")


def _size(type_: str, text: str) -> int:
    """Return the bytes of an event's frame.

    Raises:
        ValueError: if PostgreSQL could not store it, or no client be sent it.
    """
    encoded = text.encode()
    if strict_json.has_nul(encoded):
        raise ValueError("A text in an event has a NUL character, which PostgreSQL cannot store")
    size, most = len(encoded), conf.get().max_frame
    if size > most:
        raise EventTooLarge(
            f"{type_} has {size} bytes; an event may have {most}, "
            'which is half of REALTIME["MAX_UNSENT"]'
        )
    return size


def _event(room: RoomId, row: int, seq: int, event: NewEvent) -> Event:
    plain = values.plain(_payload(room, event))
    payload = strict_json.with_plain_numbers(plain, msgspec.json.encode(plain))
    is_update = isinstance(event.payload, UpdatedPayload)
    return Event(
        room_id=row,
        seq=seq,
        type=_type(room, event),
        payload=payload,
        outline=outline.of(payload["changes"]) if is_update else None,
        actor_id=values.user_key(event.actor_id),
        before=values.plain(event.before),
        operations=values.plain(event.operations),
    )


def _type(room: RoomId, event: NewEvent) -> str:
    is_typed = isinstance(event.payload, EventPayload)
    type_ = event.type.format(room.kind) if is_typed else event.type
    if not 0 < len(type_) <= _MAX_TYPE:
        raise ValueError(f"The type of an event has 1 to {_MAX_TYPE} characters: {type_!r:.100}")
    return type_


def _payload(room: RoomId, event: NewEvent) -> dict[str, Any]:
    if isinstance(event.payload, EventPayload):
        return messages.to_dict(room, event.payload)
    if messages.event_payload(event.type, room.kind) is not None:
        raise ValueError(f"{event.type} is an event of the protocol: make it by its function")
    if messages.is_taken(event.type):
        raise ValueError(
            f"{event.type} is a name of the protocol's, or of its clients': take another"
        )
    return event.payload


class Head(NamedTuple):
    """Hold the row and the position of a room's log."""

    row: int
    """The primary key of its `Room`; 0 where nothing was written yet."""
    seq: int
    """The position of its last event; 0 where nothing happened yet."""


_NOWHERE = Head(0, 0)


def _advance(counts: Mapping[RoomId, int]) -> dict[RoomId, Head]:
    """Move the heads of rooms and return them; the rows stay locked until the commit.

    The first event of a room makes its row. All is one statement, which the ORM cannot express. It
    locks in the order of the values, so that two transactions that append to the same rooms do not
    wait for each other.
    """
    rooms = sorted(counts, key=str)
    places = ", ".join(["(%s, %s, %s)"] * len(rooms))
    parameters = [part for room in rooms for part in (room.kind, str(room.key), counts[room])]
    with connections[alias()].cursor() as cursor:
        cursor.execute(_ADVANCE % places, parameters)
        return _by_room(counts, cursor.fetchall())


_ADVANCE = """
INSERT INTO realtime_room (kind, key, seq) VALUES %s
ON CONFLICT (kind, key) DO UPDATE SET seq = realtime_room.seq + excluded.seq
RETURNING kind, key, id, seq
"""


def lock_all(rooms: Collection[RoomId]) -> dict[RoomId, Head]:
    """Lock the logs of several rooms until the transaction ends; otherwise as `lock`."""
    return _advance(dict.fromkeys(rooms, 0)) if rooms else {}


def lock(room: RoomId) -> Head:
    """Lock a room's log until the transaction ends, as `append` does, and return its head."""
    return _advance({room: 0})[room]


def row_of(room: RoomId) -> int:
    """Return the primary key of a room, without a lock where the room has a row already."""
    return Room.objects.get_or_create(kind=room.kind, key=str(room.key))[0].pk


def _by_room(rooms: Collection[RoomId], rows: Iterable[tuple[Any, ...]]) -> dict[RoomId, Head]:
    named = {(room.kind, str(room.key)): room for room in rooms}
    return {
        named[kind, key]: Head(row, seq) for kind, key, row, seq in rows if (kind, key) in named
    }


def heads(rooms: Collection[RoomId]) -> dict[RoomId, Head]:
    """Return the head of each room's log: one query."""
    rows = _heads({room.kind for room in rooms}, {str(room.key) for room in rooms})
    return dict.fromkeys(rooms, _NOWHERE) | _by_room(rooms, rows)


@CompiledQuery
def _heads(kinds: Argument, keys: Argument) -> Any:
    # Rooms of another kind with one of the keys are found, too; they are few.
    rooms = Room.objects.filter(AnyOf("kind", kinds), AnyOf("key", keys))
    return rooms.values_list("kind", "key", "id", "seq")


SIZE_WITH_BEFORE = F("size") + Coalesce(Length(Cast("before", TextField())), 0)
"""Size of an event and of what it replaced."""


def tail(
    row: int,
    after: int,
    *,
    upto: int | None = None,
    limit: int | None = None,
    with_before: bool = False,
) -> list[Event]:
    """Return a room's events after a `seq`, in order: the first, `MAX_READ` bytes at most.

    If the oldest are pruned, the list begins later; it never has a gap. `row` is the room's
    `Head.row`, here and below. `before` is read, and counts, only where it is asked for.
    """
    rows = Event.objects.filter(room_id=row, seq__gt=after).order_by("seq")
    if upto is not None:
        rows = rows.filter(seq__lte=upto)
    sizes = rows.values_list("seq", SIZE_WITH_BEFORE if with_before else "size")[:limit]
    deferred = ["outline"] if with_before else ["before", "outline"]
    return list(rows.filter(seq__lte=_last_that_fits(sizes)).defer(*deferred))


def start_of_latest(row: int, *, upto: int, limit: int, with_before: bool = False) -> int:
    """Return the `seq` before the latest events: `limit` and `MAX_READ` bytes of them at most.

    Earlier ones that are pruned count as events without a size. `with_before` is as for `tail`.
    """
    start = max(0, upto - limit)
    rows = Event.objects.filter(room_id=row, seq__gt=start, seq__lte=upto)
    size = SIZE_WITH_BEFORE if with_before else "size"
    sizes = list(rows.order_by("-seq").values_list("seq", size))
    first = _last_that_fits(sizes)
    return start if not sizes or first == sizes[-1][0] else first - 1


def _last_that_fits(sizes: Iterable[tuple[int, int]]) -> int:
    """Return the `seq` of the last event that `MAX_READ` still has room for; the first always fits.

    `sizes` has (`seq`, size) in the order of reading.
    """
    last, total = 0, 0
    for seq, size in sizes:
        total += size
        if last and total > MAX_READ:
            break
        last = seq
    return last


def outlines(row: int, after: int) -> list[tuple[int, str, outline.Outline | None]]:
    """Return (`seq`, type, outline) of all events after a `seq`, in order, without payloads."""
    rows = Event.objects.filter(room_id=row, seq__gt=after).order_by("seq")
    return list(rows.values_list("seq", "type", "outline"))


class TextChange(NamedTuple):
    """Hold what an event did to the texts of a room."""

    seq: int
    outline: outline.Outline | None
    operations: dict[str, Any] | None
    author: str


def text_changes(row: int, after: int) -> list[TextChange]:
    """Return what all events after a `seq` did to texts, in order, without payloads."""
    rows = Event.objects.filter(room_id=row, seq__gt=after).order_by("seq")
    return [
        TextChange(seq, outline, operations, author(actor_id))
        for seq, outline, operations, actor_id in rows.values_list(
            "seq", "outline", "operations", "actor_id"
        )
    ]


def has_operations(row: int, after: int, upto: int) -> bool:
    """Return True if an event after a `seq`, up to another, tells a text by an operation."""
    rows = Event.objects.filter(room_id=row, seq__gt=after, seq__lte=upto)
    return rows.filter(operations__isnull=False).exists()


class Span(NamedTuple):
    """Name parts of a log: the events after each of some `seq`s, up to another."""

    row: int
    afters: frozenset[int]
    upto: int


def spans(wanted: Mapping[RoomId, Span], *, size: int) -> dict[RoomId, list[Publication]]:
    """Return parts of several rooms' logs, each in order: one query.

    A room gets its longest part that is whole and has `size` bytes at most. A part that is larger,
    or whose oldest events are pruned, is not read at all.
    """
    found: dict[RoomId, list[Publication]] = {room: [] for room in wanted}
    rooms = {span.row: room for room, span in wanted.items() if span.afters}
    if rooms:
        parts = [(row, after, upto) for row, afters, upto in wanted.values() for after in afters]
        # The ORM can say it only as one long OR, which costs more to make than to run.
        values = ", ".join(["(%s, %s, %s)"] * len(parts))
        events = Event.objects.raw(_SPANS % values, [*chain.from_iterable(parts), size])
        # One by one: a payload takes much more memory than the text that is kept of it.
        for event in events.iterator():
            room = rooms[event.room_id]
            found[room].append(publication.from_event(event, room))
    return found


_SPANS = """
WITH span (room_id, after, upto) AS (VALUES %s),
longest AS (
    SELECT room_id, MIN(after) AS after, MAX(upto) AS upto FROM span GROUP BY room_id
),
part AS (
    SELECT event.id, event.room_id, event.seq,
        SUM(event.size) OVER (PARTITION BY event.room_id ORDER BY event.seq DESC) AS size
    FROM longest JOIN realtime_event event
        ON event.room_id = longest.room_id
        AND event.seq > longest.after AND event.seq <= longest.upto
),
whole AS (
    SELECT span.room_id, MIN(span.after) AS after
    FROM span JOIN part ON part.room_id = span.room_id AND part.seq = span.after + 1
    WHERE part.size <= %%s
    GROUP BY span.room_id
)
SELECT event.id, event.room_id, event.seq, event.type, event.payload, event.operations
FROM whole
    JOIN part ON part.room_id = whole.room_id AND part.seq > whole.after
    JOIN realtime_event event ON event.id = part.id
ORDER BY event.room_id, event.seq
"""


def prune(older_than: timedelta) -> int:
    """Delete events, receipts and ended tasks of that age; return how many.

    Each log loses its beginning, up to a `seq`: clocks differ between servers, and to delete by
    the clock alone could leave a gap. Rooms are pruned one at a time, so that no lock is held for
    long.
    """
    before = timezone.now() - older_than
    old = Event.objects.filter(created_at__lt=before).order_by().values_list("room_id")
    count = 0
    for row, last in old.annotate(last=Max("seq")):
        count += Event.objects.filter(room_id=row, seq__lte=last).delete()[0]
    count += Receipt.objects.filter(created_at__lt=before).delete()[0]
    ended = TaskState.objects.exclude(state__in=TaskState.OPEN)
    return count + ended.filter(updated_at__lt=Now() - older_than).delete()[0]
