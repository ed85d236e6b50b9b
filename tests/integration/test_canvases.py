"""A picture that is uploaded is told to the room."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from projects import services
from realtime.models import Event


def picture() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(file, "PNG")
    return SimpleUploadedFile("sea.png", file.getvalue(), "image/png")


@pytest.mark.django_db
def test_an_upload_is_an_event_without_the_url() -> None:
    alice = User.objects.create_user("alice")
    project = services.create_project(user=alice, data={"title": "Sea"})
    canvas = services.add_canvas(user=alice, project_id=project.pk, title="Bay", image=picture())
    event = Event.objects.get(project_id=project.pk, type="canvas_added")
    assert event.actor_id == alice.pk
    assert event.payload == {
        "project_id": project.pk,
        "canvas_id": canvas.pk,
        "title": "Bay",
        "added_by": str(alice.pk),
    }
