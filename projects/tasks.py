"""What Celery does for a project."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from projects import emotion, services, soundscape
from projects.models import Canvas
from realtime.tasks import ProjectTask, TaskFailure


@shared_task(base=ProjectTask, bind=True)
def analyze_image_emotion(self: ProjectTask, *, project_id: int, canvas_id: int) -> dict[str, Any]:
    """Find the emotion in a canvas's image, and keep it on the canvas."""
    canvas = Canvas.objects.get(pk=canvas_id, project_id=project_id)
    analysis = _analyze(self, canvas, share=100)
    return {"canvas_id": canvas_id, "status": "completed", **analysis}


@shared_task(base=ProjectTask, bind=True)
def compose_soundscape(self: ProjectTask, *, project_id: int, canvas_id: int) -> dict[str, Any]:
    """Turn the emotion of a canvas into a short sound, and keep it on the canvas."""
    canvas = Canvas.objects.get(pk=canvas_id, project_id=project_id)
    analysis = canvas.analysis or _analyze(self, canvas, share=40)
    start = 0 if canvas.analysis else 40
    sound = bytearray()
    for done, wav in soundscape.compose(analysis):
        sound += wav
        self.report_progress(start + (100 - start) * done, "Processing audio...")
    services.save_soundscape(canvas_id=canvas_id, wav=bytes(sound))
    return {"canvas_id": canvas_id, "status": "completed", "seconds": soundscape.SECONDS}


def _analyze(task: ProjectTask, canvas: Canvas, *, share: float) -> dict[str, Any]:
    analysis: dict[str, Any] = {}
    try:
        with canvas.image.open() as file:
            for done, figures in emotion.analyze(file):
                analysis = figures
                task.report_progress(share * done, "Analyzing image...")
    except emotion.Unreadable as error:
        raise TaskFailure(str(error)) from error
    services.save_analysis(canvas_id=canvas.pk, analysis=analysis)
    return analysis
