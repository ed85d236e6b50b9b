"""Edits made anywhere reach the room, and late joiners find what is going on there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client as Browser
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from projects.models import Project
from realtime.db import threads
from realtime.models import Event
from realtime.tasks import state
from realtime.tasks.progress import Report
from tests.harness.rooms import project as project_room
from tests.harness.sockets import Message, Socket

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


async def run(job: Callable[[], T]) -> T:
    return await threads.write(job)


@pytest.fixture
async def alice() -> User:
    return await run(
        lambda: User.objects.create_superuser("alice", password="realtime")  # the admin's
    )


@pytest.fixture
async def project(alice: User) -> Project:
    return await run(lambda: services.create_project(user=alice, data={"title": "New"}))


async def connect(user: User) -> Socket:
    return await Socket.connect(str(await run(lambda: AccessToken.for_user(user))))


async def changes(socket: Socket) -> Message:
    return dict((await socket.until("project_updated"))["payload"]["changes"])


def through_rest(user: User, project: Project) -> None:
    client = APIClient()
    client.force_authenticate(user)
    answer = client.patch(f"/api/projects/{project.pk}/", {"title": "Edited"}, format="json")
    assert answer.status_code == 200


def through_the_admin(user: User, project: Project) -> None:
    browser = Browser()
    browser.force_login(user)
    form: dict[str, Any] = {
        "title": "Edited",
        "description": "",
        "status": "draft",
        "content": "{}",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
        "canvases-TOTAL_FORMS": "0",
        "canvases-INITIAL_FORMS": "0",
    }
    answer = browser.post(f"/admin/projects/project/{project.pk}/change/", form)
    assert answer.status_code == 302, answer.context["errors"]


def through_the_shell(user: User, project: Project) -> None:
    services.update_project(user=user, project_id=project.pk, data={"title": "Edited"})


@pytest.mark.parametrize("edit", [through_rest, through_the_admin, through_the_shell])
async def test_an_edit_reaches_the_room(
    alice: User, project: Project, edit: Callable[[User, Project], None]
) -> None:
    socket = await connect(alice)
    await socket.join(project.pk)
    await run(lambda: edit(alice, project))
    assert await changes(socket) == {"title": "Edited"}
    assert await socket.is_silent()
    await socket.disconnect()


async def test_what_is_rolled_back_is_never_shown(alice: User, project: Project) -> None:
    socket = await connect(alice)
    await socket.join(project.pk)

    @transaction.atomic
    def change_of_mind() -> None:
        through_the_shell(alice, project)
        transaction.set_rollback(True)

    await run(change_of_mind)
    await run(
        lambda: services.update_project(
            user=alice, project_id=project.pk, data={"description": "Meant"}
        )
    )
    updated = await socket.until("project_updated")
    assert (updated["seq"], updated["payload"]["changes"]) == (1, {"description": "Meant"})
    await socket.disconnect()


async def test_edits_of_different_fields_both_survive(alice: User, project: Project) -> None:
    bob = await run(lambda: User.objects.create_user("bob"))
    await run(lambda: project.memberships.create(user=bob, role="editor"))
    first, second = await connect(alice), await connect(bob)
    for socket in (first, second):
        await socket.join(project.pk)
    for number in range(10):
        await first.send(
            "update_project",
            {"project_id": project.pk, "data": {"content": {f"a{number}": number}}},
        )
        await second.send(
            "update_project",
            {"project_id": project.pk, "data": {"content": {f"b{number}": number}}},
        )
    seen = [[await changes(socket) for _ in range(20)] for socket in (first, second)]
    assert seen[0] == seen[1]
    await run(project.refresh_from_db)
    assert project.content == {f"{who}{n}": n for who in "ab" for n in range(10)}
    for socket in (first, second):
        await socket.disconnect()


async def test_who_joins_late_finds_the_tasks_that_run(alice: User, project: Project) -> None:
    def work() -> None:
        for task_id in ("running", "over", "waiting"):
            state.mark_queued(task_id=task_id, task_type="measure", room=project_room(project.pk))
        for task_id in ("running", "over"):
            state.mark_started(task_id)
        state.record_progress("running", Report(40, "Almost half"))
        state.record_progress("running", Report(30, "Out of order"))
        state.mark_completed("over", {})

    await run(work)
    socket = await connect(alice)
    ack = await socket.join(project.pk)
    assert {task["task_id"]: (task["progress"], task["message"]) for task in ack["tasks"]} == {
        "running": (40, "Almost half"),
        "waiting": (0, ""),
    }
    await run(lambda: state.mark_completed("running", {"answer": 42}))
    await run(lambda: state.mark_failed("running", "Too late"))
    await run(lambda: state.record_progress("running", Report(90, "Too late")))
    completed = await socket.until("task_completed")
    assert completed["payload"]["result"] == {"answer": 42}
    assert await socket.is_silent(), "one end, and nothing behind it"
    await socket.disconnect()


async def test_who_was_away_for_too_long_starts_anew(alice: User, project: Project) -> None:
    for _ in range(3):
        await run(lambda: through_the_shell(alice, project))
        await run(
            lambda: services.update_project(
                user=alice, project_id=project.pk, data={"title": "Other"}
            )
        )
    socket = await connect(alice)
    ack = await socket.join(project.pk, since=4)
    assert ack["recovered"]
    assert [(await socket.until("project_updated"))["seq"] for _ in range(2)] == [5, 6]
    await run(lambda: Event.objects.filter(seq__lte=5).delete())
    ack = await socket.join(project.pk, since=4)
    assert (ack["recovered"], ack["seq"], ack["project"]["title"]) == (False, 6, "Other")
    assert [m["type"] for m in socket.messages if "seq" in m] == []
    await socket.disconnect()
