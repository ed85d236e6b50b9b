"""Edit projects in the admin. Every change goes through the services, so the rooms see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms.fields import InvalidJSONInput
from django.forms.formsets import INITIAL_FORM_COUNT, TOTAL_FORM_COUNT, ManagementForm
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from rest_framework import serializers
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from projects import files, images, results, services, validation
from projects.access import UPDATABLE
from projects.errors import Invalid, ProjectError
from projects.models import Canvas, Membership, Project, Role
from projects.services import staff
from realtime.admin import CheckedAdmin, CheckedList


class ContentField(forms.JSONField):
    """Refuse also JSON that can be parsed but not shown, or is too much for the parser."""

    def to_python(self, value: Any) -> Any:
        try:
            return _showable(super().to_python(value))
        except (ValueError, RecursionError):  # a number of 5,000 digits, 20,000 levels
            raise ValidationError(
                self.error_messages["invalid"], code="invalid", params={"value": value}
            ) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return _showable(super().bound_data(data, initial))
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)


def _showable(value: Any) -> Any:
    json.dumps(value, ensure_ascii=False).encode()  # a ValueError for a lone surrogate
    return value


class ProjectForm(forms.ModelForm):  # type: ignore[type-arg]
    """Show a project's form, with the refusal of the services if there was one."""

    refusal: ProjectError | None = None

    class Meta:
        field_classes = {"content": ContentField}

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if isinstance(self.refusal, Invalid):
            for name, found in self.refusal.details.items():
                self.add_error(name if name in self.fields else None, _flat(found))
        elif self.refusal is not None:
            self.add_error(None, str(self.refusal))
        return cleaned


def _flat(details: Any) -> list[str]:
    """Return the messages of REST framework's details, whatever their nesting."""
    if isinstance(details, dict):
        details = list(details.values())
    if isinstance(details, list):
        return [text for detail in details for text in _flat(detail)]
    return [str(details)]


class CanvasForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_title(self) -> str:
        try:
            title: str = validation.Line(max_length=200).run_validation(self.cleaned_data["title"])
        except serializers.ValidationError as error:
            raise ValidationError(_flat(error.detail)) from None
        return title


