"""Serve the rooms of `realtime` with projects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, Literal, TypedDict

from projects import access, errors, services
from projects.models import Project, Role
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
    text = services.TEXTS
    state_type = ProjectState

    def access(
        self, keys: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        roles = access.roles_in(keys, user_ids)
        return {place: _ACCESS[role] for place, role in roles.items()}

    def watch_access(
        self, keys: Collection[int], user_ids: Collection[int]
    ) -> Callable[[], Hashable]:
        return access.watch_roles(keys, user_ids)

    def snapshots(self, keys: Collection[int]) -> dict[int, dict[str, Any]]:
        return access.snapshots(_states(keys))

    def titles(self, keys: Collection[int]) -> dict[int, str]:
        return dict(Project.objects.filter(pk__in=keys).values_list("pk", "title"))

    def lock(self, keys: Collection[int], *, skip_locked: bool = False) -> dict[int, Project]:
        return services.lock_projects(project_ids=keys, skip_locked=skip_locked)

    def update(self, pending: Mapping[int, Pending]) -> dict[int, list[Outcome]]:
        made = services.update_locked_projects(
            (project, [services.ProjectUpdate(*update) for update in updates])
            for project, updates in pending.values()
        )
        return {
            key: [_translated(outcome) for outcome in outcomes]
            for key, outcomes in zip(pending, made, strict=True)
        }


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
