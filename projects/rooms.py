"""Serve the rooms of `realtime` with projects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, TypedDict

from projects import access, errors, services
from projects.models import Membership, Project, Role
from realtime import rooms
from realtime.rooms import (
    Access,
    AnyOf,
    Argument,
    CompiledQuery,
    Forbidden,
    Invalid,
    Outcome,
    Pending,
    Updated,
)

_ACCESS = {role: Access(role.value, role.may_edit) for role in Role}


class ProjectState(TypedDict):
    """Describe the state that `access.snapshots` returns, for `manage.py realtime_types`."""

    id: int
    title: str
    description: str
    status: Literal["draft", "active", "completed", "archived"]
    content: dict[str, Any]


@rooms.register
class ProjectRoom(rooms.Room):
    """Serve a project's room with the services."""

    model = Project
    state_type = ProjectState

    def access(
        self, keys: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        roles = access.roles(_roles(keys, user_ids))
        return {place: _ACCESS[role] for place, role in roles.items()}

    def snapshots(self, keys: Collection[int]) -> dict[int, dict[str, Any]]:
        return access.snapshots(_states(keys))

    def lock(self, keys: Collection[int]) -> dict[int, Project]:
        return services.lock_projects(project_ids=keys)

    def update(self, pending: Mapping[int, Pending]) -> dict[int, list[Outcome]]:
        return {key: _update(*each) for key, each in pending.items()}


@CompiledQuery
def _roles(project_ids: Argument, user_ids: Argument) -> Any:
    memberships = Membership.objects.filter(
        AnyOf("project_id", project_ids), AnyOf("user_id", user_ids)
    )
    return access.role_rows(memberships)


@CompiledQuery
def _states(project_ids: Argument) -> Any:
    return access.state_rows(Project.objects.filter(AnyOf("id", project_ids)))


def _update(project: Project, updates: Collection[rooms.Update]) -> list[Outcome]:
    outcomes = services.update_locked_project(
        project=project,
        updates=[services.ProjectUpdate(user_id, data) for user_id, data in updates],
    )
    return [_translated(outcome) for outcome in outcomes]


def _translated(outcome: Updated | errors.ProjectError) -> Outcome:
    match outcome:
        case errors.Invalid():
            return Invalid(outcome.details)
        case errors.ProjectError():
            return Forbidden()
        case _:
            return outcome
