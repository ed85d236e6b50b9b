"""A program of the host beside its servers: `python -m tests.soak.staff`.

It writes as a shell, a management command or a cron job does, through the services. Each line of
its input is an order, `{"do": name, ...}`, and gets a line of output, `{"ok": …}` or
`{"error": …}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import DatabaseError, close_old_connections, connection, transaction  # noqa: E402
from django.db.models import BigIntegerField, Max  # noqa: E402
from django.db.models.functions import Cast  # noqa: E402

from projects import services  # noqa: E402
from projects.models import Canvas, Project, Role  # noqa: E402
from projects.services import staff  # noqa: E402
from realtime.models import Event, TaskState  # noqa: E402
from tests.host.tasks import dawdle  # noqa: E402
from tests.soak.door import PASSWORD  # noqa: E402

FIELDS = ("title", "description", "status", "content")


def _alice() -> User:
    return User.objects.get(username="alice")


def set_up(usernames: list[str], projects: int) -> dict[str, Any]:
    """Make the users, and projects of alice's in which each of them is an editor."""
    users = [User.objects.create_user(name, password=PASSWORD) for name in usernames]
    made = []
    for number in range(projects):
        project = services.create_project(user=_alice(), data={"title": f"Project {number}"})
        for user in users:
            staff.update_member(
                project_id=project.pk, user_id=user.pk, role=Role.EDITOR, actor_id=None
            )
        made.append(project.pk)
    return {"users": {user.get_username(): user.pk for user in users}, "projects": made}


def edit(project_id: int, title: str) -> None:
    staff.update_project(user=_alice(), project_id=project_id, data={"title": title})


def set_active(user_id: int, is_active: bool) -> None:
    User.objects.filter(pk=user_id).update(is_active=is_active)


def set_role(project_id: int, user_id: int, role: str | None) -> None:
    staff.update_member(
        project_id=project_id,
        user_id=user_id,
        role=Role(role) if role else None,
        actor_id=_alice().pk,
    )


def start_task(project_id: int, seconds: float) -> str:
    with transaction.atomic():
        return dawdle.enqueue(user_id=_alice().pk, project_id=project_id, seconds=seconds)


def canvases() -> list[int]:
    return list(Canvas.objects.values_list("pk", flat=True))


def open_tasks() -> list[tuple[str, float]]:
    """Return the state of each open task, and when it was made."""
    tasks = TaskState.objects.filter(state__in=TaskState.OPEN)
    return [(state, at.timestamp()) for state, at in tasks.values_list("state", "created_at")]


def heads() -> dict[int, int]:
    rows = Event.objects.order_by().values_list("room__key").annotate(head=Max("seq"))
    return {int(key): head for key, head in rows}


def dump() -> dict[str, Any]:
    """Return what there is to compare with what clients saw."""
    key = Cast("room__key", BigIntegerField())
    events = Event.objects.values_list(key, "seq", "type", "payload", "created_at")
    tasks = TaskState.objects.values_list("task_id", key, "state", "created_at", "updated_at")
    return {
        "events": [[*rest, at.timestamp()] for *rest, at in events],
        "projects": {row.pop("pk"): row for row in Project.objects.values("pk", *FIELDS)},
        "tasks": [[*rest, at.timestamp(), last.timestamp()] for *rest, at, last in tasks],
    }


ORDERS: dict[str, Callable[..., Any]] = {
    order.__name__: order
    for order in (
        *(set_up, edit, set_active, set_role, start_task),
        *(canvases, open_tasks, heads, dump),
    )
}


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        close_old_connections()
        try:
            answer = {"ok": ORDERS[order.pop("do")](**order)}
        except (DatabaseError, OSError) as error:
            connection.close()
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
