"""Bad input to the admin: an error on the form, never a 500 or a change that is not valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from projects import services, validation
from projects.errors import NotAllowed, ProjectNotFound
from projects.models import Membership, Project, Role
from projects.services import staff
from realtime import rooms
from tests.harness.pictures import picture, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def project(settings: Settings, tmp_path: Path) -> Project:
    settings.MEDIA_ROOT = tmp_path
    alice, bob = (User.objects.create_superuser(name) for name in ("alice", "bob"))
    project = services.create_project(user=alice, data={"title": "Edited"})
    services.add_member(user=alice, project_id=project.pk, member=bob, role=Role.EDITOR)
    staff.add_canvas(user=alice, project_id=project.pk, title="Sea", image=picture())
    return project


@pytest.fixture
def admin() -> Client:
    """A browser of the operator's, which gets a 500 as one does."""
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(username="alice"))
    return client


def form_of(admin: Client, url: str) -> dict[str, Any]:
    """Return what a browser would send for a page that nobody has changed."""
    page = admin.get(url).context
    data: dict[str, Any] = {**page["adminform"].form.initial, "content": "{}"}
    for inline in page["inline_admin_formsets"]:
        formset = inline.formset
        management = formset.management_form
        data |= {f"{management.prefix}-{name}": value for name, value in management.initial.items()}
        for form in formset.initial_forms:
            data |= {
                form.add_prefix(name): value or ""
                for name, value in form.initial.items()
                if not isinstance(value, FieldFile)
            }
            data[form.add_prefix("id")] = form.instance.pk
            data[form.add_prefix("project")] = form.instance.project_id
    return {name: value for name, value in data.items() if value is not None}


# A database refuses each of these in a way of its own; the others are answered before it.
TEXTS = {
    "long": "x" * 300,
    "NUL": "a\0b",
    "negative": "-1",
    "beyond 64 bits": "9" * 20,
    "huge": "9" * 30,
}
OTHER_TEXTS = {
    "empty": "",
    "word": "abc",
    "override": "a\u202eb",
    "lines": "a\r\nb",
    "digits": "9" * 5000,
    "fraction": "1.5",
}
JSONS = {
    "1e300": '{"a": 1e300}',
    "NUL": '{"a": "\\u0000"}',
    "NUL in a key": '{"\\u0000": 1}',
    "surrogate": '{"a": "\\ud800"}',
    "nested": '{"a":' * 40 + "1" + "}" * 40,
    "big": '{"a": "' + "x" * 100_000 + '"}',
}
OTHER_JSONS = {
    "list": "[]",
    "null": "null",
    "text": '"a"',
    "broken": "{",
    "NaN": '{"a": NaN}',
    "long number": '{"a": ' + "9" * 5000 + "}",
    "very nested": '{"a":' * 20_000 + "1" + "}" * 20_000,
    "very big": '{"a": "' + "x" * 600_000 + '"}',
}


def values(asked: dict[str, str], others: dict[str, str]) -> list[Any]:
    """Return the parameters of a test: the values to ask every database, and those to ask one."""
    once = pytest.mark.any_database
    return [
        *(pytest.param(value, id=name) for name, value in asked.items()),
        *(pytest.param(value, id=name, marks=once) for name, value in others.items()),
    ]


FIELDS = [
    *("title", "description", "status"),
    *("memberships-TOTAL_FORMS", "canvases-TOTAL_FORMS"),
    *(f"memberships-0-{name}" for name in ("id", "project", "user", "role", "DELETE")),
    *("memberships-INITIAL_FORMS", "memberships-9-user"),
    *(f"canvases-0-{name}" for name in ("id", "project", "title", "image", "DELETE")),
    "canvases-INITIAL_FORMS",
]
MODELS = [
    *("projects_project", "projects_canvas", "auth_user"),
    *("realtime_room", "realtime_event", "realtime_taskstate"),
]
OTHERS = ["auth_group", "token_blacklist_outstandingtoken", "token_blacklist_blacklistedtoken"]
"""Models whose pages are Django's own, or another app's."""
QUERIES = [
    *("q", "o", "p", "id__in", "id__gt", "project", "project_id", "actor"),
    *("actor__id__exact", "created_at__year", "updated_at__year"),
]


def assert_is_sound() -> None:
    for each in Project.objects.all():
        validation.clean(
            {name: getattr(each, name) for name in ("title", "description", "status", "content")},
            partial=False,
        )
        assert Membership.objects.filter(
            project=each, role=Role.OWNER, user__is_active=True
        ).exists(), "no owner"
        for canvas in each.canvases.all():
            validation.Line(max_length=200).run_validation(canvas.title)


def post(admin: Client, url: str, data: dict[str, Any]) -> int:
    """Send a form, and take back what it did. Return the status."""
    with transaction.atomic():
        status = admin.post(url, data).status_code
        assert_is_sound()
        transaction.set_rollback(True)
    return status


@pytest.mark.parametrize("value", values(TEXTS, OTHER_TEXTS))
def test_any_text_in_any_field(admin: Client, project: Project, value: str) -> None:
    url = reverse("admin:projects_project_change", args=[project.pk])
    before = form_of(admin, url)
    found = {name: post(admin, url, before | {name: value}) for name in FIELDS}
    assert {name: status for name, status in found.items() if status not in (200, 302)} == {}


