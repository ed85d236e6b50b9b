"""Celery tasks that belong to a project: ``@shared_task(base=ProjectTask, bind=True)``.

That one line makes a task's progress and result visible in the project's room. The task takes
the keyword argument `project_id`; without one in a call, that call belongs to no room.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import uuid4

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.result import EagerResult
from django.db import transaction
from kombu.exceptions import OperationalError

from realtime import conf, task_state
from realtime.models import alias
from realtime.progress import Report, Throttle

logger = logging.getLogger(__name__)

_SEND_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


class TaskFailure(Exception):
    """Fails a task with words for the people in its project; of other exceptions they see none."""


class ProjectTask(Task):  # type: ignore[type-arg]
    abstract = True

    def enqueue(self, *, user_id: int | None = None, **kwargs: Any) -> str:
        """Start the task when the current transaction commits, and return its id now.

        Where the broker cannot be reached, the task fails: the room is told, nothing hangs.
        """
        task_id = str(uuid4())
        task_state.queued(
            task_id=task_id,
            task_type=task_type(self),
            project_id=kwargs["project_id"],
            user_id=user_id,
        )
        transaction.on_commit(lambda: self._send(task_id, kwargs), using=alias())
        return task_id

    def _send(self, task_id: str, kwargs: dict[str, Any]) -> None:
        try:
            self.apply_async(kwargs=kwargs, task_id=task_id, retry=True, retry_policy=_SEND_POLICY)
        except OperationalError:
            logger.exception("The broker cannot be reached", extra={"action": "enqueue_failed"})
            task_state.failed(task_id, "The task could not be queued; try again")

    def apply(self, *args: Any, **kwargs: Any) -> EagerResult[Any]:
        """Run here and now, as CELERY_TASK_ALWAYS_EAGER does.

        Raises:
            RuntimeError: on an event loop: Django and this module would fail in the middle.
        """
        if _on_event_loop():
            raise RuntimeError(
                f"{self.name} cannot run eagerly on an event loop; call it through sync_to_async"
            )
        return super().apply(*args, **kwargs)

    def report_progress(self, percent: float, message: str = "") -> None:
        """Tell the room how far the task is.

        Args:
            percent: 0 to 100; what falls behind an earlier report counts as that one.
            message: shown beside it; 200 characters at most.

        Reports are told at most every ``REALTIME["PROGRESS_INTERVAL"]`` seconds. One that is
        held back is told with the next, or at the end of the task. One that cannot be told is
        logged: whatever goes wrong with it, the task goes on.
        """
        try:
            self._tell(self._throttle().offer(percent, message))
        except SoftTimeLimitExceeded:  # raised wherever the task is just then, and meant for it
            raise
        except Exception:
            extra = {"action": "progress", "task_id": self.request.id}
            logger.exception("Could not tell of progress", extra=extra)

    def flush_progress(self) -> None:
        """Tell the report that is held back, if there is one."""
        self._tell(self._throttle().flush())

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None, **kwargs: Any
    ) -> None:
        """Celery's own way to report works too: ``update_state(state="PROGRESS", meta=…)``.

        `meta` has `progress` or `percent`, or `current` and `total`; and `message` or `status`.
        """
        super().update_state(task_id, state, meta, **kwargs)
        if state == "PROGRESS" and task_id in (None, self.request.id) and isinstance(meta, dict):
            percent = _percent(meta)
            if percent is not None:
                self.report_progress(percent, meta.get("message", meta.get("status")) or "")

    def _throttle(self) -> Throttle:
        # The request is new in every run, also where threads share the task object.
        stacked: Any = self.request_stack.top
        request: Any = self.request if stacked is None else stacked
        if not hasattr(request, "progress_throttle"):
            request.progress_throttle = Throttle(conf.get().PROGRESS_INTERVAL)
        throttle: Throttle = request.progress_throttle
        return throttle

    def _tell(self, report: Report | None) -> None:
        if report is not None and self.request.id is not None:
            task_state.progressed(self.request.id, report)


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def failure_text(exception: BaseException) -> str:
    """Return what a project's people are told: nothing of our inside, which Celery has logged."""
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
    return str(task.name).rpartition(".")[2]


def _percent(meta: dict[str, Any]) -> float | None:
    try:
        if "current" in meta and "total" in meta:
            return 100 * float(meta["current"]) / float(meta["total"])
        return float(meta.get("progress", meta.get("percent", "")))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
