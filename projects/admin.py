"""Projects in the admin. Every change goes through the services, so the rooms see it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from projects import images, results, services
from projects.access import UPDATABLE
from projects.models import Canvas, Membership, Project, Role


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class CanvasInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Canvas
    extra = 0
    fields = ["picture", "title", "image", "emotion", "palette", "sound"]
    readonly_fields = ["picture", "emotion", "palette", "sound"]

    @admin.display
    def picture(self, canvas: Canvas) -> str:
        return results.picture(canvas)

    @admin.display
    def emotion(self, canvas: Canvas) -> str:
        return results.emotion(canvas)

    @admin.display
    def palette(self, canvas: Canvas) -> str:
        return results.palette(canvas)

    @admin.display
    def sound(self, canvas: Canvas) -> str:
        return results.sound(canvas)


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["title", "status", "updated_by", "updated_at"]
    list_filter = ["status", "updated_at"]
    search_fields = ["title", "description", "members__username"]
    list_select_related = ["updated_by"]
    fields = [*UPDATABLE, "updated_by", "updated_at"]
    readonly_fields = ["updated_by", "updated_at"]
    inlines = [MembershipInline, CanvasInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """Leave the contents of a whole page of projects unread."""
        return super().get_queryset(request).defer("content", "description")

    def save_model(
        self, request: HttpRequest, obj: Project, form: ModelForm[Project], change: bool
    ) -> None:
        data = {name: form.cleaned_data[name] for name in form.changed_data if name in UPDATABLE}
        if change:
            services.edit_project(user=request.user, project_id=obj.pk, data=data)  # type: ignore[arg-type]
        else:
            obj.pk = services.create_project(user=request.user, data=data).pk  # type: ignore[arg-type]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # Decoded here, as the forms are validated in a transaction.
        if request.method == "POST" and self.has_view_or_change_permission(request):
            for upload in request.FILES.values():
                images.prepare(upload)
        return super().changeform_view(request, *args, **kwargs)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        if formset.model is Membership:
            self._save_memberships(request, formset)
        else:
            self._save_canvases(request, formset)

    def _save_canvases(self, request: HttpRequest, formset: Any) -> None:
        for canvas in formset.new_objects:
            saved = services.attach_canvas(
                user=request.user,  # type: ignore[arg-type]  # the admin is for those signed in
                project_id=canvas.project_id,
                title=canvas.title,
                image=canvas.image,
            )
            canvas.pk = saved.pk
        for canvas, changed in formset.changed_objects:
            services.edit_canvas(
                user=request.user,  # type: ignore[arg-type]
                canvas_id=canvas.pk,
                title=canvas.title,
                image=canvas.image if "image" in changed else None,
            )
        for canvas in formset.deleted_objects:
            services.detach_canvas(user=request.user, canvas_id=canvas.pk)  # type: ignore[arg-type]

    def _save_memberships(self, request: HttpRequest, formset: Any) -> None:
        for membership in [*formset.new_objects, *(row for row, _ in formset.changed_objects)]:
            self._set_role(request, membership, Role(membership.role))
        for membership in formset.deleted_objects:
            self._set_role(request, membership, None)

    def _set_role(self, request: HttpRequest, membership: Membership, role: Role | None) -> None:
        services.set_role(
            project_id=membership.project_id,
            user_id=membership.user_id,
            role=role,
            actor_id=request.user.pk,
        )

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        services.remove_project(project_id=obj.pk, actor_id=request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset:
            self.delete_model(request, project)


@admin.register(Canvas)
class CanvasAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """All canvases with their results; they are added and removed on their project's page."""

    list_display = [
        "title",
        "project",
        "picture",
        "emotion",
        "palette",
        "uploaded_by",
        "created_at",
    ]
    list_filter = ["created_at", "project__status"]
    search_fields = ["title", "project__title", "uploaded_by__username"]
    list_select_related = ["project", "uploaded_by"]
    fields = [
        *("title", "project", "picture", "size", "emotion", "palette", "sound"),
        *("uploaded_by", "created_at"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Canvas]:
        unread = ("project__content", "project__description")
        return super().get_queryset(request).select_related("project").defer(*unread)

    picture = CanvasInline.picture
    emotion = CanvasInline.emotion
    palette = CanvasInline.palette
    sound = CanvasInline.sound

    @admin.display
    def size(self, canvas: Canvas) -> str:
        return f"{canvas.width} × {canvas.height}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Canvas | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Canvas | None = None) -> bool:
        return False