@pytest.mark.parametrize("value", values(JSONS, OTHER_JSONS))
def test_any_content(admin: Client, project: Project, value: str) -> None:
    for url in (
        reverse("admin:projects_project_change", args=[project.pk]),
        reverse("admin:projects_project_add"),
    ):
        before = form_of(admin, url) | {"title": "A title"}
        expected = {400} if len(value) > 2**19 else {200, 302}
        assert post(admin, url, before | {"content": value}) in expected


@pytest.mark.any_database
@pytest.mark.parametrize("count", ["INITIAL_FORMS", "TOTAL_FORMS"])
@pytest.mark.parametrize("value", ["-1", "3", "999", "999999", "9" * 30])
def test_a_count_of_rows_makes_no_forms_that_no_page_has(
    admin: Client, project: Project, count: str, value: str
) -> None:
    url = reverse("admin:projects_project_change", args=[project.pk])
    data = form_of(admin, url) | {f"memberships-{count}": value, "title": "Not saved"}
    answer = admin.post(url, data)
    formsets = [inline.formset for inline in answer.context["inline_admin_formsets"]]
    assert answer.status_code == 200
    assert max(len(formset.forms) for formset in formsets) <= 103
    assert Project.objects.get(pk=project.pk).title == "Edited"


@pytest.mark.any_database
@pytest.mark.parametrize("name", [*FIELDS, "content"])
def test_any_field_may_be_missing_or_come_as_a_file(
    admin: Client, project: Project, name: str
) -> None:
    url = reverse("admin:projects_project_change", args=[project.pk])
    data = form_of(admin, url)
    for bad in (
        {key: value for key, value in data.items() if key != name},
        data | {name: [str(data.get(name, "")), "x"]},
        data | {name: SimpleUploadedFile("a.png", b"\x89PNG\r\n\x1a\n nothing")},
        data | {name: SimpleUploadedFile("a.png", b"")},
    ):
        assert post(admin, url, bad) in (200, 302), bad.get(name)


KEYS = ["0", "-1", "9" * 30, "abc", "_00", "a_00b", "_ED_A0_80", "1_2F2", "x" * 2000, "1.5", "é"]


@pytest.mark.parametrize("model", MODELS)
def test_any_key_in_an_address(admin: Client, model: str) -> None:
    base = reverse(f"admin:{model}_changelist")
    found = {
        (page, method.__name__, key[:20]): method(f"{base}{quote(key)}/{page}/").status_code
        for page in ("change", "delete", "history")
        for method in (admin.get, admin.post)
        for key in KEYS
    }
    assert {at: status for at, status in found.items() if status not in (302, 403, 404)} == {}


@pytest.mark.parametrize("model", [*MODELS, *OTHERS])
def test_any_query_of_a_list(admin: Client, model: str) -> None:
    base = reverse(f"admin:{model}_changelist")
    found = {}
    for name in QUERIES:
        for text in ("abc", "a\0b", "-1", "9" * 20):
            with transaction.atomic():
                found[name, text] = admin.get(base, {name: text}).status_code
                transaction.set_rollback(True)
    assert {at: status for at, status in found.items() if status not in (200, 302, 400)} == {}


@pytest.mark.parametrize("value", values(TEXTS, OTHER_TEXTS))
def test_any_action(admin: Client, value: str) -> None:
    found = {}
    names = ("delete_selected", "disconnect_users", value)
    models = ("projects_project", "auth_user")
    for model, action in ((model, name) for model in models for name in names):
        url = reverse(f"admin:{model}_changelist")
        for more in ({}, {"post": "yes"}, {"index": value}, {"select_across": value}):
            data = {"action": action, "_selected_action": value, **more}
            found[model, action, str(more)] = post(admin, url, data)
    assert {at: status for at, status in found.items() if status not in (200, 302, 403)} == {}


def test_a_limit_is_told_on_the_form(admin: Client, project: Project, settings: Settings) -> None:
    settings.QUOTAS = {"PROJECTS": 0}
    url = reverse("admin:projects_project_add")
    data = form_of(admin, url) | {"title": "One more", "status": project.status}
    answer = admin.post(url, data)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.non_field_errors()
    assert not Project.objects.filter(title="One more").exists()


def test_what_is_gone_already_is_told(
    admin: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for two operators who delete one project at the same moment."""

    def gone(**_: Any) -> None:
        raise ProjectNotFound

    monkeypatch.setattr(staff, "delete_project", gone)
    project.canvases.all().delete()  # whoever deletes in the admin must be allowed every row
    change_list = reverse("admin:projects_project_changelist")
    for url, data in (
        (reverse("admin:projects_project_delete", args=[project.pk]), {}),
        (change_list, {"action": "delete_selected", "_selected_action": project.pk}),
    ):
        answer = admin.post(url, {**data, "post": "yes"}, follow=True)
        assert answer.redirect_chain == [(change_list, 302)]
        assert "There is no such project" in answer.content.decode()


def test_of_a_form_that_is_refused_no_file_stays(
    admin: Client, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal comes after the upload was stored, in the transaction that is undone."""
    before = sorted(path.name for path in tmp_path.rglob("*.*"))
    url = reverse("admin:projects_project_change", args=[project.pk])
    data = form_of(admin, url) | {"canvases-TOTAL_FORMS": "2"}
    data |= {"canvases-1-title": "Second", "canvases-1-image": upload()}
    data |= {"canvases-1-project": project.pk}

    def refuse(*_: Any, **__: Any) -> None:
        raise NotAllowed

    monkeypatch.setattr(rooms, "append", refuse)
    assert admin.post(url, data).status_code == 200
    assert project.canvases.count() == 1
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == before
