"""A task in whose place others come: traced here as a worker does it, with a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery.app.trace import build_tracer

from config.celery import app
from realtime.events import log
from realtime.models import TaskState
from realtime.tasks import lease
from realtime.tasks.queues import QueueProbe
from tests.harness.rooms import row
from tests.tasks import cases

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Celery's result backend calls it.
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),
]

PROJECT = 7


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    yield
    app.control.purge()


def run(task: Any, task_id: str, *args: Any, nesting: int = 0, **kwargs: Any) -> None:
    request = {"id": task_id, "is_eager": False, "replaced_task_nesting": nesting}
    build_tracer(task.name, task, app=app)(task_id, list(args), kwargs, request)


def told() -> list[tuple[str, Any]]:
    return [
        (event.type, event.payload.get("result", event.payload.get("error")))
        for event in log.tail(row(PROJECT), 0)
    ]


def test_the_id_lives_on_until_a_task_of_no_project_ends() -> None:
    run(cases.replaced, "r1", "task", project_id=PROJECT)
    assert (told(), TaskState.objects.get().state) == ([], TaskState.State.REPLACED)
    run(cases.half, "r1", 84, nesting=1)
    assert told() == [("task_completed", 42)]


def test_a_task_of_a_project_in_its_place_is_told_once() -> None:
    run(cases.replaced, "r2", "task of a project", project_id=PROJECT)
    run(cases.adopted, "r2", project_id=PROJECT, nesting=1)
    assert told() == [("task_completed", "as before")]
    assert TaskState.objects.get().task_type == "replaced"


def test_a_task_in_its_place_that_fails_has_failed() -> None:
    run(cases.replaced, "r3", "broken task", project_id=PROJECT)
    run(cases.breaks, "r3", 1, nesting=1)
    assert told() == [("task_failed", "The task failed; the server has logged why")]


@pytest.mark.parametrize("is_good", [True, False])
def test_what_no_signal_tells_of_a_chord_is_read_from_its_result(is_good: bool) -> None:
    run(cases.replaced, "r4", "chord", project_id=PROJECT)
    lease.sweep(QueueProbe())
    assert told() == []
    if is_good:
        app.backend.mark_as_done("r4", 42)
    else:
        app.backend.mark_as_failure("r4", ValueError("a secret"))
    lease.sweep(QueueProbe())
    assert told() == [
        ("task_completed", 42)
        if is_good
        else ("task_failed", "The task failed; the server has logged why")
    ]
    app.backend.forget("r4")
