"""Write the updates that clients send, those of one project together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
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
from realtime.models import Receipt, alias
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdateAck
from realtime.rooms import backend

logger = logging.getLogger(__name__)


class UpdateRequest(NamedTuple):
    user_id: int
    data: dict[str, Any]
    base_seq: int | None = None
    idempotency_key: str | None = None


Result = UpdateAck | ProtocolError
Writer = Batcher[int, UpdateRequest, Result]


def writer() -> Writer:
    """Return what writes the updates of all sockets of a server process, project by project."""
    return Batcher(write_batch, limit=conf.get().MAX_BATCH, linger=LINGER)


async def write_batch(project_id: int, requests: list[UpdateRequest]) -> list[Result]:
    """Write updates of one project together, in a database thread. Never raises.

    Where one of them breaks the transaction of all, each is written on its own.
    """
    began_at = time.perf_counter()
    metrics.current.batch_sizes.observe(len(requests))
    try:
        # The batcher starts no other batch of this project until this one has returned, so
        # updates are written in the order in which they came.
        return await threads.write(write, project_id, requests)
    except Exception as error:  # noqa: BLE001  (whatever a host's code may raise)
        # In an outage, nobody may know whether it was committed. To try again here could write it
        # twice; the clients have their idempotency keys for that.
        if is_outage(error) or len(requests) == 1:
            return [errors.from_exception(error)] * len(requests)
    finally:
        metrics.current.write_seconds.observe(time.perf_counter() - began_at)
    return [result for request in requests for result in await write_batch(project_id, [request])]


def write(project_id: int, requests: Sequence[UpdateRequest]) -> list[Result]:
    """Write updates of one project in one transaction; each gets an outcome of its own."""
    host = backend.get()
    committed = threading.Event()
    try:
        with transaction.atomic(using=alias()):
            transaction.on_commit(committed.set, using=alias())  # before any hook of the host
            locked = host.lock(project_id)
            _require_same_database(locked)
            results = _Batch(host, project_id, locked, requests).write(requests)
    except backend.ProjectNotFound:
        return [not_found(project_id) for _ in requests]
    except Exception:
        if not committed.is_set():
            raise
        logger.exception("A hook of a commit failed", extra={"action": "internal_error"})
    return results


def _require_same_database(locked: Any) -> None:
    """Refuse a row that this transaction does not hold: it would change, and nothing be logged.

    Raises:
        ImproperlyConfigured
    """
    if isinstance(locked, Model) and locked._state.db not in (None, alias()):
        raise ImproperlyConfigured(
            f"{locked._meta.label} is in the database {locked._state.db!r}, and the log of its "
            f"rooms in {alias()!r}: have a router keep both in one"
        )


class _Batch:
    """Write the updates of one transaction, under the project's lock.

    They go to the host in runs. A run ends before an update whose answer depends on the run:
    one with a `base_seq`, or with a key that the run has already.
    """

    def __init__(
        self,
        host: backend.Backend,
        project_id: int,
        locked: Any,
        requests: Sequence[UpdateRequest],
    ) -> None:
        self.host = host
        self.project_id = project_id
        self.locked = locked
        self._head: int | None = None
        self.tail = _Tail(self, requests)
        self.receipts = _receipts(project_id, requests)
        self.new_receipts: list[Receipt] = []
        self.results: dict[int, Result] = {}
        self.run: dict[int, UpdateRequest] = {}

    @property
    def head(self) -> int:
        """Return the log's last position, read only where an answer needs it before an event."""
        if self._head is None:
            self._head = log.heads([self.project_id])[self.project_id]
        return self._head

    def write(self, requests: Sequence[UpdateRequest]) -> list[Result]:
        for index, request in enumerate(requests):
            if request.base_seq is not None or self._is_in_run(request):
                self._write_run()
            answer = self._answer(request)
            if answer is None:
                self.run[index] = request
            else:
                self.results[index] = answer
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
        if request.base_seq is not None and request.base_seq < self.head:
            return self._conflict(request.user_id, request.data, request.base_seq)
        return None

    def _conflict(self, user_id: int, data: dict[str, Any], base_seq: int) -> ProtocolError | None:
        if not self.tail.may_conflict(data, base_seq):
            return None
        # The answer shows the project, and access may have ended while the update waited.
        place = self.project_id, user_id
        access = self.host.access([self.project_id], [user_id]).get(place)
        if access is None or not access.may_update:
            return _refusal(backend.Forbidden())
        current = self.host.snapshots([self.project_id])[self.project_id]
        return ProtocolError(
            ErrorCode.CONFLICT,
            f"These fields were changed after seq {base_seq}",
            details={"seq": self.tail.end, "current": merge_patch.before(current, data)},
        )

    def _write_run(self) -> None:
        run, self.run = self.run, {}
        if not run:
            return
        outcomes = self.host.update(
            self.locked, [backend.Update(r.user_id, r.data) for r in run.values()]
        )
        for (index, request), outcome in zip(run.items(), outcomes, strict=True):
            if isinstance(outcome, backend.Updated):
                if outcome.event is not None:
                    self._head = outcome.event.seq
                    self.tail.is_behind = True
                ack = UpdateAck(self.head, outcome.changes, duplicate=False)
                self.results[index] = ack
                self._keep_receipt(request, ack)
            else:
                self.results[index] = _refusal(outcome)

    def _keep_receipt(self, request: UpdateRequest, ack: UpdateAck) -> None:
        if request.idempotency_key is None:
            return
        receipt = Receipt(
            project_id=self.project_id,
            user_id=request.user_id,
            key=request.idempotency_key,
            seq=ack.seq,
            changes=ack.changes,
        )
        self.receipts[request.user_id, request.idempotency_key] = receipt
        self.new_receipts.append(receipt)


