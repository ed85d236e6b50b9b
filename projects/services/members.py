"""Add, update and remove the members of a project."""

from __future__ import annotations

from django.contrib.auth.models import User

from projects import access, quotas
from projects.errors import Invalid, MemberNotFound, NotAllowed
from projects.models import Membership, Role
from projects.services.projects import locked_for
from realtime import rooms


def add_member(*, user: User, project_id: int, member: User, role: Role) -> None:
    """Add a user to a project; for owners.

    Raises:
        ProjectNotFound, NotAllowed
        Invalid: if they are a member already; see `update_member`.
    """
    with locked_for(user, Role.OWNER, project_id=project_id):
        if access.role(project_id, member.pk):
            raise Invalid({"username": [f"{member.get_username()} is a member already."]})
        set_role(project_id=project_id, user_id=member.pk, role=role, actor_id=user.pk)


def update_member(*, user: User, project_id: int, member_id: int, role: Role) -> None:
    """Give a member another role; for owners.

    Raises:
        ProjectNotFound, MemberNotFound
        NotAllowed: also if the project would have no owner any more.
    """
    with locked_for(user, Role.OWNER, project_id=project_id):
        _require_member(project_id, member_id)
        set_role(project_id=project_id, user_id=member_id, role=role, actor_id=user.pk)


def remove_member(*, user: User, project_id: int, member_id: int) -> None:
    """Take a member's role away; for owners, and anybody may leave.

    Raises:
        ProjectNotFound, MemberNotFound
        NotAllowed: also if the project would have no owner any more.
    """
    allowed = Role if member_id == user.pk else [Role.OWNER]
    with locked_for(user, *allowed, project_id=project_id):
        _require_member(project_id, member_id)
        set_role(project_id=project_id, user_id=member_id, role=None, actor_id=user.pk)


def _require_member(project_id: int, user_id: int) -> None:
    if not access.role(project_id, user_id):
        raise MemberNotFound


def set_role(*, project_id: int, user_id: int, role: Role | None, actor_id: int | None) -> None:
    """Give a user a role in a locked project; None removes them.

    Raises:
        LimitReached
        NotAllowed: if the project would have no owner any more.
    """
    before = access.role(project_id, user_id)
    if before == role:
        return
    if before is None:
        quotas.check_members(project_id)
    if role is Role.OWNER:
        quotas.check_projects(user_id)
    if before is Role.OWNER and not _has_other_owner(project_id, user_id):
        raise NotAllowed("A project needs an owner.")
    if role is None:
        Membership.objects.filter(project_id=project_id, user_id=user_id).delete()
    else:
        Membership.objects.update_or_create(
            project_id=project_id, user_id=user_id, defaults={"role": role}
        )
    event = rooms.member_changed(user_id, role, actor_id=actor_id, role_before=before)
    rooms.append_all({rooms.RoomId("project", project_id): [event]})


def _has_other_owner(project_id: int, user_id: int) -> bool:
    """Return True if somebody else can still manage the project, with an active account."""
    owners = Membership.objects.filter(project_id=project_id, role=Role.OWNER, user__is_active=True)
    return owners.exclude(user_id=user_id).exists()
