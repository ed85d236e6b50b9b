"""Projects themselves: their fields, and whether there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from rest_framework import serializers

from projects import access, quotas, validation
from projects.errors import Invalid, NotAllowed, ProjectError, ProjectNotFound
from projects.models import Membership, Project, Role
from projects.signals import project_changed, project_deleted
from realtime import merge_patch

Changes = dict[str, Any]


class Change(NamedTuple):
    """What one update did."""

    user_id: int | None
    changes: Changes
    before: Changes
    """What the changes replaced, in the same shape."""


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
    """Return a project, locked until the transaction ends.

    Raises:
        ProjectNotFound
    """
    try:
        return Project.objects.select_for_update().get(pk=project_id)
    except Project.DoesNotExist:
        raise ProjectNotFound from None


@contextmanager
def locked_for(user: User, *allowed: Role, project_id: int) -> Iterator[Project]:
    """Run a transaction that has the project locked, for a user with one of these roles.

    The role is looked up before the transaction, so that a stranger waits for nobody's lock, nor
    learns by waiting that the project exists; and again under the lock, as it may have ended.

    Raises:
        ProjectNotFound, NotAllowed
    """
    access.require(project_id, user.pk, *allowed)
    with transaction.atomic():
        project = lock_project(project_id=project_id)
        access.require(project_id, user.pk, *allowed)
        yield project


def update_project(*, user: User, project_id: int, data: dict[str, Any]) -> Changes:
    """Update a project's fields; `content` is a merge patch. Return what really changed.

    Raises:
        ProjectNotFound: also if the user may not see it.
        NotAllowed
        Invalid
    """
    with locked_for(user, *access.EDITORS, project_id=project_id) as project:
        [outcome] = update_locked_project(project=project, updates=[ProjectUpdate(user.pk, data)])
    if isinstance(outcome, ProjectError):
        raise outcome
    return outcome


def update_locked_project(
    *, project: Project, updates: Sequence[ProjectUpdate]
) -> list[Changes | ProjectError]:
    """Make several updates one after the other, with one save: each has its own outcome.

    `project` is what `lock_project` returned in the transaction that is still open.
    """
    user_ids = {update.user_id for update in updates}
    memberships = project.memberships.filter(user_id__in=user_ids)
    roles = access.roles(access.role_rows(memberships))
    outcomes: list[Changes | ProjectError] = []
    made: list[Change] = []
    for user_id, data in updates:
        try:
            changes, before = _update(project, roles.get((project.pk, user_id)), data)
        except ProjectError as error:
            outcomes.append(error)
            continue
        outcomes.append(changes)
        if changes:
            project.updated_by_id = user_id
            made.append(Change(user_id, changes, before))
    _save(project, made)
    return outcomes


@transaction.atomic
def edit_project(*, user: User, project_id: int, data: dict[str, Any]) -> Changes:
    """Update a project as staff, whatever their role in it: the admin's way.

    `content` replaces the old one as a whole.

    Raises:
        ProjectNotFound
        Invalid
    """
    project = lock_project(project_id=project_id)
    if "content" in data:
        content = validation.clean({"content": data["content"]}, partial=True)["content"]
        data = data | {"content": merge_patch.difference(project.content, content)}
    changes, before = _update(project, Role.OWNER, data)
    if changes:
        project.updated_by = user
        _save(project, [Change(user.pk, changes, before)])
    return changes


def _update(project: Project, role: Role | None, data: dict[str, Any]) -> tuple[Changes, Changes]:
    """Change the project in memory; nothing of it if anything is wrong.

    Returns:
        What really changed, and what was there before.
    """
    if role is None:
        raise ProjectNotFound
    if not role.may_edit:
        raise NotAllowed
    fields = validation.clean(data, partial=True)
    patch = fields.pop("content", {})
    changes = {name: value for name, value in fields.items() if getattr(project, name) != value}
    before = {name: getattr(project, name) for name in changes}
    if content := merge_patch.effective(project.content, patch):
        merged = merge_patch.apply(project.content, content)
        try:
            validation.check_size(merged)
            validation.check_containers(merged)
        except serializers.ValidationError as error:
            raise Invalid({"content": [str(text) for text in error.args]}) from None
        changes["content"] = content
        before["content"] = merge_patch.before(project.content, content)
        project.content = merged
    for name in changes.keys() - {"content"}:
        setattr(project, name, changes[name])
    return changes, before


def _save(project: Project, made: list[Change]) -> None:
    if not made:
        return
    changed = {name for change in made for name in change.changes}
    project.save(update_fields=[*changed, "updated_by", "updated_at"])
    project_changed.send(sender=Project, project_id=project.pk, changes=made)


def delete_project(*, user: User, project_id: int) -> None:
    """Delete a project; for owners.

    Raises:
        ProjectNotFound, NotAllowed
    """
    with locked_for(user, Role.OWNER, project_id=project_id):
        remove_project(project_id=project_id, actor_id=user.pk)


@transaction.atomic
def remove_project(*, project_id: int, actor_id: int | None) -> None:
    """Delete a project, whoever asks: the admin's way.

    Raises:
        ProjectNotFound
    """
    lock_project(project_id=project_id).delete()
    project_deleted.send(sender=Project, project_id=project_id, actor_id=actor_id)
