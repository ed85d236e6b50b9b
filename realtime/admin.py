"""Show rooms, their events and tasks to operators, and disconnect users."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join

from realtime import console
from realtime.auth import disconnections
from realtime.events import history
from realtime.events.describe import Difference
from realtime.models import Event, Room, TaskState
from realtime.rooms import hosts, keys, registry


class CheckedList(ChangeList):
    """Show all rows if the database cannot take a filter, as Django does for a wrong filter."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (ValueError, OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error


class CheckedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tell of a selection or a filter that names no row; Django alone would answer 500."""

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[CheckedList]:
        return CheckedList

    def response_action(  # type: ignore[override]
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponseBase | None:
        if not all(map(self._is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            messages.error(request, f"What was selected is no {self.opts.verbose_name}.")
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)

    def _is_key(self, text: str) -> bool:
        try:
            key = self.opts.pk.to_python(text)
        except (ValidationError, ValueError):
            return False
        return not isinstance(key, int) or abs(key) < 2**63


class ReadOnlyAdmin(CheckedAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WithPage(CheckedList):
    """Hand the rows of the page to the admin, which looks up the rest in one query for all."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.look_up(self.result_list)  # type: ignore[attr-defined]


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ["room", "title", "seq", "online", "running_tasks"]
    list_filter = ["kind"]
    search_fields = ["=key"]
    ordering = ["kind", "id"]

    @admin.display(ordering="id")
    def room(self, room: Room) -> str:
        return str(room)

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[WithPage]:
        return WithPage

    def look_up(self, rooms: list[Room]) -> None:
        ids = {room.pk: registry.parse(room.kind, room.key) for room in rooms}
        found = console.online([room_id for room_id in ids.values() if room_id is not None])
        running = console.running_tasks(rooms)
        titles = hosts.titles(found)
        for room in rooms:
            room_id = ids[room.pk]
            room.title = titles.get(room_id, "") if room_id else ""  # type: ignore[attr-defined]
            # Nobody can be in a room of a kind that is not registered any more.
            room.online = {} if room_id is None else found[room_id]  # type: ignore[attr-defined]
            room.running = running[room.pk]  # type: ignore[attr-defined]

    @admin.display
    def title(self, room: Any) -> str:
        return room.title or "–"

    @admin.display(description="online now")
    def online(self, room: Any) -> str:
        return "not known" if room.online is None else ", ".join(room.online.values()) or "–"

    @admin.display
    def running_tasks(self, room: Any) -> int:
        return int(room.running)

    def get_urls(self) -> list[URLPattern]:
        disconnect = self.admin_site.admin_view(self.disconnect)
        part = self.admin_site.admin_view(self.console)
        return [
            path("console/<str:kind>/<path:key>/", part, name="realtime_room_console"),
            path("disconnect/<path:user_id>/", disconnect, name="realtime_room_disconnect"),
            *super().get_urls(),
        ]

    def console(self, request: HttpRequest, kind: str, key: str) -> HttpResponse:
        """Return the console alone, by which a page that shows it is kept up to date."""
        room = registry.parse(kind, key)
        if room is None:
            raise Http404
        context = {"overview": console.overview(room, request.user), "request": request}
        return render(request, "realtime/console.html", context)

    def disconnect(self, request: HttpRequest, user_id: str) -> HttpResponse:
        users = get_user_model()
        if not console.may_disconnect(request.user):
            raise PermissionDenied
        key = keys.of_users().parse(user_id)
        if key is None:
            raise Http404
        user = get_object_or_404(users._default_manager, pk=key)
        if request.method == "POST":
            _disconnect(request, [user])
            rooms = reverse("admin:realtime_room_changelist", current_app=self.admin_site.name)
            return HttpResponseRedirect(rooms)
        context = {
            **self.admin_site.each_context(request),
            "title": "Disconnect a user",
            "username": user.get_username(),
        }
        return render(request, "admin/realtime/room/disconnect.html", context)


@admin.action(description="Disconnect selected users", permissions=["change"])
def disconnect_users(
    _: admin.ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> None:
    """Close all sockets of the selected users: an action for the host's admin of users."""
    _disconnect(request, list(queryset))


def _disconnect(request: HttpRequest, users: list[Any]) -> None:
    disconnections.request([user.pk for user in users])
    names = ", ".join(str(user.get_username()) for user in users)
    messages.success(request, f"The connections of {names} are being closed.")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Show each room's history: who changed what, when, from what to what."""

    list_display = ["created_at", "room", "seq", "who", "differences"]
    list_display_links = ["seq"]
    list_filter = ["type", "created_at", ("actor", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["actor", "room"]
    ordering = ["-id"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return ["=room__key", f"actor__{get_user_model().USERNAME_FIELD}"]

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[WithPage]:
        return WithPage

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return history.without_contents(super().get_queryset(request))

    def look_up(self, events: list[Event]) -> None:
        found = console.differences(events)
        for event in events:
            event.differences = found[event.pk]  # type: ignore[attr-defined]

    @admin.display(ordering="actor")
    def who(self, event: Event) -> str:
        return "system" if event.actor is None else event.actor.get_username()

    @admin.display(description="from what to what")
    def differences(self, event: Any) -> str:
        found: list[Difference] = event.differences
        return format_html_join("", "<div><b>{}</b>: {} → {}</div>", found)


@admin.register(TaskState)
class TaskStateAdmin(ReadOnlyAdmin):
    list_display = ["task_type", "room", "state", "bar", "message", "created_at", "outcome"]
    list_filter = ["state", "task_type", "created_at"]
    list_select_related = ["room"]
    search_fields = ["=task_id", "=room__key"]
    ordering = ["-created_at"]

    @admin.display(description="progress", ordering="progress")
    def bar(self, task: TaskState) -> str:
        return format_html('<progress max="100" value="{0}">{0} %</progress> {0} %', task.progress)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskState]:
        return history.with_short_results(super().get_queryset(request))

    @admin.display
    def outcome(self, task: Any) -> str:
        return str(task.error or history.short_text(task.short_result))
