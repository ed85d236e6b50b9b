"""Write as staff, whatever their role in the project: for the admin and the shell.

The verbs are those of `projects.services`, without the check of the role.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import transaction

from projects import files, validation
from projects.models import Canvas, Role
from projects.services import canvases, members, projects
from projects.services.projects import Changes, ProjectUpdate
from realtime import merge_patch


@transaction.atomic
def update_project(*, user: User, project_id: int, data: dict[str, Any]) -> Changes:
    """Update a project's fields; `content` replaces the old one as a whole.

    Raises:
        ProjectNotFound
        Invalid
    """
    project = projects.lock_project(project_id=project_id)
    if "content" in data:
        content = validation.clean({"content": data["content"]}, partial=True)["content"]
        data = data | {"content": merge_patch.difference(project.content, content)}
    change = projects.change(project, ProjectUpdate(user.pk, data))
    if change is None:
        return {}
    projects.save_changes([(project, [change])])
    return change.changes


@transaction.atomic
def delete_project(*, project_id: int, actor_id: int | None) -> None:
    """Delete a project.

    Raises:
        ProjectNotFound
    """
    project = projects.lock_project(project_id=project_id)
    projects.delete_locked_project(project, actor_id=actor_id)


@transaction.atomic
def update_member(
    *, project_id: int, user_id: int, role: Role | None, actor_id: int | None
) -> None:
    """Give a user a role in a project, a member already or not; None removes them.

    Raises:
        ProjectNotFound, LimitReached
        NotAllowed: if the project would have no owner any more.
    """
    projects.lock_project(project_id=project_id)
    members.set_role(project_id=project_id, user_id=user_id, role=role, actor_id=actor_id)


def add_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an uploaded image; its title is validated.

    Raises:
        Invalid, images.Busy: see `canvases.read_image`.
    """
    picture = canvases.read_image(image)  # before the transaction, as it may take seconds
    with files.undone_together(), transaction.atomic():
        return canvases.attach(user, project_id, title, picture)


def update_canvas(
    *, user: User, canvas_id: int, title: str, image: File[bytes] | None = None
) -> Canvas:
    """Give a canvas another title or image.

    Raises:
        CanvasNotFound
        Invalid, images.Busy: see `canvases.read_image`.
    """
    picture = None if image is None else canvases.read_image(image)
    with files.undone_together(), transaction.atomic():
        canvas = canvases.lock_canvas(canvas_id)
        canvases.rename(canvas, title, user)
        if picture is not None:
            canvases.replace_image(canvas, picture, user)
        return canvas


@transaction.atomic
def remove_canvas(*, user: User, canvas_id: int) -> None:
    """Delete a canvas, and its files on commit.

    Raises:
        CanvasNotFound
    """
    canvases.detach(canvases.lock_canvas(canvas_id), user)
