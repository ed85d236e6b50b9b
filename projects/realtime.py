"""Serve the rooms of `realtime` with projects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from projects import access, errors, services
from projects.models import Membership, Project, Role
from realtime.rooms import (
    Access,
    AnyOf,
    Argument,
    CompiledQuery,
    Forbidden,
    Invalid,
    Outcome,
    ProjectNotFound,
    Update,
    Updated,
)

_ACCESS = {role: Access(role.value, role.may_edit) for role in Role}


class ProjectBackend:
    """Implement `realtime.rooms.Backend` with the services."""

    model = Project

    def access(
        self, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        roles = access.roles(_roles(project_ids, user_ids))
        return {place: _ACCESS[role] for place, role in roles.items()}

    def snapshots(self, project_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        return access.snapshots(_states(project_ids))

    def lock(self, project_id: int) -> Project:
        try:
            return services.lock_project(project_id=project_id)
        except errors.ProjectNotFound:
            raise ProjectNotFound from None

    def update(self, locked: Project, updates: Sequence[Update]) -> list[Outcome]:
        outcomes = services.update_locked_project(
            project=locked,
            updates=[services.ProjectUpdate(user_id, data) for user_id, data in updates],
        )
        return [_translated(outcome) for outcome in outcomes]


@CompiledQuery
def _roles(project_ids: Argument, user_ids: Argument) -> Any:
    memberships = Membership.objects.filter(
        AnyOf("project_id", project_ids), AnyOf("user_id", user_ids)
    )
    return access.role_rows(memberships)


@CompiledQuery
def _states(project_ids: Argument) -> Any:
    return access.state_rows(Project.objects.filter(AnyOf("id", project_ids)))


def _translated(outcome: Updated | errors.ProjectError) -> Outcome:
    match outcome:
        case errors.Invalid():
            return Invalid(outcome.details)
        case errors.ProjectError():
            return Forbidden()
        case _:
            return outcome
