"""Decide who may see and change a project, and read its state for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from functools import partial
from typing import Any

from django.db.models import QuerySet

from projects.errors import CanvasNotFound, NotAllowed, ProjectNotFound
from projects.models import Canvas, Membership, Project, Role
from realtime.rooms import AnyOf, Argument, CompiledQuery

UPDATABLE = ("title", "description", "status", "content")
EDITORS = tuple(role for role in Role if role.may_edit)


Row = tuple[Any, ...]


def role_rows(memberships: QuerySet[Membership]) -> QuerySet[Membership, Row]:
    """Return the query of the rows for `roles`.

    An unknown role, written past the ORM, grants nothing.
    """
    known = memberships.filter(role__in=Role.values).order_by()
    return known.values_list("project_id", "user_id", "role")


def roles(rows: Iterable[Row]) -> dict[tuple[int, int], Role]:
    """Return the roles that memberships give, by (project, user)."""
    return {(project_id, user_id): Role(role) for project_id, user_id, role in rows}


def roles_in(
    project_ids: Collection[int], user_ids: Collection[int]
) -> dict[tuple[int, int], Role]:
    """Return the roles of users in projects, by (project, user)."""
    return roles(_role_rows(project_ids, user_ids))


def watch_roles(project_ids: Collection[int], user_ids: Collection[int]) -> Callable[[], Hashable]:
    """Return a question whose answer changes whenever that of `roles_in` does."""
    return partial(_role_rows.fingerprint, tuple(project_ids), tuple(user_ids))


@CompiledQuery
def _role_rows(project_ids: Argument, user_ids: Argument) -> Any:
    return role_rows(
        Membership.objects.filter(AnyOf("project_id", project_ids), AnyOf("user_id", user_ids))
    )


def role(project_id: int, user_id: int) -> Role | None:
    """Return the role of a user in a project; None if they are no member."""
    memberships = Membership.objects.filter(project_id=project_id, user_id=user_id)
    return roles(role_rows(memberships)).get((project_id, user_id))


def may_see(project_id: int, user_id: int) -> bool:
    """Return True if a user is active and has a role in a project."""
    memberships = Membership.objects.filter(
        project_id=project_id, user_id=user_id, user__is_active=True
    )
    return bool(roles(role_rows(memberships)))


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
    """Return a canvas, if the user has one of these roles in its project.

    Raises:
        CanvasNotFound: also if they have no role at all, which takes the same query.
        NotAllowed
    """
    memberships = Membership.objects.filter(project__canvases__id=canvas_id, user_id=user_id)
    role = next(iter(roles(role_rows(memberships)).values()), None)
    if role is None:
        raise CanvasNotFound
    if role not in allowed:
        raise NotAllowed
    found = Canvas.objects.filter(pk=canvas_id).first()
    if found is None:
        raise CanvasNotFound
    return found


def state_rows(projects: QuerySet[Project]) -> QuerySet[Project, Row]:
    """Return the query of the rows for `snapshots`."""
    return projects.order_by().values_list("id", *UPDATABLE)


def snapshots(rows: Iterable[Row]) -> dict[int, dict[str, Any]]:
    """Return the states of projects as JSON."""
    return {row[0]: dict(zip(("id", *UPDATABLE), row, strict=True)) for row in rows}
