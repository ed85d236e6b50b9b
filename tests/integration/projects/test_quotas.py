"""How much one user, and one project, may hold."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections
from pytest_django import Settings
from rest_framework.test import APIClient

from projects import images, services
from projects.errors import LimitReached
from projects.models import Canvas, Membership, Project, Role
from tests.harness.pictures import upload

pytestmark = pytest.mark.django_db

Post = Callable[[APIClient, Project], Any]


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    return services.create_project(user=alice, data={"title": "Sea"})


def post_project(client: APIClient, _: Project) -> Any:
    return client.post("/api/projects/", {"title": "One more"}, format="json")


def post_canvas(client: APIClient, project: Project) -> Any:
    url = f"/api/projects/{project.pk}/canvases/"
    return client.post(url, {"image": upload()}, format="multipart")


def post_member(client: APIClient, project: Project) -> Any:
    User.objects.create_user("bob")
    url = f"/api/projects/{project.pk}/members/"
    return client.post(url, {"username": "bob"}, format="json")


BEYOND: dict[str, tuple[int, Post]] = {
    "PROJECTS": (1, post_project),
    "MEMBERS": (1, post_member),
    "CANVASES": (0, post_canvas),
    "UPLOADED_BYTES": (20, post_canvas),
}


@pytest.mark.parametrize("quota", BEYOND)
def test_what_goes_beyond_a_quota_is_refused_in_words(
    alice: User, project: Project, settings: Settings, quota: str
) -> None:
    most, post = BEYOND[quota]
    settings.QUOTAS = {quota: most}
    client = APIClient()
    client.force_authenticate(alice)
    answer = post(client, project)
    assert answer.status_code == 409
    what = quota.rpartition("_")[2].lower()
    assert f" {most} {what}" in answer.json()["detail"]
    assert (Project.objects.count(), Membership.objects.count(), Canvas.objects.count()) == (
        1,
        1,
        0,
    )


def test_nobody_is_made_an_owner_of_more_projects_than_they_may_own(
    alice: User, project: Project, settings: Settings
) -> None:
    bob = User.objects.create_user("bob")
    services.add_member(user=alice, project_id=project.pk, member=bob, role=Role.EDITOR)
    services.create_project(user=bob, data={"title": "Mine"})
    settings.QUOTAS = {"PROJECTS": 1}
    with pytest.raises(LimitReached):
        services.update_member(user=alice, project_id=project.pk, member_id=bob.pk, role=Role.OWNER)


def test_what_was_deleted_counts_no_more(alice: User, project: Project, settings: Settings) -> None:
    picture = images.read(upload())
    settings.QUOTAS = {"PROJECTS": 1, "UPLOADED_BYTES": picture.size, "CANVASES": 1}
    for _ in range(2):
        canvas = services.add_canvas(user=alice, project_id=project.pk, title="Bay", image=upload())
        assert canvas.image_bytes == canvas.image.size == picture.size
        services.remove_canvas(user=alice, canvas_id=canvas.pk)
    services.delete_project(user=alice, project_id=project.pk)
    services.create_project(user=alice, data={"title": "Again"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("quota", ["PROJECTS", "UPLOADED_BYTES", "CANVASES"])
def test_requests_that_come_together_do_not_pass_a_quota(
    alice: User, settings: Settings, quota: str
) -> None:
    """A canvas each in several projects, as the lock of a project does not help there."""
    projects = [services.create_project(user=alice, data={"title": "Sea"}) for _ in range(4)]
    content = images.read(upload()).read()
    settings.QUOTAS = {
        "PROJECTS": {"PROJECTS": 5},
        "UPLOADED_BYTES": {"UPLOADED_BYTES": len(content)},
        "CANVASES": {"CANVASES": 1},
    }[quota]
    together = Barrier(4, timeout=20)

    def add(project: Project) -> int:
        close_old_connections()
        together.wait()
        try:
            if quota == "PROJECTS":
                services.create_project(user=alice, data={"title": "One more"})
            else:
                place = projects[0] if quota == "CANVASES" else project
                services.add_canvas(
                    user=alice,
                    project_id=place.pk,
                    title="Bay",
                    image=images.Picture(content, "bay.png", **FIELDS),
                )
        except LimitReached:
            return 0
        finally:
            close_old_connections()
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(add, projects)) == 1


FIELDS: Any = {"format": "PNG", "width": 8, "height": 6}
