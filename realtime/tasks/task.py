"""Define the base of tasks that a room sees: ``@shared_task(base=RoomTask, bind=True)``.

That one line shows a task's progress and result in the room that its argument names: `board_id` for
a room of kind `board`. An argument of another name is declared:
``@shared_task(base=RoomTask, room="board", key="card_board")``. A call without that argument, or
with None, belongs to no room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from inspect import signature
from typing import Any
from uuid import uuid4

from celery import current_app
from celery.contrib.django.task import DjangoTask
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.result import EagerResult
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, transaction

from realtime import conf
from realtime.events import values
from realtime.models import TaskState, alias
from realtime.protocol.room_id import RoomId, key_name
from realtime.rooms import actor, registry
from realtime.rooms.actor import Deferred, acting
from realtime.tasks import state as task_state
from realtime.tasks.progress import Report, Throttle

logger = logging.getLogger(__name__)

_warned: set[str] = set()
"""Tasks whose calls without a room were logged already."""
_STARTER = "realtime_user_id"
"""The header of a message that names the user who started the task."""
_MAX_SUBJECT = 200
_MAX_TYPE = 100
"""Characters of their columns."""
_SEND_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


class TaskFailure(Exception):
    """Fail a task with a message for those in the room; they see no other exception's text."""


class RoomTask(DjangoTask):  # type: ignore[type-arg]
    """Show a task's progress and result in a room; the base class of a host's tasks."""

    abstract = True
    room = ""
    """The kind of the room; without it, the kind of which the task has the argument `<kind>_id`."""
    key = ""
    """The argument with the room's key; without it, `<kind>_id`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task; its edits are made by the user who started it."""
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        # `Task.__call__` would begin a request of its own, without the id of this one.
        with acting(Deferred(partial(_starter_of, self.request))):
            return self.run(*args, **kwargs)

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Start the task, as `delay` does, too, for the user who acts."""
        return super().apply_async(*args, **_with_starter(options))

    def enqueue(self, *, user_id: Any = None, subject: str = "", **kwargs: Any) -> str:
        """Start the task when the current transaction commits, and return its id now.

        If the broker cannot be reached, the task fails: the room is told, and nothing hangs.

        Args:
            user_id: the primary key of the user who starts it; without it, the user who acts.
            subject: the object it works on, such as "canvas 7", if one task of this type at a
                time is enough. While one is open, its id is returned and nothing is started.

        Raises:
            TooManyTasks: if the room, or this user, has as many open tasks as allowed.
            ValueError: if the arguments name no room, no user can have that id, or the subject is
                longer than 200 characters.
        """
        room = self.room_of((), kwargs)
        if room is None:
            names = " or ".join(name for _, name in self._keys())
            raise ValueError(f"{self.name} needs a room: give the key of one as {names}")
        if len(subject) > _MAX_SUBJECT:
            raise ValueError(f"A subject has {_MAX_SUBJECT} characters at most: {subject!r:.100}")
        request = task_state.Request(
            task_id=str(uuid4()),
            task_type=task_type(self),
            room=room,
            user_id=values.user_key(actor.actor_id() if user_id is None else user_id),
            subject=subject,
            queue=self._own_queue(),
        )
        task_id = task_state.admit(request)
        if task_id == request.task_id:
            transaction.on_commit(lambda: self._send(task_id, kwargs), using=alias())
        return task_id

    def _send(self, task_id: str, kwargs: dict[str, Any]) -> None:
        try:
            self.apply_async(
                kwargs=kwargs,
                task_id=task_id,
                retry=True,
                retry_policy=_SEND_POLICY,
                # Nobody here waits for the result. Otherwise Celery would subscribe to it, and wait
                # for a Redis that hangs. With the header the worker keeps the result all the same.
                ignore_result=True,
                headers={"ignore_result": bool(self.ignore_result)},
            )
        except Exception:  # the transaction is committed: its request must not fail
            logger.exception("A task could not be queued", extra={"action": "enqueue_failed"})
            with quietly():
                task_state.mark_failed(task_id, "The task could not be queued; try again")

    def _own_queue(self) -> str:
        """Return the queue that the task is sent to; empty if it is not known."""
        try:
            own = getattr(self, "queue", None)
            options = {"queue": own} if own else {}
            queue = self.app.amqp.router.route(options, self.name)["queue"]
            return str(getattr(queue, "name", queue))
        except Exception:  # noqa: BLE001  (a router may be the host's own code)
            return ""

    def room_of(self, args: Any, kwargs: Any) -> RoomId | None:
        """Return the room that a call's arguments name; None if they name none."""
        given = self._bound(args or (), kwargs or {})
        named = [(kind, key) for kind, key in self._keys() if key in given]
        if len(named) != 1:
            what = "arguments of several rooms" if named else "no argument with the key of a room"
            self._warn_once(f"has {what}, so its calls belong to none")
            return None
        [(kind, key)] = named
        room = registry.parse(kind, given[key])
        if room is None and given[key] is not None:
            self._warn_once(f"was called with a {key} that is no key: {given[key]!r}"[:300])
        return room

    def _keys(self) -> list[tuple[str, str]]:
        """Return the kinds of rooms that a call may name, each with its argument."""
        kinds = [self.room] if self.room else registry.kinds()
        return [(kind, self.key or key_name(kind)) for kind in kinds]

    def _bound(self, args: Any, kwargs: Any) -> dict[str, Any]:
        """Return the arguments of a call by name."""
        try:
            bound = signature(self.run).bind(*args, **kwargs)
        except (TypeError, ValueError):  # the call itself will fail, or has no signature to read
            return dict(kwargs)
        bound.apply_defaults()
        return {**bound.arguments, **kwargs}

    def _warn_once(self, words: str) -> None:
        if self.name not in _warned:
            _warned.add(self.name)
            message = '%s %s; name it with @shared_task(base=RoomTask, room="board", key="…")'
            logger.warning(message, self.name, words, extra={"action": "task_without_room"})

    def replace(self, sig: Any) -> Any:
        """Let other tasks do the rest, as Celery's `replace`; the room sees their end."""
        task_id = self.request.id
        # Before they are sent: the last of them may end before this task does.
        with quietly():
            if task_id is not None and not self.request.is_eager:
                task_state.mark_replaced(task_id)
                self._top_request().is_replaced = True
        return super().replace(sig)

    def apply(self, *args: Any, **options: Any) -> EagerResult[Any]:
        """Run in this process, as CELERY_TASK_ALWAYS_EAGER does.

        Raises:
            RuntimeError: on an event loop, where the ORM cannot be used.
        """
        if _on_event_loop():
            raise RuntimeError(
                f"{self.name} cannot run eagerly on an event loop; call it through sync_to_async"
            )
        return super().apply(*args, **_with_starter(options))

    def report_progress(self, percent: float, message: Any = "") -> None:
        """Send the task's progress to its room.

        Args:
            percent: 0 to 100; less than an earlier report counts as that report.
            message: shown beside it; 200 characters at most.

        Reports are sent at most every ``REALTIME["PROGRESS_INTERVAL"]`` seconds. One that is
        held back is sent with the next, or at the end of the task. Nothing is raised: an error
        is logged, and the task goes on.
        """
        with quietly():
            self._tell(self._throttle().offer(float(percent), str(message)))

    def flush_progress(self) -> None:
        """Send the report that is held back, if there is one."""
        with quietly():
            self._tell(self._throttle().flush())

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None, **kwargs: Any
    ) -> None:
        """Send the progress in Celery's own ``update_state(state="PROGRESS", meta=…)``, too.

        `meta` has `progress` or `percent`, or `current` and `total`; and `message` or `status`.
        """
        super().update_state(task_id, state, meta, **kwargs)
        if state == "PROGRESS" and task_id in (None, self.request.id) and isinstance(meta, dict):
            percent = _percent(meta)
            if percent is not None:
                self.report_progress(percent, meta.get("message", meta.get("status")) or "")

    def _top_request(self) -> Any:
        # Each run has its own request, even if threads share the task object.
        stacked: Any = self.request_stack.top
        return self.request if stacked is None else stacked

    def _throttle(self) -> Throttle:
        request = self._top_request()
        if not hasattr(request, "progress_throttle"):
            request.progress_throttle = Throttle(conf.get().PROGRESS_INTERVAL)
        throttle: Throttle = request.progress_throttle
        return throttle

    def _tell(self, report: Report | None) -> None:
        if report is not None and self.request.id is not None:
            task_state.record_progress(self.request.id, report)


