"""Images that cannot be analysed: the room is told why."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from PIL import Image

from projects import emotion, services, tasks
from projects.models import Canvas
from realtime.events import log
from realtime.tasks.task import RoomTask
from tests.harness.rooms import row

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def picture(width: int, height: int, mode: str, format_: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, format_)
    return file.getvalue()


BAD = {
    "not an image": (b"GIF89a nothing more", "This is not an image that can be read"),
    "text": (b"hello", "This is not an image that can be read"),
    "truncated": (picture(256, 256, "RGB", "JPEG")[:700], "The image is damaged"),
    "huge": (picture(8000, 6000, "1", "PNG"), "The image has more than 40,000,000 pixels"),
}


def add_canvas(content: bytes) -> Canvas:
    """Put in a file that no upload would let through; a copied database may have such."""
    alice = User.objects.create_user("alice")
    project = services.create_project(user=alice, data={"title": "Pictures"})
    fields: dict[str, Any] = {"width": 1, "height": 1}
    canvas = Canvas(project=project, title="Bad", uploaded_by=alice, **fields)
    canvas.image.name = canvas.image.storage.save("canvases/bad", ContentFile(content))
    Canvas.objects.bulk_create([canvas])
    return Canvas.objects.get()


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("task", [tasks.analyze_image_emotion, tasks.compose_soundscape])
def test_a_bad_image_fails_with_a_reason(name: str, task: Any) -> None:
    content, reason = BAD[name]
    canvas = add_canvas(content)
    task.apply(kwargs={"project_id": canvas.project_id, "canvas_id": canvas.pk})
    [event] = log.tail(row(canvas.project_id), 0)
    assert event.type == "task_failed"
    assert event.payload["error"] == reason
    assert Canvas.objects.get().analysis is None


@pytest.mark.parametrize("task", [tasks.analyze_image_emotion, tasks.compose_soundscape])
def test_a_missing_file_and_a_missing_canvas_are_told(task: Any) -> None:
    canvas = add_canvas(b"soon gone")
    canvas.image.storage.delete(str(canvas.image.name))
    kwargs = {"project_id": canvas.project_id, "canvas_id": canvas.pk}
    task.apply(kwargs=kwargs)
    Canvas.objects.all().delete()
    task.apply(kwargs=kwargs)
    errors = [event.payload["error"] for event in log.tail(row(canvas.project_id), 0)]
    assert errors == [tasks.MISSING, tasks.GONE]


@pytest.mark.parametrize("task", [tasks.analyze_image_emotion, tasks.compose_soundscape])
def test_a_canvas_that_is_deleted_in_mid_task_is_told(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = add_canvas(picture(64, 64, "RGB", "PNG"))
    analyze = emotion.analyze

    def analyze_and_delete(file: Any) -> Iterator[Any]:
        yield from analyze(file)
        Canvas.objects.all().delete()

    monkeypatch.setattr(emotion, "analyze", analyze_and_delete)
    task.apply(kwargs={"project_id": canvas.project_id, "canvas_id": canvas.pk})
    [event] = log.tail(row(canvas.project_id), 0)
    assert (event.type, event.payload["error"]) == ("task_failed", tasks.GONE)


def test_progress_of_both_tasks_is_told_with_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas = add_canvas(picture(64, 64, "RGB", "PNG"))
    told: list[tuple[float, str]] = []
    monkeypatch.setattr(RoomTask, "report_progress", lambda _self, *report: told.append(report))
    kwargs = {"project_id": canvas.project_id, "canvas_id": canvas.pk}
    tasks.compose_soundscape.apply(kwargs=kwargs)
    percents = [percent for percent, _ in told]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(told) > 30
    assert list(dict.fromkeys(words for _, words in told)) == [
        "Analyzing image...",
        "Processing audio...",
    ]
    made = Canvas.objects.get()
    assert made.analysis is not None
    assert made.analysis["label"] == "disdainful"
    with made.soundscape.open() as file, wave.open(file) as sound:
        assert sound.getnframes() > 0
