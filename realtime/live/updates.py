"""Write the updates and the own commands that clients send, those of many rooms together."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.db.models import Model

from realtime import conf, merge_patch, metrics
from realtime.aio import LINGER, Batcher
from realtime.db import errors, threads
from realtime.db.outages import is_outage, is_undone
from realtime.db.rows import insert
from realtime.events import log, values
from realtime.events.outline import WHOLE, LastChanges, Outline
from realtime.live.joins import not_found
from realtime.live.texts import TextLog
from realtime.models import Event, Receipt, alias
from realtime.protocol import messages
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.protocol.room_id import Id, RoomId
from realtime.rooms import hosts
from realtime.rooms.room import Forbidden, Invalid, Outcome, Updated
from realtime.text_operations import Operation

logger = logging.getLogger(__name__)


class UpdateRequest(NamedTuple):
    """Ask for one update of a room, or for one command that the host has declared."""

    user_id: Id
    data: Any
    """An object; of a command, its payload as declared."""
    base_seq: int | None = None
    idempotency_key: str | None = None
    command: str | None = None
    """The name of the command."""
    operations: Mapping[str, Operation] | None = None
    """Changes of texts as they were at `base_seq`; see `realtime.live.texts`."""

    @property
    def judged_from(self) -> int | None:
        """Return the position after which nobody may have changed what the data name.

        Operations alone are transformed by what came between, and not refused for it.
        """
        return None if self.operations and not self.data else self.base_seq


Result = UpdateAck | ProtocolError
Wanted = Mapping[RoomId, Sequence[UpdateRequest]]


class RoomUpdates(NamedTuple):
    room: RoomId
    requests: list[UpdateRequest]


class Writer:
    """Write the updates of all sockets of a server process, many rooms in one transaction.

    It collects the updates of a room while earlier ones of that room are written, and those of all
    rooms while a transaction is under way. A room has one transaction at a time, so its updates
    are written in the order in which they came.
    """

    def __init__(self) -> None:
        settings = conf.get()
        self._rooms: Batcher[RoomId, UpdateRequest, Result] = Batcher(
            self._write_room, limit=settings.MAX_BATCH, linger=LINGER
        )
        self._transactions: Batcher[None, RoomUpdates, list[Result] | None] = Batcher(
            self._write_together,
            limit=settings.MAX_BATCH,
            overlap_after=_OVERLAP_AFTER,
            weigh=lambda batch: len(batch.requests),
        )
        # One thread is always left to those who go together: these may wait for a lock.
        self._alone = asyncio.Semaphore(max(1, settings.DATABASE_THREADS - 1))
        self._failed: dict[RoomId, float] = {}
        """When an update of a room last failed, oldest first."""

    def submit(self, room: RoomId, request: UpdateRequest) -> asyncio.Future[Result]:
        """Return a future of the update's outcome."""
        return self._rooms.submit(room, request)

    async def _write_room(self, room: RoomId, requests: list[UpdateRequest]) -> list[Result]:
        # The batcher starts no other batch of this room until this has returned.
        results = None
        has_command = any(request.command is not None for request in requests)
        if not has_command and not self._failed_lately(room):
            results = await self._transactions.submit(None, RoomUpdates(room, requests))
        if results is None:
            async with self._alone:
                results = await write_batch(room, requests)
            if any(map(_is_failure, results)):
                self._failed.pop(room, None)
                self._failed[room] = time.monotonic()
        return results

    def _failed_lately(self, room: RoomId) -> bool:
        """Return True if an update of a room failed lately: with others, it would undo theirs."""
        recent = time.monotonic() - _ALONE_AFTER_FAILURE
        while self._failed and next(iter(self._failed.values())) < recent:
            del self._failed[next(iter(self._failed))]
        return room in self._failed

    async def _write_together(
        self, _: None, batches: list[RoomUpdates]
    ) -> list[list[Result] | None]:
        """Write batches of several rooms; None for those that are to be written alone."""
        began_at = time.perf_counter()
        metrics.current.batch_size.observe(sum(len(batch.requests) for batch in batches))
        try:
            # A room has one batch at a time, so none is here twice.
            found = await threads.write(write_together, dict(batches))
        except Exception as error:  # noqa: BLE001  (whatever a database may raise)
            return [[errors.from_exception(error)] * len(batch.requests) for batch in batches]
        finally:
            metrics.current.write_seconds.observe(time.perf_counter() - began_at)
        return [found.get(batch.room) for batch in batches]


