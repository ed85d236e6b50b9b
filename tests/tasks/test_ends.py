"""However a task ends, the room is told once, and no more than it should know."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.harness.client import Message
from tests.tasks.conftest import Tasks, Viewer

pytestmark = pytest.mark.any_database


async def test_one_line_is_all_it_takes(tasks: Tasks, viewer: Viewer) -> None:
    task_id = tasks.start("adopted", project_id=viewer.project_id)
    end = await viewer.end_of(task_id)
    assert end["type"] == "task_completed"
    payload = {"task_id": task_id, "task_type": "adopted", "result": "as before"}
    assert end["payload"] == payload


async def test_a_task_of_no_project_is_shown_to_nobody(tasks: Tasks, viewer: Viewer) -> None:
    task_id = tasks.start("without_project", 1)
    assert tasks.app.AsyncResult(task_id).get(timeout=30) == 2
    assert await viewer.client.drain() == []


async def test_edits_of_a_task_are_made_by_who_started_it(tasks: Tasks, viewer: Viewer) -> None:
    carol = 54321
    in_room: list[tuple[str, dict[str, Any]]] = [("", {}), ("", {"attempts": 2}), ("chain", {})]
    for how, given in in_room:
        task_id = str(uuid4())
        project = {"project_id": viewer.project_id}
        tasks.start("starts_for", carol, task_id, how, **project, **given)
        assert (await viewer.end_of(task_id))["payload"]["result"] == carol, (how, given)
    task_id = str(uuid4())
    tasks.start("starts_for", carol, task_id, "")
    assert tasks.app.AsyncResult(task_id).get(timeout=15) == carol


async def test_progress_is_throttled_and_rises_and_the_last_is_told(
    tasks: Tasks, viewer: Viewer
) -> None:
    await viewer.end_of(tasks.start("reports", project_id=viewer.project_id))
    percents = [percent for percent, _ in viewer.progress]
    assert percents[0] == 10, "the first at once"
    assert viewer.progress[-1] == (99, "At 99"), "the last always"
    assert percents == sorted(percents)
    assert len(percents) < 20, "of 42"


REFUSALS: list[tuple[str, str]] = [
    ("raises", "The task failed; the server has logged why"),
    ("gives_up", "There is nothing to analyse"),
    ("never_succeeds", "Tried in vain"),
    ("ignored", "It ended without a result"),
    ("rejected", "The task failed; the server has logged why"),
    ("softly_limited", "It took too long"),
    ("hardly_limited", "It took too long"),
]


@pytest.mark.parametrize(("name", "error"), REFUSALS)
async def test_a_task_that_fails(tasks: Tasks, viewer: Viewer, name: str, error: str) -> None:
    task_id = tasks.start(name, project_id=viewer.project_id)
    end = await viewer.end_of(task_id)
    assert end["type"] == "task_failed"
    assert end["payload"] == {"task_id": task_id, "task_type": name, "error": error}
    assert await viewer.client.drain() == [], "once"


@pytest.mark.parametrize(("name", "result"), [("retries", "at last"),
                                              ("rejected_once", "the second time")])  # fmt: skip
async def test_a_task_that_is_tried_again_ends_once(
    tasks: Tasks, viewer: Viewer, name: str, result: str
) -> None:
    end = await viewer.end_of(tasks.start(name, project_id=viewer.project_id))
    assert (end["type"], end["payload"]["result"]) == ("task_completed", result)
    percents = [percent for percent, _ in viewer.progress]
    assert percents == sorted(percents), "also over its attempts"
    assert await viewer.client.drain() == []
    assert [event["type"] for event in history(tasks, viewer)].count("task_completed") == 1


def history(tasks: Tasks, viewer: Viewer) -> list[Message]:
    events: list[Message] = tasks.stack.api("GET", f"projects/{viewer.project_id}/events/")[
        "events"
    ]
    return events


async def test_a_running_task_is_terminated(tasks: Tasks, viewer: Viewer) -> None:
    task_id = tasks.start("waits", project_id=viewer.project_id)
    assert (await viewer.of(task_id))["payload"]["message"] == "Waiting"
    tasks.app.control.revoke(task_id, terminate=True)
    end = await viewer.end_of(task_id)
    assert (end["type"], end["payload"]["error"]) == ("task_failed", "Revoked")
    assert await viewer.client.drain() == []


async def test_a_task_that_waits_is_revoked_or_expires(tasks: Tasks, viewer: Viewer) -> None:
    project_id = viewer.project_id
    revoked = tasks.start("adopted", project_id=project_id, options={"countdown": 3})
    tasks.app.control.revoke(revoked)
    end = await viewer.end_of(revoked)
    assert (end["type"], end["payload"]["error"]) == ("task_failed", "Revoked")
    late: dict[str, Any] = {"countdown": 2, "expires": 1}
    end = await viewer.end_of(tasks.start("adopted", project_id=project_id, options=late))
    assert (end["type"], end["payload"]["error"]) == ("task_failed", "Expired")


@pytest.mark.parametrize("value", [None, [1, {"a": "ü"}], {"n": 1.5}, "nul \0 here"], ids=str)
async def test_any_result_is_shown(tasks: Tasks, viewer: Viewer, value: Any) -> None:
    end = await viewer.end_of(tasks.start("returns", value, project_id=viewer.project_id))
    shown = value.replace("\0", "") if isinstance(value, str) else value
    assert end["payload"]["result"] == shown


@pytest.mark.parametrize(
    ("how", "result"),
    [
        ("task", 42),
        ("task of a project", "as before"),
        ("chain", 42),
        ("chord", 42),
        ("group", [1, 2]),
    ],
)
async def test_a_task_that_is_replaced_ends_with_its_replacement(
    tasks: Tasks, viewer: Viewer, how: str, result: Any
) -> None:
    task_id = tasks.start("replaced", how, project_id=viewer.project_id)
    end = await viewer.end_of(task_id)
    assert (end["type"], end["payload"].get("result")) == ("task_completed", result)
    assert end["payload"]["task_type"] == "replaced"
    assert await viewer.client.drain() == [], "once"


@pytest.mark.parametrize("how", ["broken task", "broken chord"])
async def test_a_task_whose_replacement_fails_has_failed(
    tasks: Tasks, viewer: Viewer, how: str
) -> None:
    end = await viewer.end_of(tasks.start("replaced", how, project_id=viewer.project_id))
    assert (end["type"], end["payload"]["error"]) == (
        "task_failed", "The task failed; the server has logged why"
    )  # fmt: skip
    assert await viewer.client.drain() == [], "once"


@pytest.mark.parametrize(
    ("name", "as_text"), [("by_position", False), ("by_position", True), ("of_another_name", False)]
)
async def test_the_project_may_be_given_by_position_under_another_name_and_as_text(
    tasks: Tasks, viewer: Viewer, name: str, as_text: bool
) -> None:
    project_id = str(viewer.project_id) if as_text else viewer.project_id
    end = await viewer.end_of(tasks.start(name, project_id))
    assert (end["type"], end["payload"]["result"]) == ("task_completed", "told")


async def test_values_that_django_knows_are_shown_as_django_writes_them(
    tasks: Tasks, viewer: Viewer
) -> None:
    task_id = tasks.start("returns_values_of_django", project_id=viewer.project_id)
    assert (await viewer.end_of(task_id))["payload"]["result"] == {
        "price": "1.10",
        "day": "2026-11-27",
        "id": "00000000-0000-0000-0000-000000000007",
    }
