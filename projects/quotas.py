"""Limit the rows of one user and of one project: `QUOTAS = {...}` in Django's settings.

Each is counted under a lock, so that concurrent requests cannot pass it: the rows of a project
under the project's lock, those of a user under the user's, which is taken second.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Sum

from projects.errors import LimitReached
from projects.models import Canvas, Membership, Role


@dataclass(frozen=True)
class Quotas:
    """Hold the limits."""

    PROJECTS: int = 200
    """Projects that one user owns."""
    MEMBERS: int = 200
    """Members of one project."""
    CANVASES: int = 200
    """Canvases of one project."""
    UPLOADED_BYTES: int = 1024**3
    """Bytes of the images that one user uploaded and that are still there."""


def get() -> Quotas:
    return Quotas(**getattr(settings, "QUOTAS", {}))


def check_projects(user_id: int) -> None:
    """Refuse one project more to a user; they stay locked until the transaction ends.

    Raises:
        LimitReached
    """
    _lock_user(user_id)
    most = get().PROJECTS
    if Membership.objects.filter(user_id=user_id, role=Role.OWNER).count() >= most:
        raise LimitReached(f"A user may own {most} projects, and these are as many.")


def check_members(project_id: int) -> None:
    """Refuse one member more to a project that is locked.

    Raises:
        LimitReached
    """
    most = get().MEMBERS
    if Membership.objects.filter(project_id=project_id).count() >= most:
        raise LimitReached(f"A project may have {most} members, and these are as many.")


def check_canvases(project_id: int) -> None:
    """Refuse one canvas more to a project that is locked.

    Raises:
        LimitReached
    """
    most = get().CANVASES
    if Canvas.objects.filter(project_id=project_id).count() >= most:
        raise LimitReached(f"A project may have {most} canvases, and these are as many.")


def check_bytes(user_id: int, size: int) -> None:
    """Refuse an upload of that size to a user; they stay locked until the transaction ends.

    Raises:
        LimitReached
    """
    _lock_user(user_id)
    most = get().UPLOADED_BYTES
    held = Canvas.objects.filter(uploaded_by=user_id).aggregate(sum=Sum("image_bytes"))["sum"] or 0
    if held + size > most:
        raise LimitReached(f"The images of a user may have {most} bytes together.")


def _lock_user(user_id: int) -> None:
    # Rows that name the user can still be written: the lock is not for the key.
    User.objects.select_for_update(no_key=True).filter(pk=user_id).exists()