_OVERLAP_AFTER = 0.1
"""Seconds after which the next transaction starts beside one that is still under way."""
_ALONE_AFTER_FAILURE = 60.0
"""Seconds for which a room goes alone after an update of its own that undid a transaction."""
_RECEIPT_COLUMNS = ("room_id", "user_id", "key", "seq", "changes", "created_at")
_LOCK_TIMEOUT = "100ms"
"""The wait for any lock after which a transaction of several rooms is given up."""


async def write_batch(room: RoomId, requests: list[UpdateRequest]) -> list[Result]:
    """Write updates of one room together, in a database thread. Never raises.

    A command is written on its own: it may change rows past those that updates have locked.
    """
    results: list[Result] = []
    for part in _parts(requests):
        results += await _write_part(room, part)
    return results


def _parts(requests: Sequence[UpdateRequest]) -> Iterator[list[UpdateRequest]]:
    """Yield updates that stand beside each other together, and each command alone."""
    for is_command, found in groupby(requests, key=lambda request: request.command is not None):
        part = list(found)
        yield from ([request] for request in part) if is_command else [part]


async def _write_part(room: RoomId, requests: list[UpdateRequest]) -> list[Result]:
    """Write updates in one transaction; if one of them breaks it, each is written on its own."""
    began_at = time.perf_counter()
    metrics.current.batch_size.observe(len(requests))
    try:
        return await threads.write(write, room, requests)
    except Exception as error:  # noqa: BLE001  (whatever a host's code may raise)
        # In an outage the transaction may be committed or not. To try again here could write it
        # twice; the clients have their idempotency keys for that.
        if is_outage(error) or len(requests) == 1:
            return [errors.from_exception(error)] * len(requests)
    finally:
        metrics.current.write_seconds.observe(time.perf_counter() - began_at)
    return [result for request in requests for result in await _write_part(room, [request])]


def _is_failure(result: Result) -> bool:
    return isinstance(result, ProtocolError) and result.code is ErrorCode.INTERNAL_ERROR


class _Overtaken(Exception):
    """Another transaction changed what an update with a `base_seq` had just been judged by."""


def write(room: RoomId, requests: Sequence[UpdateRequest]) -> list[Result]:
    """Write updates of one room in one transaction; each gets an outcome of its own."""
    missing: list[Result] = [not_found(room)] * len(requests)
    for _ in requests:
        # What has overtaken an update is in the log before the next try, which refuses the update:
        # so there are no more tries than updates.
        with suppress(_Overtaken):
            return _transaction({room: requests}).get(room, missing)
    return _transaction({room: requests}).get(room, missing)


def write_together(wanted: Wanted) -> dict[RoomId, list[Result]]:
    """Write updates of several rooms in one transaction; leave out those to be written alone.

    Left out are the rooms that somebody else holds, and all rooms if the transaction was undone: by
    a host's code, or by the database for the sake of others.

    Raises:
        django.db.Error: in an outage, after which nobody may know whether it was committed.
    """
    try:
        return _transaction(wanted, is_shared=True)
    except Exception as error:
        if is_outage(error) and not is_undone(error):
            raise
        if len(wanted) > 1:
            logger.warning(
                "Updates of %d rooms are written again, room by room: %r",
                len(wanted),
                error,
                extra={"action": "written_apart"},
            )
        return {}


def _transaction(wanted: Wanted, *, is_shared: bool = False) -> dict[RoomId, list[Result]]:
    """Write updates in one transaction; rooms that are not there are left out.

    One that is shared waits for nobody's lock, or not for long, as all its rooms would wait.
    """
    committed = threading.Event()
    try:
        with transaction.atomic(using=alias()):
            transaction.on_commit(committed.set, using=alias())  # before any hook of the host
            if is_shared and len(wanted) > 1:
                _limit_waits()
            locked = hosts.lock(wanted, skip_locked=is_shared)
            for row in locked.values():
                _require_same_database(row)
            results = _write({room: (locked[room], wanted[room]) for room in locked})
    except Exception:
        if not committed.is_set():
            raise
        logger.exception("A hook of a commit failed", extra={"action": "internal_error"})
    return results


