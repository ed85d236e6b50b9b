"""Run the Celery tasks of a project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import shared_task

from projects import emotion, services, soundscape
from projects.errors import CanvasNotFound, LimitReached
from projects.models import Canvas
from realtime.tasks import RoomTask, TaskFailure, TooManyTasks

# The limits stand at the tasks, not in the settings: with a soft limit there, Celery starts the
# clock of a task's own shorter hard limit only after the soft one.
SOFT_LIMIT = 120
"""Seconds after which a task is told to end."""
HARD_LIMIT = 150
"""Seconds after which its process is killed."""

GONE = "The canvas was deleted"
MISSING = "The image file is missing"


def start(task: RoomTask, *, user_id: int, canvas: Canvas) -> str:
    """Start a task on a canvas, and return its id, or the id of an open one like it.

    Raises:
        LimitReached: if too many tasks are open in the project, or of the user.
    """
    try:
        return task.enqueue(
            user_id=user_id,
            subject=str(canvas.image.name),  # not the canvas, which may get another image
            project_id=canvas.project_id,
            canvas_id=canvas.pk,
        )
    except TooManyTasks as error:
        raise LimitReached(str(error)) from None


@shared_task(base=RoomTask, bind=True, soft_time_limit=SOFT_LIMIT, time_limit=HARD_LIMIT)
def analyze_image_emotion(self: RoomTask, *, project_id: int, canvas_id: int) -> dict[str, Any]:
    """Find the emotion in a canvas's image, and keep it on the canvas."""
    analysis = _analyze(self, _canvas(project_id, canvas_id), share=100)
    return {"canvas_id": canvas_id, "status": "completed", **analysis}


@shared_task(base=RoomTask, bind=True, soft_time_limit=SOFT_LIMIT, time_limit=HARD_LIMIT)
def compose_soundscape(self: RoomTask, *, project_id: int, canvas_id: int) -> dict[str, Any]:
    """Turn the emotion of a canvas into a short sound, and keep it on the canvas."""
    canvas = _canvas(project_id, canvas_id)
    analysis = canvas.analysis or _analyze(self, canvas, share=40)
    start = 0 if canvas.analysis else 40
    sound = b""
    for done, sound in soundscape.compose(analysis):  # noqa: B007  (the last one is kept)
        self.report_progress(start + (100 - start) * done, "Processing audio...")
    with _told():
        services.save_soundscape(canvas_id=canvas_id, wav=sound)
    return {"canvas_id": canvas_id, "status": "completed", "seconds": soundscape.SECONDS}


def _canvas(project_id: int, canvas_id: int) -> Canvas:
    canvas = Canvas.objects.filter(pk=canvas_id, project_id=project_id).first()
    if canvas is None:
        raise TaskFailure(GONE)
    return canvas


def _analyze(task: RoomTask, canvas: Canvas, *, share: float) -> dict[str, Any]:
    analysis: dict[str, Any] = {}
    with _told(), canvas.image.open() as file:
        for done, figures in emotion.analyze(file):
            analysis = figures
            task.report_progress(share * done, "Analyzing image...")
        services.save_analysis(canvas_id=canvas.pk, analysis=analysis)
    return analysis


@contextmanager
def _told() -> Iterator[None]:
    """Tell people the failures that they can mend; all others are in the server's log only."""
    try:
        yield
    except CanvasNotFound:
        raise TaskFailure(GONE) from None
    except FileNotFoundError as error:
        raise TaskFailure(MISSING) from error
    except emotion.Unreadable as error:
        raise TaskFailure(str(error)) from error
