"""The log and the tasks in the admin: to be read, not written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from realtime.models import Event, TaskState


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Each project's history: who changed what, and when."""

    list_display = ["project_id", "seq", "type", "payload", "actor", "created_at"]
    list_filter = ["type", "created_at"]
    search_fields = ["=project_id", "actor__username"]
    list_select_related = ["actor"]
    ordering = ["-id"]


@admin.register(TaskState)
class TaskStateAdmin(ReadOnlyAdmin):
    list_display = ["task_type", "project_id", "state", "progress", "message", "updated_at"]
    list_filter = ["state", "task_type"]
    search_fields = ["=task_id", "=project_id"]
    ordering = ["-created_at"]
