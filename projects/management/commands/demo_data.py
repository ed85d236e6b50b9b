"""Make people and a project to try things with, only with DEBUG: `manage.py demo_data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.core.management.base import BaseCommand
from django.db import transaction

from config import redis
from projects import services
from projects.demo.people import OPERATOR, PASSWORD, PEOPLE
from projects.models import Project, Role

PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "demo"


class Command(BaseCommand):
    help = (
        "Make alice, bob, carol and dave, and a project of alice's. "
        "Changes nobody who is there already; does nothing without DEBUG."
    )

    @transaction.atomic
    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.DEBUG:
            self.stderr.write("Without DEBUG there is no demo data.")
            return
        alice, bob, carol, _dave = [self._user(name) for name in PEOPLE]
        if Project.objects.exists():
            return
        redis.ensure_running()  # or the room cannot be told, and says so
        project = services.create_project(
            user=alice,
            data={
                "title": "Demo project",
                "description": "Open this page twice, as alice and as bob, and edit.",
                "status": "active",
                "content": {"mood": "calm", "palette": "warm"},
            },
        )
        for member, role in ((bob, Role.EDITOR), (carol, Role.VIEWER)):
            services.add_member(user=alice, project_id=project.pk, member=member, role=role)
        for path in sorted(PHOTOGRAPHS.glob("*.jpg")):
            with path.open("rb") as file:
                services.add_canvas(
                    user=alice,
                    project_id=project.pk,
                    title=path.stem.replace("-", " ").capitalize(),
                    image=File(file, name=path.name),
                )

    def _user(self, username: str) -> User:
        """Return a user, new or already there; an existing one is not changed."""
        user = User.objects.filter(username=username).first()
        if user is not None:
            return user
        is_operator = username == OPERATOR
        return User.objects.create_user(
            username, password=PASSWORD, is_staff=is_operator, is_superuser=is_operator
        )
