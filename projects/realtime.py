"""The one module that knows both sides: `projects` and `realtime`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.dispatch import receiver

from projects import access, errors, services, signals
from projects.models import Canvas, Membership, Project, Role
from realtime import rooms
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
)

_ACCESS = {role: Access(role.value, role.may_edit) for role in Role}


class ProjectBackend:
    """Serves `realtime` with projects; see `realtime.rooms.Backend`."""

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


def _translated(outcome: dict[str, Any] | errors.ProjectError) -> Outcome:
    match outcome:
        case errors.Invalid():
            return Invalid(outcome.details)
        case errors.ProjectError():
            return Forbidden()
        case _:
            return outcome


@receiver(signals.project_changed, dispatch_uid="projects.realtime.project_changed")
def log_changes(*, project_id: int, changes: Sequence[services.Change], **_: Any) -> None:
    """Put every change of a project into its log, in the transaction that makes it."""
    rooms.append(
        project_id,
        [
            rooms.Entry(
                "project_updated",
                {
                    "project_id": project_id,
                    "changes": changed,
                    "updated_by": "system" if user_id is None else str(user_id),
                },
                actor_id=user_id,
                before=before,
            )
            for user_id, changed, before in changes
        ],
    )


@receiver(signals.membership_changed, dispatch_uid="projects.realtime.membership_changed")
def log_membership(
    *,
    project_id: int,
    user_id: int,
    role: Role | None,
    before: Role | None,
    actor_id: int | None,
    **_: Any,
) -> None:
    payload = {"project_id": project_id, "user_id": user_id, "role": _name(role)}
    rooms.append(
        project_id,
        [rooms.Entry("member_changed", payload, actor_id, before={"role": _name(before)})],
    )


def _name(role: Role | None) -> str | None:
    return None if role is None else role.value


@receiver(signals.canvas_added, dispatch_uid="projects.realtime.canvas_added")
def log_canvas(*, canvas: Canvas, actor_id: int, **_: Any) -> None:
    """Tell the room of a picture. Its URL is not told: that is signed, and ends."""
    payload = {
        "project_id": canvas.project_id,
        "canvas_id": canvas.pk,
        "title": canvas.title,
        "added_by": str(actor_id),
    }
    rooms.append(canvas.project_id, [rooms.Entry("canvas_added", payload, actor_id)])


@receiver(signals.canvas_renamed, dispatch_uid="projects.realtime.canvas_renamed")
def log_canvas_title(*, canvas: Canvas, before: str, actor_id: int, **_: Any) -> None:
    payload = {
        "project_id": canvas.project_id,
        "canvas_id": canvas.pk,
        "title": canvas.title,
        "renamed_by": str(actor_id),
    }
    entry = rooms.Entry("canvas_renamed", payload, actor_id, before={"title": before})
    rooms.append(canvas.project_id, [entry])


@receiver(signals.canvas_replaced, dispatch_uid="projects.realtime.canvas_replaced")
def log_canvas_image(*, canvas: Canvas, actor_id: int, **_: Any) -> None:
    payload = {
        "project_id": canvas.project_id,
        "canvas_id": canvas.pk,
        "title": canvas.title,
        "replaced_by": str(actor_id),
    }
    rooms.append(canvas.project_id, [rooms.Entry("canvas_replaced", payload, actor_id)])


@receiver(signals.canvas_removed, dispatch_uid="projects.realtime.canvas_removed")
def log_canvas_removal(*, canvas: Canvas, actor_id: int, **_: Any) -> None:
    payload = {
        "project_id": canvas.project_id,
        "canvas_id": canvas.pk,
        "title": canvas.title,
        "removed_by": str(actor_id),
    }
    entry = rooms.Entry("canvas_removed", payload, actor_id, before={"title": canvas.title})
    rooms.append(canvas.project_id, [entry])


@receiver(signals.project_deleted, dispatch_uid="projects.realtime.project_deleted")
def log_deletion(*, project_id: int, actor_id: int | None, **_: Any) -> None:
    rooms.append(project_id, [rooms.Entry("project_deleted", {"project_id": project_id}, actor_id)])
