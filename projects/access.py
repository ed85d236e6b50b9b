"""Who may see and do what, and what they see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet

from projects.errors import CanvasNotFound, NotAllowed, ProjectNotFound
from projects.models import Canvas, Membership, Project, Role

UPDATABLE = ("title", "description", "status", "content")


def roles(memberships: QuerySet[Membership]) -> dict[tuple[int, int], Role]:
    """Return the roles that memberships give, by (project, user): one query.

    A role that is none, as somebody misspelled it past the ORM, gives its user none.
    """
    rows = memberships.filter(role__in=Role.values).order_by()
    return {
        (project_id, user_id): Role(role)
        for project_id, user_id, role in rows.values_list("project_id", "user_id", "role")
    }


def role(project_id: int, user_id: int) -> Role | None:
    """Return the role that a user has in a project; None for somebody who is no member."""
    found = roles(Membership.objects.filter(project_id=project_id, user_id=user_id))
    return found.get((project_id, user_id))


def require(project_id: int, user_id: int, *allowed: Role) -> None:
    """Refuse a user who has none of these roles.

    Raises:
        ProjectNotFound: if they have no role at all: existence is not told.
        NotAllowed
    """
    found = role(project_id, user_id)
    if found is None:
        raise ProjectNotFound
    if found not in allowed:
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