def _with_starter(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a call with a header that names the user who acts."""
    headers = options.get("headers") or {}
    user_id = None if _STARTER in headers else _acting_now()
    return options if user_id is None else options | {"headers": {_STARTER: user_id, **headers}}


def _acting_now() -> str | None:
    """Return the key of the user who acts, as a header has it; None if nobody does."""
    user_id = None
    with quietly():
        if actor.is_named():
            # On an event loop the user of a session cannot be read.
            with suppress(SynchronousOnlyOperation):
                user_id = values.user_key(actor.actor_id())
        elif (task := current_app.current_task) is not None:
            # A worker starts the next task of a chain after the one that it follows.
            user_id = named_starter(task.request)
    return None if user_id is None else str(user_id)


def named_starter(request: Any) -> Any:
    """Return the key of the user whom the message of a task names; None if it names none."""
    with suppress(ValueError):
        return values.user_key((request.headers or {}).get(_STARTER))
    return None


def _starter_of(request: Any) -> Any:
    rows = TaskState.objects.filter(task_id=request.id)
    for user_id in rows.values_list("user_id", flat=True):
        return user_id
    return named_starter(request)  # of a task that belongs to no room


@contextmanager
def quietly() -> Iterator[None]:
    """Log errors raised inside: ours must not fail a task, or the call that starts it."""
    try:
        # A savepoint, if the task is in a transaction: a failed query would break it.
        is_inside = connections[alias()].in_atomic_block
        with transaction.atomic(using=alias()) if is_inside else nullcontext():
            yield
    except SoftTimeLimitExceeded:  # meant for the task; it is raised wherever the task is
        raise
    except Exception:
        logger.exception("Could not tell of a task", extra={"action": "task_signal"})


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def failure_text(exception: BaseException) -> str:
    """Return the error that members see, without internals; Celery logs the exception."""
    match exception:
        case TaskFailure():
            return str(exception)
        case WorkerLostError():
            return "The worker was lost"
        case TimeLimitExceeded() | SoftTimeLimitExceeded():
            return "It took too long"
        case _:
            return "The task failed; the server has logged why"


def task_type(task: Any) -> str:
    """Return a task's short name, such as `analyze_image_emotion`."""
    return str(task.name).rpartition(".")[2][:_MAX_TYPE]


def _percent(meta: dict[str, Any]) -> float | None:
    try:
        if "current" in meta and "total" in meta:
            return 100 * float(meta["current"]) / float(meta["total"])
        return float(meta.get("progress", meta.get("percent", "")))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
