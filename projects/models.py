"""Store a small creative tool: projects hold canvases, and people have roles in projects."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from projects import images


class Role(models.TextChoices):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"

    @property
    def may_edit(self) -> bool:
        return self is not Role.VIEWER


class Project(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        COMPLETED = "completed"
        ARCHIVED = "archived"

    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    content = models.JSONField(default=dict, blank=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title


class Membership(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="projects_one_role")
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


class Canvas(models.Model):
    """Store an uploaded image, and the results of its tasks."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="canvases")
    title = models.CharField(max_length=200)
    image = models.FileField(upload_to=images.new_name, validators=[images.check])
    image_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    analysis = models.JSONField(null=True, blank=True)
    soundscape = models.FileField(upload_to=images.new_sound_name, null=True, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "canvases"

    def __str__(self) -> str:
        return self.title
