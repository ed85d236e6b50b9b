"""Create, update and delete projects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from projects import access, quotas, validation
from projects.errors import Invalid, NotAllowed, ProjectError, ProjectNotFound
from projects.models import Membership, Project, Role
from realtime import merge_patch, rooms
from realtime.rooms import AnyOf, Argument, CompiledQuery, Operation, Updated

Changes = dict[str, Any]


TEXTS = ("description",)
"""Fields that people may edit at the same time."""


class ProjectUpdate(NamedTuple):
    user_id: int
    data: dict[str, Any]
    operations: Mapping[str, Operation] = {}
    """Changes of texts, by field."""


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


def lock_projects(*, project_ids: Collection[int], skip_locked: bool) -> dict[int, Project]:
    """Lock projects until the transaction ends; return those that exist, by id.

    With `skip_locked`, leave out those that somebody else has locked.
    """
    rows = _free_rows if skip_locked else _rows
    return {project.pk: project for project in rows.objects(project_ids)}


@CompiledQuery
def _rows(project_ids: Argument) -> Any:
    return Project.objects.select_for_update().filter(AnyOf("id", project_ids)).order_by("id")


@CompiledQuery
def _free_rows(project_ids: Argument) -> Any:
    rows = Project.objects.select_for_update(skip_locked=True)
    return rows.filter(AnyOf("id", project_ids)).order_by("id")


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
        [[outcome]] = update_locked_projects([(project, [ProjectUpdate(user.pk, data)])])
    if isinstance(outcome, ProjectError):
        raise outcome
    return outcome.changes


def update_locked_projects(
    pending: Iterable[tuple[Project, Sequence[ProjectUpdate]]],
) -> list[list[Updated | ProjectError]]:
    """Make the updates of several projects, each project's in order; each has its own outcome.

    The projects must come from `lock_projects` in the present transaction.
    """
    asked = list(pending)
    user_ids = {update.user_id for _, updates in asked for update in updates}
    roles = access.roles_in([project.pk for project, _ in asked], user_ids)
    found = [
        [_update(project, roles.get((project.pk, update.user_id)), update) for update in updates]
        for project, updates in asked
    ]
    saved = save_changes(
        (project, [one for one in each if isinstance(one, Change)])
        for (project, _), each in zip(asked, found, strict=True)
    )
    outcomes: list[list[Updated | ProjectError]] = []
    for (project, _), each in zip(asked, found, strict=True):
        made = iter(saved.get(project.pk, []))
        outcomes.append(
            [
                one if isinstance(one, ProjectError) else next(made) if one else Updated()
                for one in each
            ]
        )
    return outcomes


class Change(NamedTuple):
    """Hold the changes of one update that is not saved yet."""

    user_id: int
    changes: Changes
    before: Changes
    """The values that the changes replaced, in the same shape."""
    operations: Mapping[str, Operation]
    """Operations of the user on texts, by field; other changes of a text are values."""


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
    except rooms.Invalid as error:
        return Invalid(error.details)


def change(project: Project, update: ProjectUpdate) -> Change | None:
    """Change a project in memory, all of it or nothing. Return the changes.

    Raises:
        Invalid
    """
    texts = {name: getattr(project, name) for name in update.operations}
    data = update.data | rooms.apply_operations(texts, update.operations)
    fields = validation.clean(data, partial=True)
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
    return Change(update.user_id, changes, before, update.operations)


def save_changes(
    changed: Iterable[tuple[Project, Sequence[Change]]],
) -> dict[int, list[Updated]]:
    """Save the fields that updates changed, and append an event for each.

    Return those of each project, by id; one without changes is left out.
    """
    made = {project: changes for project, changes in changed if changes}
    if not made:
        return {}
    _save(made)
    events = rooms.append_all(
        {
            rooms.room_of(project): [
                rooms.updated(
                    changes,
                    actor_id=user_id,
                    before=before,
                    operations=rooms.text_changes(TEXTS, before, changes, operations),
                )
                for user_id, changes, before, operations in each
            ]
            for project, each in made.items()
        }
    )
    return {
        project.pk: [Updated(event) for event in events[rooms.room_of(project)]] for project in made
    }


def _save(made: Mapping[Project, Sequence[Change]]) -> None:
    names = {name for changes in made.values() for one in changes for name in one.changes}
    fields = [*sorted(names), "updated_by", "updated_at"]
    rooms.save_fields(list(made), fields)


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
