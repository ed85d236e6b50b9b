"""Tasks on a canvas: one of a kind for each image, and refusals in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient

from projects import services
from projects.models import Canvas
from realtime.tasks import RoomTask, state
from tests.harness.pictures import picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were sent to the broker, which no worker is to run."""
    ids: list[str] = []

    def apply_async(_: Any, *, task_id: str, **__: Any) -> None:
        ids.append(task_id)

    monkeypatch.setattr(RoomTask, "apply_async", apply_async)
    return ids


@pytest.fixture
def canvas(settings: Settings, tmp_path: Path) -> Canvas:
    settings.MEDIA_ROOT = tmp_path
    alice = User.objects.create_user("alice")
    project = services.create_project(user=alice, data={"title": "Sea"})
    return services.add_canvas(user=alice, project_id=project.pk, title="Bay", image=picture())


@pytest.mark.django_db(transaction=True)
def test_of_one_image_one_task_of_a_kind_is_open(canvas: Canvas, sent: list[str]) -> None:
    client = APIClient()
    client.force_authenticate(User.objects.get())
    url = f"/api/canvases/{canvas.pk}"
    first, again = [client.post(f"{url}/analyze/") for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    other = client.post(f"{url}/compose/").json()
    assert sent == [first.json()["task_id"], other["task_id"]]
    state.mark_completed(sent[0], {})
    assert client.post(f"{url}/analyze/").json()["task_id"] not in sent[:2]


def test_beyond_the_bound_rest_answers_in_words(canvas: Canvas, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"MAX_OPEN_TASKS": 0}
    client = APIClient()
    client.force_authenticate(User.objects.get())
    answer = client.post(f"/api/canvases/{canvas.pk}/analyze/")
    assert (answer.status_code, answer.json()["detail"]) == (
        409, "0 tasks wait or run here already"
    )  # fmt: skip