class UserSelect(AutocompleteSelect):
    """Show a form again even if its user is no key at all, which Django's own widget cannot."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        return super().optgroups(name, [key for key in value if _is_key(key)], attrs)


def _is_key(value: Any) -> bool:
    try:
        return bool(abs(User._meta.pk.to_python(value)) < 2**63)
    except ValidationError:
        return False


class InlineFormSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """Show the first rows, and refuse counts of rows that no page has: each row costs a form.

    Django takes 1,000 fields (`DATA_UPLOAD_MAX_NUMBER_FIELDS`), and would refuse the page of a
    project with many members. The lists of members and canvases have the rest.
    """

    MAX_SHOWN = 50
    MAX_NEW = 100

    def get_queryset(self) -> Any:
        return self._first_rows

    @cached_property
    def _first_rows(self) -> Any:
        return super().get_queryset()[: self.MAX_SHOWN]

    @cached_property
    def management_form(self) -> ManagementForm:
        form: ManagementForm = super().management_form
        if not self.is_bound or not form.is_valid():
            return form
        rows = len(self.get_queryset())
        counts: Any = form.cleaned_data
        first, total = counts[INITIAL_FORM_COUNT], counts[TOTAL_FORM_COUNT]
        if not 0 <= first <= rows:
            form.add_error(INITIAL_FORM_COUNT, "There are not so many rows.")
        if not first <= total <= rows + self.MAX_NEW:
            form.add_error(TOTAL_FORM_COUNT, "There are not so many rows.")
        if not form.is_valid():
            counts |= {INITIAL_FORM_COUNT: 0, TOTAL_FORM_COUNT: 0}
        return form


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    formset = InlineFormSet
    extra = 0
    autocomplete_fields = ["user"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user":
            kwargs["widget"] = UserSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class CanvasInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Canvas
    form = CanvasForm
    formset = InlineFormSet
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


class RefusingAdmin(CheckedAdmin):
    """Show the list with the reason where the services refuse."""

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return self._or_refused(request, super().delete_view, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return self._or_refused(request, super().changelist_view, *args, **kwargs)

    def _or_refused(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except ProjectError as refusal:
            messages.error(request, str(refusal))
            name = f"admin:projects_{self.opts.model_name}_changelist"
            return HttpResponseRedirect(reverse(name, current_app=self.admin_site.name))

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(Project)
class ProjectAdmin(RefusingAdmin):
    form = ProjectForm
    list_display = ["title", "status", "updated_by", "updated_at"]
    list_filter = ["status", "updated_at"]
    search_fields = ["title", "description", "members__username"]
    list_select_related = ["updated_by"]
    fields = [*UPDATABLE, "updated_by", "updated_at", "lists"]
    readonly_fields = ["updated_by", "updated_at", "lists"]
    inlines = [MembershipInline, CanvasInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """Return projects without their contents, for a list of a hundred."""
        return super().get_queryset(request).defer("content", "description")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page; if the services refuse a form, show it again with the reason.

        A refused form changes nothing: it is saved in one transaction.
        """
        # Decoded here, as the forms are validated in a transaction.
        if request.method == "POST" and self.has_view_or_change_permission(request):
            for upload in request.FILES.values():
                images.prepare(upload)
        try:
            with files.undone_together():
                return super().changeform_view(request, *args, **kwargs)
        except ProjectError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.refusal = getattr(request, "refusal", None)  # the class is made for this request
        return form

    def save_model(
        self, request: HttpRequest, obj: Project, form: forms.ModelForm[Project], change: bool
    ) -> None:
        data = {name: form.cleaned_data[name] for name in form.changed_data if name in UPDATABLE}
        if change:
            staff.update_project(user=request.user, project_id=obj.pk, data=data)  # type: ignore[arg-type]
        else:
            obj.pk = services.create_project(user=request.user, data=data).pk  # type: ignore[arg-type]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        if formset.model is Membership:
            self._save_memberships(request, formset)
        else:
            self._save_canvases(request, formset)

    def _save_canvases(self, request: HttpRequest, formset: Any) -> None:
        for canvas in formset.new_objects:
            saved = staff.add_canvas(
                user=request.user,  # type: ignore[arg-type]  # the admin is for those signed in
                project_id=canvas.project_id,
                title=canvas.title,
                image=canvas.image,
            )
            canvas.pk = saved.pk
        for canvas, changed in formset.changed_objects:
            staff.update_canvas(
                user=request.user,  # type: ignore[arg-type]
                canvas_id=canvas.pk,
                title=canvas.title,
                image=canvas.image if "image" in changed else None,
            )
        for canvas in formset.deleted_objects:
            staff.remove_canvas(user=request.user, canvas_id=canvas.pk)  # type: ignore[arg-type]

    def _save_memberships(self, request: HttpRequest, formset: Any) -> None:
        project_id = formset.instance.pk
        given = [*formset.new_objects, *(row for row, _ in formset.changed_objects)]
        roles: dict[int, Role | None] = dict.fromkeys(_former_users(formset))
        roles |= {membership.user_id: Role(membership.role) for membership in given}
        # New owners first, so that one may take the place of another.
        for user_id in sorted(roles, key=lambda user_id: roles[user_id] is not Role.OWNER):
            staff.update_member(
                project_id=project_id,
                user_id=user_id,
                role=roles[user_id],
                actor_id=request.user.pk,
            )

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        staff.delete_project(project_id=obj.pk, actor_id=request.user.pk)

    @admin.display(description="all members and canvases")
    def lists(self, project: Project) -> str:
        counts = (("membership", project.memberships), ("canvas", project.canvases))
        links = (
            (
                reverse(f"admin:projects_{name}_changelist", current_app=self.admin_site.name),
                project.pk,
                rows.count(),
                rows.model._meta.verbose_name_plural,
            )
            for name, rows in counts
        )
        return format_html_join(", ", '<a href="{}?project__id__exact={}">{} {}</a>', links)


@admin.register(Membership)
class MembershipAdmin(RefusingAdmin):
    """List all members, for projects with more of them than their page shows."""

    list_display = ["user", "project", "role"]
    list_filter = ["role"]
    search_fields = ["user__username", "project__title"]
    list_select_related = ["user", "project"]
    fields = ["project", "user", "role"]
    readonly_fields = ["project", "user"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        unread = ("project__content", "project__description")
        return super().get_queryset(request).select_related("project", "user").defer(*unread)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._or_refused(request, super().changeform_view, *args, **kwargs)  # type: ignore[return-value]

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        self._give(request, obj, Role(obj.role))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        self._give(request, obj, None)

    def _give(self, request: HttpRequest, member: Membership, role: Role | None) -> None:
        ids = {"project_id": member.project_id, "user_id": member.user_id}
        staff.update_member(**ids, role=role, actor_id=request.user.pk)


def _former_users(formset: Any) -> list[int]:
    """Return the users whose rows are deleted, or given to somebody else."""
    handed_on = [
        form.initial["user"]
        for form in formset.initial_forms
        if form.instance not in formset.deleted_objects
        and "user" in form.changed_data
        and "user" in form.initial  # missing if INITIAL_FORMS is wrong
    ]
    return [row.user_id for row in formset.deleted_objects] + handed_on


def _checked_list(_: HttpRequest, **__: Any) -> type[CheckedList]:
    return CheckedList


for _model in (Group, OutstandingToken, BlacklistedToken):
    # Their pages are those of other apps, whose lists answer 500 to such a filter.
    admin.site.get_model_admin(_model).get_changelist = _checked_list  # type: ignore[assignment,method-assign]


@admin.register(Canvas)
class CanvasAdmin(CheckedAdmin):
    """List all canvases with their results; they are added and removed on their project's page."""

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
