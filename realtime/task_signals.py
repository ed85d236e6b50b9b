"""From Celery's signals to the rooms.

In the pool's child come prerun, success, retry and ordinary failures; in the parent revoked,
and the failures of a lost worker or a hard time limit. Celery swallows what a handler raises,
so each logs it first. What no signal tells, `realtime.task_lease` finds out.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from celery import signals, states
from celery.exceptions import WorkerLostError
from django.db import connections

from realtime import task_lease, task_state
from realtime.task_lease import Keeper
from realtime.tasks import ProjectTask, failure_text, task_type

logger = logging.getLogger(__name__)

keeper = Keeper()


def _handler(receiver: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(receiver)
    def handle(**kwargs: Any) -> None:
        if not isinstance(kwargs["sender"], ProjectTask):
            return
        try:
            receiver(**kwargs)
        except Exception:
            logger.exception("Could not tell of a task", extra={"action": "task_signal"})

    return handle


@_handler
def on_prerun(*, sender: ProjectTask, task_id: str, kwargs: dict[str, Any], **_: Any) -> None:
    _note(sender, task_id, kwargs)
    task_state.started(task_id)
    keeper.hold(task_id)


def _note(task: ProjectTask, task_id: str, kwargs: dict[str, Any] | None) -> None:
    """Note a task that was not started by `enqueue`, if it belongs to a project."""
    project_id = (kwargs or {}).get("project_id")
    if type(project_id) is int:
        task_state.queued(
            task_id=task_id, task_type=task_type(task), project_id=project_id, user_id=None
        )


@_handler
def on_success(*, sender: ProjectTask, result: Any, **_: Any) -> None:
    sender.flush_progress()
    if sender.request.id is not None:
        task_state.completed(sender.request.id, result)


@_handler
def on_failure(*, task_id: str, exception: BaseException, **_: Any) -> None:
    _drop_stale_connection()
    if isinstance(exception, WorkerLostError):
        # Celery may not have learnt whether the child stored a result before.
        task_lease.settle(task_id, otherwise=failure_text(exception))
    else:
        task_state.failed(task_id, failure_text(exception))


def _drop_stale_connection() -> None:
    """Have a new connection in a parent process, whose own may be hours old.

    Not inside a transaction: an eager task may run in its caller's, in a TestCase for one.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


@_handler
def on_retry(*, request: Any, **_: Any) -> None:
    task_state.postponed(request.id)


@_handler
def on_postrun(*, task_id: str, state: str, retval: Any, **_: Any) -> None:
    keeper.release(task_id)
    # No other signal tells of these two.
    if state == states.IGNORED:
        task_state.failed(task_id, "It ended without a result")
    elif state == states.REJECTED and retval.requeue:
        task_state.postponed(task_id)


@_handler
def on_revoked(*, sender: ProjectTask, request: Any, expired: bool, **_: Any) -> None:
    _drop_stale_connection()
    _note(sender, request.id, request.kwargs)
    task_state.failed(request.id, "Expired" if expired else "Revoked")


signals.task_prerun.connect(on_prerun, dispatch_uid="realtime.prerun", weak=False)
signals.task_success.connect(on_success, dispatch_uid="realtime.success", weak=False)
signals.task_failure.connect(on_failure, dispatch_uid="realtime.failure", weak=False)
signals.task_retry.connect(on_retry, dispatch_uid="realtime.retry", weak=False)
signals.task_postrun.connect(on_postrun, dispatch_uid="realtime.postrun", weak=False)
signals.task_revoked.connect(on_revoked, dispatch_uid="realtime.revoked", weak=False)
