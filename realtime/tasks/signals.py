"""Handle Celery's signals: keep the states of tasks, and their leases.

The pool's child sends prerun, success, retry and ordinary failures; the parent sends received and
revoked, and the failures of a lost worker or a hard time limit. Celery swallows exceptions of
handlers, so each handler logs its own. `realtime.tasks.lease` covers what no signal reports.

A task that replaced another (Celery's `replace`) has its id, and may be of any class.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from celery import signals, states
from celery.exceptions import WorkerLostError
from django.db import connections

from realtime.tasks import lease
from realtime.tasks import state as task_state
from realtime.tasks.lease import LeaseKeeper, ReceivedLeaseKeeper
from realtime.tasks.task import RoomTask, failure_text, named_starter, quietly, task_type

keeper = LeaseKeeper(task_state.prolong)
"""Leases of the tasks that run in this process."""
received = ReceivedLeaseKeeper()
"""Leases of the tasks that this process, a worker's parent, has received."""


def _handler(receiver: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(receiver)
    def handle(**kwargs: Any) -> None:
        if _concerns_a_room(kwargs["sender"]):
            with quietly():
                receiver(**kwargs)

    return handle


def _concerns_a_room(task: Any) -> bool:
    if isinstance(task, RoomTask):
        return True
    request = getattr(task, "request", None)
    return bool(getattr(request, "replaced_task_nesting", 0))


@_handler
def on_prerun(*, sender: Any, task_id: str, args: Any, kwargs: Any, **_: Any) -> None:
    _note(sender, task_id, args, kwargs, user_id=named_starter(sender.request))
    task_state.mark_started(task_id)
    keeper.hold(task_id)


def _note(task: Any, task_id: str, args: Any, kwargs: Any, *, user_id: Any = None) -> None:
    """Record a task that was not started by `enqueue`, if it belongs to a room."""
    if not isinstance(task, RoomTask):
        return
    room = task.room_of(args, kwargs)
    if room is not None:
        task_state.mark_queued(
            task_id=task_id, task_type=task_type(task), room=room, user_id=user_id
        )


@_handler
def on_success(*, sender: Any, result: Any, **_: Any) -> None:
    if isinstance(sender, RoomTask):
        sender.flush_progress()
    if sender.request.id is not None:
        task_state.mark_completed(sender.request.id, result)


@_handler
def on_failure(*, task_id: str, exception: BaseException, **_: Any) -> None:
    _drop_stale_connection()
    if isinstance(exception, WorkerLostError):
        # The child may have stored a result before it died.
        lease.settle(task_id, otherwise=failure_text(exception))
    else:
        task_state.mark_failed(task_id, failure_text(exception))


def _drop_stale_connection() -> None:
    """Replace an unusable connection: a parent process may have kept it for hours.

    Not inside a transaction: an eager task may run in its caller's, as in a TestCase.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


@_handler
def on_retry(*, sender: Any, request: Any, **_: Any) -> None:
    task_state.mark_postponed(request.id, queue=_queue(sender, request))


def _queue(task: Any, request: Any) -> str:
    """Return the queue that a retried task returns to; empty if not known."""
    key = str((getattr(request, "delivery_info", None) or {}).get("routing_key") or "")
    queue = task.app.amqp.queues.get(key)
    return key if queue is not None and queue.routing_key == key else ""


@_handler
def on_postrun(*, sender: Any, task_id: str, state: str, retval: Any, **_: Any) -> None:
    keeper.release(task_id)
    # No other signal reports these two states.
    if state == states.IGNORED:
        if not getattr(sender.request_stack.top, "is_replaced", False):
            task_state.mark_failed(task_id, "It ended without a result")
    elif state == states.REJECTED and retval.requeue:
        task_state.mark_postponed(task_id, queue=_queue(sender, sender.request))


@_handler
def on_revoked(*, sender: Any, request: Any, expired: bool, **_: Any) -> None:
    _drop_stale_connection()
    _note(sender, request.id, request.args, request.kwargs)
    task_state.mark_failed(request.id, "Expired" if expired else "Revoked")


def on_received(*, request: Any, **_: Any) -> None:
    if isinstance(request.task, RoomTask):
        received.add(request)


signals.task_prerun.connect(on_prerun, dispatch_uid="realtime.prerun", weak=False)
signals.task_success.connect(on_success, dispatch_uid="realtime.success", weak=False)
signals.task_failure.connect(on_failure, dispatch_uid="realtime.failure", weak=False)
signals.task_retry.connect(on_retry, dispatch_uid="realtime.retry", weak=False)
signals.task_postrun.connect(on_postrun, dispatch_uid="realtime.postrun", weak=False)
signals.task_received.connect(on_received, dispatch_uid="realtime.received", weak=False)
signals.task_revoked.connect(on_revoked, dispatch_uid="realtime.revoked", weak=False)
