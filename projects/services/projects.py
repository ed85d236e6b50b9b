"""Create, update and delete projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from projects import access, quotas, validation
from projects.errors import NotAllowed, ProjectError, ProjectNotFound
from projects.models import Membership, Project, Role
from realtime import merge_patch, rooms
from realtime.rooms import Updated

Changes = dict[str, Any]


class ProjectUpdate(NamedTuple):
    user_id: int
    data: dict[str, Any]


@transaction.atomic
def create_project(*, user: User, data: dict[str, Any]) -> Project:
    """Create a project that the user owns.

    Raises:
        Invalid, LimitReached
    """
    quotas.check_projects(user.pk)
    fields = validation.clean(data, partial=False)
    fields["content"] = merge_patch.apply({}, fields["content"])
    project = Project.objects.create(updated_by=user, **fields)
    Membership.objects.create(project=project, user=user, role=Role.OWNER)
    return project


def lock_project(*, project_id: int) -> Project:
    """Lock a project until the transaction ends, and return it.

    Raises:
        ProjectNotFound
    """
    try:
        return Project.objects.select_for_update().get(pk=project_id)
    except Project.DoesNotExist:
        raise ProjectNotFound from None


def lock_projects(*, project_ids: Collection[int]) -> dict[int, Project]:
    """Lock projects until the transaction ends; return those that exist, by id."""
    rows = Project.objects.select_for_update().order_by("pk")
    return {project.pk: project for project in rows.filter(pk__in=project_ids)}


@contextmanager
def locked_for(user: User, *allowed: Role, project_id: int) -> Iterator[Project]:
    """Run a transaction with the project locked, for a user with one of these roles.

    The role is checked before the transaction, so that a stranger does not wait for a lock, or
    learn by waiting that the project exists; and again under the lock, as it may have ended.

    Raises:
        ProjectNotFound, NotAllowed
    """
    access.require(project_id, user.pk, *allowed)
    with transaction.atomic():
        project = lock_project(project_id=project_id)
        access.require(project_id, user.pk, *allowed)
        yield project


def update_project(*, user: User, project_id: int, data: dict[str, Any]) -> Changes:
    """Update a project's fields; `content` is a merge patch. Return the values that changed.

    Raises:
        ProjectNotFound: also if the user may not see it.
        NotAllowed
        Invalid
    """
    with locked_for(user, *access.EDITORS, project_id=project_id) as project:
        [outcome] = update_locked_project(project=project, updates=[ProjectUpdate(user.pk, data)])
    if isinstance(outcome, ProjectError):
        raise outcome
    return outcome.changes


def update_locked_project(
    *, project: Project, updates: Sequence[ProjectUpdate]
) -> list[Updated | ProjectError]:
    """Make several updates one after the other, with one save; each has its own outcome.

    `project` must come from `lock_project` in the present transaction.
    """
    user_ids = {update.user_id for update in updates}
    memberships = project.memberships.filter(user_id__in=user_ids)
    roles = access.roles(access.role_rows(memberships))
    found = [
        _update(project, roles.get((project.pk, update.user_id)), update) for update in updates
    ]
    made = iter(save_changes(project, [one for one in found if isinstance(one, Change)]))
    return [
        one if isinstance(one, ProjectError) else next(made) if one else Updated() for one in found
    ]


class Change(NamedTuple):
    """Hold the changes of one update that is not saved yet."""

    user_id: int
    changes: Changes
    before: Changes
    """The values that the changes replaced, in the same shape."""


def _update(
    project: Project, role: Role | None, update: ProjectUpdate
) -> Change | ProjectError | None:
    if role is None:
        return ProjectNotFound()
    if not role.may_edit:
        return NotAllowed()
    try:
        return change(project, update)
    except ProjectError as error:
        return error


def change(project: Project, update: ProjectUpdate) -> Change | None:
    """Change a project in memory, all of it or nothing. Return the changes.

    Raises:
        Invalid
    """
    fields = validation.clean(update.data, partial=True)
    patch = fields.pop("content", {})
    changes = {name: value for name, value in fields.items() if getattr(project, name) != value}
    before = {name: getattr(project, name) for name in changes}
    if content := merge_patch.effective(project.content, patch):
        merged = merge_patch.apply(project.content, content)
        validation.check_content(merged)
        changes["content"] = content
        before["content"] = merge_patch.before(project.content, content)
        project.content = merged
    for name in changes.keys() - {"content"}:
        setattr(project, name, changes[name])
    if not changes:
        return None
    project.updated_by_id = update.user_id
    return Change(update.user_id, changes, before)


def save_changes(project: Project, made: Sequence[Change]) -> list[Updated]:
    """Save the fields that updates changed, and append an event for each."""
    if not made:
        return []
    changed = {name for one in made for name in one.changes}
    project.save(update_fields=[*changed, "updated_by", "updated_at"])
    room = rooms.room_of(project)
    events = [
        rooms.updated(changes, actor_id=user_id, before=before) for user_id, changes, before in made
    ]
    return [Updated(event) for event in rooms.append_all({room: events})[room]]


def delete_project(*, user: User, project_id: int) -> None:
    """Delete a project; for owners.

    Raises:
        ProjectNotFound, NotAllowed
    """
    with locked_for(user, Role.OWNER, project_id=project_id) as project:
        delete_locked_project(project, actor_id=user.pk)


def delete_locked_project(project: Project, *, actor_id: int | None) -> None:
    room = rooms.room_of(project)
    project.delete()
    rooms.append_all({room: [rooms.deleted(actor_id=actor_id)]})