def _limit_waits() -> None:
    """Have the transaction fail where it would wait: for the head of a log, a row in a room."""
    connection = connections[alias()]
    if connection.vendor == "postgresql":  # SQLite has one lock, which the transaction has
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")


def _require_same_database(locked: Any) -> None:
    """Refuse a row of another database: its change and the event would not commit together.

    Raises:
        ImproperlyConfigured
    """
    if isinstance(locked, Model) and locked._state.db not in (None, alias()):
        raise ImproperlyConfigured(
            f"{locked._meta.label} is in the database {locked._state.db!r}, and the log of its "
            f"rooms in {alias()!r}: have a router keep both in one"
        )


def _write(
    pending: Mapping[RoomId, tuple[Any, Sequence[UpdateRequest]]],
) -> dict[RoomId, list[Result]]:
    """Write updates under the locks of what the rooms show.

    They go to the host in runs, the runs of all rooms together.
    """
    heads = _Heads(pending)
    receipts = _receipts({room: requests for room, (_, requests) in pending.items()})
    batches = {
        room: _Batch(room, locked, requests, heads, receipts.get(room, {}))
        for room, (locked, requests) in pending.items()
    }
    while runs := {room: run for room, batch in batches.items() if (run := batch.take_run())}:
        outcomes = hosts.update(
            {
                room: hosts.Locked(
                    batches[room].locked, [(r.user_id, r.data, r.operations) for r in run]
                )
                for room, run in runs.items()
            }
        )
        for room in runs:
            batches[room].note(outcomes[room])
    new_receipts = [receipt for batch in batches.values() for receipt in batch.new_receipts]
    if new_receipts:
        insert(new_receipts, _RECEIPT_COLUMNS, using=alias())
    return {room: batch.answers() for room, batch in batches.items()}


class _Heads:
    """Hold the heads of a transaction's rooms, read together when an answer first needs one."""

    def __init__(self, rooms: Collection[RoomId]) -> None:
        self._rooms = rooms
        self._found: dict[RoomId, log.Head] = {}

    def __getitem__(self, room: RoomId) -> log.Head:
        if room not in self._found:
            unknown = [each for each in self._rooms if each not in self._found]
            self._found |= log.heads(unknown)
        return self._found[room]

    def __setitem__(self, room: RoomId, head: log.Head) -> None:
        self._found[room] = head

    def __contains__(self, room: RoomId) -> bool:
        return room in self._found

    def forget(self, room: RoomId) -> None:
        """Read a head again when it is next needed."""
        self._found.pop(room, None)


