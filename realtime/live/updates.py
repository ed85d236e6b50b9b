"""Write the updates and the own commands that clients send, those of one room together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model

from realtime import conf, merge_patch, metrics
from realtime.aio import LINGER, Batcher
from realtime.db import errors, threads
from realtime.db.outages import is_outage
from realtime.events import log, values
from realtime.events.outline import WHOLE, LastChanges, Outline
from realtime.live.joins import not_found
from realtime.models import Event, Receipt, alias
from realtime.protocol import messages
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.protocol.room_id import Id, RoomId, to_id
from realtime.rooms import hosts
from realtime.rooms.room import Forbidden, Invalid, Outcome, Updated

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


Result = UpdateAck | ProtocolError
Writer = Batcher[RoomId, UpdateRequest, Result]


def writer() -> Writer:
    """Return the batcher that writes the updates of a server process, room by room."""
    return Batcher(write_batch, limit=conf.get().MAX_BATCH, linger=LINGER)


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
        # The batcher starts no other batch of this room until this one has returned, so
        # updates are written in the order in which they came.
        return await threads.write(write, room, requests)
    except Exception as error:  # noqa: BLE001  (whatever a host's code may raise)
        # In an outage the transaction may be committed or not. To try again here could write it
        # twice; the clients have their idempotency keys for that.
        if is_outage(error) or len(requests) == 1:
            return [errors.from_exception(error)] * len(requests)
    finally:
        metrics.current.write_seconds.observe(time.perf_counter() - began_at)
    return [result for request in requests for result in await _write_part(room, [request])]


class _Overtaken(Exception):
    """Another transaction changed what an update with a `base_seq` had just been judged by."""


def write(room: RoomId, requests: Sequence[UpdateRequest]) -> list[Result]:
    """Write updates of one room in one transaction; each gets an outcome of its own."""
    for _ in requests:
        # What has overtaken an update is in the log before the next try, which refuses the update:
        # so there are no more tries than updates.
        with suppress(_Overtaken):
            return _write(room, requests)
    return _write(room, requests)


def _write(room: RoomId, requests: Sequence[UpdateRequest]) -> list[Result]:
    committed = threading.Event()
    try:
        with transaction.atomic(using=alias()):
            transaction.on_commit(committed.set, using=alias())  # before any hook of the host
            locked = hosts.lock([room])
            if room not in locked:
                return [not_found(room) for _ in requests]
            _require_same_database(locked[room])
            results = _Batch(room, locked[room], requests).write(requests)
    except Exception:
        if not committed.is_set():
            raise
        logger.exception("A hook of a commit failed", extra={"action": "internal_error"})
    return results


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


class _Batch:
    """Write the updates of one transaction, under the lock of what the room shows.

    They go to the host in runs. A run ends before an update whose answer depends on the run:
    one with a `base_seq`, or with a key that the run has already.
    """

    def __init__(self, room: RoomId, locked: Any, requests: Sequence[UpdateRequest]) -> None:
        self.room = room
        self.locked = locked
        self._head: log.Head | None = None
        self.tail = _Tail(self, requests)
        self.receipts = _receipts(room, requests)
        self.new_receipts: list[Receipt] = []
        self.results: dict[int, Result] = {}
        self.run: dict[int, UpdateRequest] = {}

    @property
    def head(self) -> log.Head:
        """Return the log's last position, read only where an answer needs it before an event."""
        if self._head is None:
            self._head = log.heads([self.room])[self.room]
        return self._head

    def write(self, requests: Sequence[UpdateRequest]) -> list[Result]:
        for index, request in enumerate(requests):
            if request.base_seq is not None or self._is_in_run(request):
                self._write_run()
            answer = self._answer(request)
            if answer is not None:
                self.results[index] = answer
            elif request.command is None:
                self.run[index] = request
            else:
                self.results[index] = self._perform(request, request.command)
        self._write_run()
        if self.new_receipts:
            Receipt.objects.bulk_create(self.new_receipts)
        return [self.results[index] for index in range(len(requests))]

    def _is_in_run(self, request: UpdateRequest) -> bool:
        return request.idempotency_key is not None and any(
            (other.user_id, other.idempotency_key) == (request.user_id, request.idempotency_key)
            for other in self.run.values()
        )

    def _answer(self, request: UpdateRequest) -> Result | None:
        """Return the answer to an update that needs no writing."""
        if request.idempotency_key is not None:
            receipt = self.receipts.get((request.user_id, request.idempotency_key))
            if receipt is not None:
                return UpdateAck(receipt.seq, receipt.changes, duplicate=True)
        if request.base_seq is not None and request.base_seq < self.head.seq:
            return self._conflict(request.user_id, request.data, request.base_seq)
        return None

    def _conflict(self, user_id: Id, data: dict[str, Any], base_seq: int) -> ProtocolError | None:
        if not self.tail.may_conflict(data, base_seq):
            return None
        # The answer shows the room's state, and access may have ended while the update waited.
        access = hosts.access([self.room], [user_id]).get((self.room, user_id))
        if access is None or not access.may_update:
            return self._refusal(Forbidden())
        current = hosts.snapshots([self.room])[self.room]
        return ProtocolError(
            ErrorCode.CONFLICT,
            f"These fields were changed after seq {base_seq}",
            details={"seq": self.tail.end, "current": merge_patch.before(current, data)},
        )

    def _write_run(self) -> None:
        run, self.run = self.run, {}
        if not run:
            return
        pending = hosts.Locked(self.locked, [(r.user_id, r.data) for r in run.values()])
        outcomes = hosts.update({self.room: pending})[self.room]
        self._check_base(*next(iter(zip(run.values(), outcomes, strict=True))))
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
        if request.base_seq is None or event is None:
            return
        if self.tail.has_before(event, request.data, request.base_seq):
            raise _Overtaken

    def _perform(self, request: UpdateRequest, command: str) -> Result:
        """Perform a command, which is the only request."""
        outcome = hosts.perform(self.room, self.locked, request.user_id, command, request.data)
        # It may have appended events that are not in the outcome.
        self._head = None
        return self._result(request, outcome)

    def _result(self, request: UpdateRequest, outcome: Outcome) -> Result:
        if not isinstance(outcome, Updated):
            return self._refusal(outcome)
        if outcome.event is not None:
            self._head = log.Head(outcome.event.room_id, outcome.event.seq)
            self.tail.is_behind = True
        ack = UpdateAck(self.head.seq, outcome.changes, duplicate=False)
        self._keep_receipt(request, ack)
        return ack

    def _keep_receipt(self, request: UpdateRequest, ack: UpdateAck) -> None:
        if request.idempotency_key is None:
            return
        if not self.head.row:  # nothing has ever happened in this room
            self._head = log.lock(self.room)
        receipt = Receipt(
            room_id=self.head.row,
            user_id=request.user_id,
            key=request.idempotency_key,
            seq=ack.seq,
            changes=ack.changes,
        )
        self.receipts[request.user_id, request.idempotency_key] = receipt
        self.new_receipts.append(receipt)

    def _refusal(self, reason: Forbidden | Invalid) -> ProtocolError:
        if isinstance(reason, Invalid):
            details = values.nearest(reason.details)
            return ProtocolError(ErrorCode.VALIDATION_ERROR, str(reason), details=details)
        if not isinstance(reason, Forbidden):
            raise TypeError(f"A room's `update` returned {reason!r:.200}; see `rooms.Outcome`")
        return ProtocolError(ErrorCode.FORBIDDEN, f"You may not change this {self.room.noun}")


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
        bases = [r.base_seq for r in requests if r.base_seq is not None]
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


def _receipts(room: RoomId, requests: Sequence[UpdateRequest]) -> dict[tuple[Id, str], Receipt]:
    keys = [r.idempotency_key for r in requests if r.idempotency_key is not None]
    if not keys:
        return {}
    user_ids = {r.user_id for r in requests}
    rows = Receipt.objects.filter(
        room__kind=room.kind, room__key=str(room.key), user_id__in=user_ids, key__in=keys
    )
    return {(to_id(row.user_id), row.key): row for row in rows}