class _Tail:
    """The keys that the end of the log changed, for all the `base_seq` of a batch.

    It reaches no further back than a replay does.
    """

    def __init__(self, batch: _Batch, requests: Sequence[UpdateRequest]) -> None:
        self._project_id = batch.project_id
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
        oldest = batch.head - conf.get().REPLAY_LIMIT
        self._start = self.end = batch.head
        within = [base for base in bases if oldest <= base < batch.head]
        if within:
            rows = log.outlines(batch.project_id, min(within))
            self._start = rows[0][0] - 1 if rows else batch.head  # the oldest may be pruned
            self._note(rows)

    def may_conflict(self, data: dict[str, Any], base_seq: int) -> bool:
        """Say whether something in the data was changed after a position, or nobody can tell."""
        if self.is_behind:
            # From the log, as the host may have appended more than the updates' own events.
            self._note(log.outlines(self._project_id, self.end))
            self.is_behind = False
        return base_seq < self._start or self._changes.overlap(data, base_seq)

    def _note(self, rows: Sequence[tuple[int, str, Outline | None]]) -> None:
        for seq, type_, outline in rows:
            if type_ == "project_updated":
                # Without an outline it was logged before there were any.
                self._changes.note(seq, WHOLE if outline is None else outline)
            self.end = seq


def _refusal(reason: backend.Forbidden | backend.Invalid) -> ProtocolError:
    if isinstance(reason, backend.Invalid):
        details = values.nearest(reason.details)
        return ProtocolError(ErrorCode.VALIDATION_ERROR, str(reason), details=details)
    if not isinstance(reason, backend.Forbidden):
        raise TypeError(f"The backend's `update` returned {reason!r:.200}; see `Outcome`")
    return ProtocolError(ErrorCode.FORBIDDEN, "You may not change this project")


def _receipts(project_id: int, requests: Sequence[UpdateRequest]) -> dict[tuple[int, str], Receipt]:
    keys = [r.idempotency_key for r in requests if r.idempotency_key is not None]
    if not keys:
        return {}
    user_ids = {r.user_id for r in requests}
    rows = Receipt.objects.filter(project_id=project_id, user_id__in=user_ids, key__in=keys)
    return {(row.user_id, row.key): row for row in rows}