class _Batch:
    """Judge the updates of one room in a transaction, and answer them.

    They go to the host in runs. A run ends before an update whose answer depends on the run:
    one with a `base_seq`, or with a key that the run has already.
    """

    def __init__(
        self,
        room: RoomId,
        locked: Any,
        requests: Sequence[UpdateRequest],
        heads: _Heads,
        receipts: dict[tuple[Id, str], UpdateAck],
    ) -> None:
        self.room = room
        self.locked = locked
        self._heads = heads
        self.tail = _Tail(self, requests)
        self._texts = TextLog()
        self.receipts = receipts
        self.new_receipts: list[Receipt] = []
        self.results: dict[int, Result] = {}
        self.run: dict[int, UpdateRequest] = {}
        self._requests = requests
        self._next = 0

    @property
    def head(self) -> log.Head:
        """Return the log's position so far; it is read only where no event tells it."""
        return self._heads[self.room]

    def take_run(self) -> list[UpdateRequest]:
        """Return the updates that the host is to make next; empty if all are answered."""
        while self._next < len(self._requests):
            index, request = self._next, self._requests[self._next]
            if self.run and (request.base_seq is not None or self._is_in_run(request)):
                break
            answer: Result | UpdateRequest | None = self._answer(request)
            if answer is None and request.operations:
                answer = self._rebased(request, request.operations)
            if isinstance(answer, UpdateRequest):
                self.run[index] = answer
            elif answer is not None:
                self.results[index] = answer
            elif request.command is None:
                self.run[index] = request
            else:
                self.results[index] = self._perform(request, request.command)
            self._next += 1
        return list(self.run.values())

    def answers(self) -> list[Result]:
        return [self.results[index] for index in range(len(self._requests))]

    def _is_in_run(self, request: UpdateRequest) -> bool:
        return request.idempotency_key is not None and any(
            (other.user_id, other.idempotency_key) == (request.user_id, request.idempotency_key)
            for other in self.run.values()
        )

    def _answer(self, request: UpdateRequest) -> Result | None:
        """Return the answer to an update that needs no writing."""
        if request.idempotency_key is not None:
            known = self.receipts.get((request.user_id, request.idempotency_key))
            if known is not None:
                return known
        base_seq = request.judged_from
        if base_seq is None or base_seq >= self.head.seq:
            return None
        if not self.tail.may_conflict(request.data, base_seq):
            return None
        message = f"These fields were changed after seq {base_seq}"
        return self._conflict(request.user_id, request.data, message, self.tail.end)

    def _rebased(
        self, request: UpdateRequest, operations: Mapping[str, Operation]
    ) -> UpdateRequest | ProtocolError:
        """Return an update with its operations as they are on the texts of the locked row."""
        base_seq, author = request.base_seq or 0, str(request.user_id)
        found = self._texts.rebased(self.head, base_seq, author, operations)
        if found is not None:
            return request._replace(operations=found)
        message = f"Operations on the texts of seq {base_seq} cannot be merged any more"
        named = request.data | dict.fromkeys(operations)
        return self._conflict(request.user_id, named, message, self.head.seq)

    def _conflict(self, user_id: Id, data: dict[str, Any], message: str, seq: int) -> ProtocolError:
        # The answer shows the room's state, and access may have ended while the update waited.
        access = hosts.access([self.room], [user_id]).get((self.room, user_id))
        if access is None or not access.may_update:
            return self._refusal(Forbidden())
        current = hosts.snapshots([self.room])[self.room]
        return ProtocolError(
            ErrorCode.CONFLICT,
            message,
            details={"seq": seq, "current": merge_patch.before(current, data)},
        )

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Answer the updates of the run."""
        run, self.run = self.run, {}
        self._check_base(*next(iter(zip(run.values(), outcomes, strict=True))))
        events = [each.event for each in outcomes if isinstance(each, Updated) and each.event]
        if events and self.room not in self._heads:
            # Not read, as it has moved by now: what changed nothing came before the first of these.
            self._heads[self.room] = log.Head(events[0].room_id, events[0].seq - 1)
        for (index, request), outcome in zip(run.items(), outcomes, strict=True):
            self.results[index] = self._result(request, outcome)

    def _check_base(self, request: UpdateRequest, outcome: Outcome) -> None:
        """Judge the `base_seq` of a run's first update once more, now that it holds its rows.

        The room's object is locked from the beginning, but an edit of a row in the room holds only
        that row until its end, and the update may have waited for it.

        Raises:
            _Overtaken
        """
        event = outcome.event if isinstance(outcome, Updated) else None
        if request.judged_from is None or event is None:
            return
        if self.tail.has_before(event, request.data, request.judged_from):
            raise _Overtaken

    def _perform(self, request: UpdateRequest, command: str) -> Result:
        """Perform a command, which is the only request."""
        outcome = hosts.perform(self.room, self.locked, request.user_id, command, request.data)
        # It may have appended events that are not in the outcome.
        self._heads.forget(self.room)
        return self._result(request, outcome)

    def _result(self, request: UpdateRequest, outcome: Outcome) -> Result:
        if not isinstance(outcome, Updated):
            return self._refusal(outcome)
        if outcome.event is not None:
            self._heads[self.room] = log.Head(outcome.event.room_id, outcome.event.seq)
            self.tail.is_behind = True
        ack = UpdateAck(self.head.seq, _acknowledged(request, outcome), duplicate=False)
        self._keep_receipt(request, ack)
        return ack

    def _keep_receipt(self, request: UpdateRequest, ack: UpdateAck) -> None:
        if request.idempotency_key is None:
            return
        if not self.head.row:  # nothing has ever happened in this room
            self._heads[self.room] = log.lock(self.room)
        receipt = Receipt(
            room_id=self.head.row,
            user_id=request.user_id,
            key=request.idempotency_key,
            seq=ack.seq,
            changes=ack.changes,
        )
        again = UpdateAck(ack.seq, ack.changes, duplicate=True)
        self.receipts[request.user_id, request.idempotency_key] = again
        self.new_receipts.append(receipt)

    def _refusal(self, reason: Forbidden | Invalid) -> ProtocolError:
        if isinstance(reason, Invalid):
            details = values.nearest(reason.details)
            return ProtocolError(ErrorCode.VALIDATION_ERROR, str(reason), details=details)
        if not isinstance(reason, Forbidden):
            raise TypeError(f"A room's `update` returned {reason!r:.200}; see `rooms.Outcome`")
        return ProtocolError(ErrorCode.FORBIDDEN, f"You may not change this {self.room.noun}")


def _acknowledged(request: UpdateRequest, outcome: Updated) -> dict[str, Any]:
    """Return the changes that an update made: of a text, the operation that came of one."""
    if not request.operations or outcome.event is None:
        return outcome.changes
    made = outcome.event.operations or {}
    return outcome.changes | {name: made[name] for name in request.operations if name in made}


class _Tail:
    """Keep the keys that the end of the log changed, for all the `base_seq` of a batch.

    It reaches no further back than a replay does.
    """

    def __init__(self, batch: _Batch, requests: Sequence[UpdateRequest]) -> None:
        self._batch = batch
        self._changes = LastChanges()
        self._start = 0
        """The changes after this position are known."""
        self.end = 0
        """The last position that was read."""
        self.is_behind = False
        """True once the batch has made changes that were not read."""
        bases = [r.judged_from for r in requests if r.judged_from is not None]
        if not bases:
            return
        row, head = batch.head
        oldest = head - conf.get().REPLAY_LIMIT
        self._start = self.end = head
        within = [base for base in bases if oldest <= base < head]
        if within:
            rows = log.outlines(row, min(within))
            self._start = rows[0][0] - 1 if rows else head  # the oldest may be pruned
            self._note(rows)

    def may_conflict(self, data: dict[str, Any], base_seq: int) -> bool:
        """Return True if the log after a position changed something in the data, or may have."""
        if self.is_behind:
            # From the log, as the host may have appended more than the updates' own events.
            self._note(log.outlines(self._batch.head.row, self.end))
            self.is_behind = False
        return base_seq < self._start or self._changes.overlap(data, base_seq)

    def has_before(self, event: Event, data: dict[str, Any], base_seq: int) -> bool:
        """Return True if events that came just before one changed something in the data."""
        if event.seq - 1 <= self.end:
            return False
        rows = log.outlines(event.room_id, self.end)
        self._note([row for row in rows if row[0] < event.seq])
        return self._changes.overlap(data, base_seq)

    def _note(self, rows: Sequence[tuple[int, str, Outline | None]]) -> None:
        for seq, type_, outline in rows:
            if messages.event_payload(type_, self._batch.room.kind) is messages.UpdatedPayload:
                # Without an outline it was logged before there were any.
                self._changes.note(seq, WHOLE if outline is None else outline)
            self.end = seq


def _receipts(wanted: Wanted) -> dict[RoomId, dict[tuple[Id, str], UpdateAck]]:
    """Return the acknowledgements of keys that the rooms have seen, by user and key: one query."""
    keyed = [
        (room, request.user_id, request.idempotency_key)
        for room, requests in wanted.items()
        for request in requests
        if request.idempotency_key is not None
    ]
    if not keyed:
        return {}
    connection = connections[alias()]
    user: Any = Receipt._meta.get_field("user")
    changes: Any = Receipt._meta.get_field("changes")
    # Each key is asked for with its own room and user: many rooms may know the key "1".
    parameters = [
        part
        for number, (room, user_id, key) in enumerate(keyed)
        for part in (
            number,
            room.kind,
            str(room.key),
            user.target_field.get_db_prep_value(user_id, connection),
            key,
        )
    ]
    found: dict[RoomId, dict[tuple[Id, str], UpdateAck]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS % ", ".join(["(%s, %s, %s, %s, %s)"] * len(keyed)), parameters)
        for number, seq, stored in cursor.fetchall():
            room, user_id, key = keyed[number]
            ack = UpdateAck(seq, changes.from_db_value(stored, None, connection), duplicate=True)
            found.setdefault(room, {})[user_id, key] = ack
    return found


_RECEIPTS = """
WITH wanted (number, kind, room_key, user_id, key) AS (VALUES %s)
SELECT wanted.number, receipt.seq, receipt.changes
FROM wanted
JOIN realtime_room room ON room.kind = wanted.kind AND room.key = wanted.room_key
JOIN realtime_receipt receipt ON receipt.room_id = room.id
    AND receipt.user_id = wanted.user_id AND receipt.key = wanted.key
"""
