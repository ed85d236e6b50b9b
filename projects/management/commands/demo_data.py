"""`manage.py demo_data`: people and a project to try things with; only with DEBUG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.core.management.base import BaseCommand
from django.db import transaction

from projects import services
from projects.models import Canvas, Membership, Project, Role

PEOPLE = ("alice", "bob", "carol", "dave")
PASSWORD = "realtime"  # noqa: S105  (public, and only made with DEBUG)
PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "demo"


class Command(BaseCommand):
    help = "Make alice, bob, carol and dave, and a project of alice's; does nothing without DEBUG."

    @transaction.atomic
    def handle(self, *_: Any, **__: Any) -> None:
        if not settings.DEBUG:
            self.stderr.write("Without DEBUG there is no demo data.")
            return
        alice, bob, carol, _dave = [self._user(name) for name in PEOPLE]
        User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
        if Project.objects.exists():
            return
        project = services.create_project(
            user=alice,
            data={
                "title": "Demo project",
                "description": "Open this page twice, as alice and as bob, and edit.",
                "status": "active",
                "content": {"mood": "calm", "palette": "warm"},
            },
        )
        for user, role in ((bob, Role.EDITOR), (carol, Role.VIEWER)):
            Membership.objects.create(project=project, user=user, role=role)
        for path in sorted(PHOTOGRAPHS.glob("*.jpg")):
            with path.open("rb") as file:
                Canvas.objects.create(
                    project=project,
                    title=path.stem.replace("-", " ").capitalize(),
                    image=File(file, name=path.name),
                    uploaded_by=alice,
                )

    def _user(self, username: str) -> User:
        user, is_new = User.objects.get_or_create(username=username)
        if is_new:
            user.set_password(PASSWORD)
            user.save()
        return user
