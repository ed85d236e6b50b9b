"""Who may see and do what, and what they see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from projects.errors import CanvasNotFound, NotAllowed, ProjectNotFound
from projects.models import Canvas, Membership, Project, Role

UPDATABLE = ("title", "description", "status", "content")


def roles(project_ids: Collection[int], user_ids: Collection[int]) -> dict[tuple[int, int], Role]:
    """Return the roles that any of the users have in any of the projects, by (project, user).

    A role that is none, as somebody misspelled it past the ORM, gives its user none.
    """
    rows = Membership.objects.filter(
        project_id__in=project_ids, user_id__in=user_ids, role__in=Role.values
    )
    return {
        (project_id, user_id): Role(role)
        for project_id, user_id, role in rows.values_list("project_id", "user_id", "role")
    }


def require(project_id: int, user_id: int, *allowed: Role) -> None:
    """Refuse a user who has none of these roles.

    Raises:
        ProjectNotFound: if they have no role at all: existence is not told.
        NotAllowed
    """
    role = roles([project_id], [user_id]).get((project_id, user_id))
    if role is None:
        raise ProjectNotFound
    if role not in allowed:
        raise NotAllowed


def canvas(canvas_id: int, user_id: int, *allowed: Role) -> Canvas:
    """Return a canvas, to a user who has one of these roles in its project.

    Raises:
        CanvasNotFound: also if they have no role at all.
        NotAllowed
    """
    found = Canvas.objects.filter(pk=canvas_id).first()
    if found is None:
        raise CanvasNotFound
    try:
        require(found.project_id, user_id, *allowed)
    except ProjectNotFound:
        raise CanvasNotFound from None
    return found


def snapshots(project_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return the states of those projects that exist, as JSON: one query."""
    rows = Project.objects.filter(pk__in=project_ids).order_by()
    return {row["id"]: dict(row) for row in rows.values("id", *UPDATABLE)}
