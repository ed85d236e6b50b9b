"""The admin as an operator uses it: every page and every action."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db.models.fields.files import FieldFile
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from projects import services, tasks
from projects.models import Canvas, Membership, Project, Role
from projects.services import staff
from realtime.models import Disconnection, Event, Room
from realtime.tasks import state
from realtime.tasks.progress import Report
from tests.harness.pictures import encoded, picture, upload
from tests.harness.rooms import project as project_room
from tests.harness.rooms import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def demo(settings: Settings) -> None:
    settings.DEBUG = True
    call_command("demo_data")


@pytest.fixture
def project() -> Project:
    return Project.objects.get()


@pytest.fixture
def alice(client: Client) -> User:
    """The operator, signed in."""
    user = User.objects.get(username="alice")
    client.force_login(user)
    return user


@pytest.fixture
def bob() -> User:
    return User.objects.get(username="bob")


def text(client: Client, name: str, *args: int | str, **query: str) -> str:
    """Return what a page of the admin says, without its markup."""
    response = client.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    without_tags = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(without_tags.split())


# --- every page


@pytest.mark.parametrize(
    "model",
    ["projects_project", "projects_canvas", "projects_membership", "realtime_room",
     "realtime_event", "realtime_taskstate", "auth_user"],
)  # fmt: skip
def test_every_list_opens_and_searches(
    client: Client, alice: User, bob: User, project: Project, model: str
) -> None:
    services.update_project(user=bob, project_id=project.pk, data={"title": "Shown"})
    state.mark_queued(task_id="t", task_type="analyze", room=project_room(project.pk))
    assert text(client, f"{model}_changelist")
    assert text(client, f"{model}_changelist", q="1")


def test_every_page_opens(client: Client, alice: User, bob: User, project: Project) -> None:
    services.update_project(user=bob, project_id=project.pk, data={"title": "Shown"})
    state.mark_queued(task_id="t", task_type="analyze", room=project_room(project.pk))
    pages: list[tuple[str, int | str]] = [
        ("projects_project", project.pk),
        ("projects_canvas", Canvas.objects.all()[0].pk),
        ("realtime_room", row(project.pk)),
        ("realtime_event", Event.objects.latest("seq").pk),
        ("realtime_taskstate", "t"),
        ("auth_user", bob.pk),
    ]
    for name, key in pages:
        assert text(client, f"{name}_change", key)


def test_the_log_and_the_tasks_are_read_only(client: Client, alice: User) -> None:
    for name in ("room", "event", "taskstate"):
        response = client.get(reverse(f"admin:realtime_{name}_add"))
        assert response.status_code == 403


def test_the_admin_is_for_staff(client: Client, project: Project, bob: User) -> None:
    client.force_login(bob)
    for url in (
        reverse("admin:projects_project_change", args=[project.pk]),
        reverse("admin:realtime_room_disconnect", args=[bob.pk]),
    ):
        assert client.get(url).status_code == 302


# --- projects


def test_projects_are_searched_and_filtered(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    services.create_project(user=bob, data={"title": "Another", "status": "archived"})
    services.update_project(user=bob, project_id=project.pk, data={"description": "By bob"})
    assert "Another" not in text(client, "projects_project_changelist", q="demo")
    assert "Demo project Active bob" in text(client, "projects_project_changelist", q="carol")
    archived = text(client, "projects_project_changelist", status__exact="archived")
    assert "Another" in archived
    assert "Demo project" not in archived


def edit(client: Client, project: Project, **fields: Any) -> None:
    """Save a project's page, as it is but for these fields."""
    url = reverse("admin:projects_project_change", args=[project.pk])
    page = client.get(url).context
    data: dict[str, object] = {**page["adminform"].form.initial}
    data["content"] = "{}" if not project.content else '{"mood": "calm", "palette": "warm"}'
    for inline in page["inline_admin_formsets"]:
        formset = inline.formset
        data |= {f"{formset.management_form.prefix}-{name}": value
                 for name, value in formset.management_form.initial.items()}  # fmt: skip
        for form in formset.initial_forms:
            data |= {form.add_prefix(name): value or "" for name, value in form.initial.items()
                     if not isinstance(value, FieldFile)}  # fmt: skip
            data[form.add_prefix("id")] = form.instance.pk
            data[form.add_prefix("project")] = project.pk
    response = client.post(url, {k: v for k, v in (data | fields).items() if v is not None})
    assert response.status_code == 302, response.context["errors"]


def test_an_edit_goes_through_the_log(client: Client, alice: User, project: Project) -> None:
    edit(client, project, title="By the operator")
    event = Event.objects.latest("seq")
    assert event.payload["changes"] == {"title": "By the operator"}
    assert event.before == {"title": "Demo project"}
    assert event.actor == alice
    project.refresh_from_db()
    assert project.updated_by == alice


def test_a_role_is_changed_through_the_log(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    index = list(project.memberships.order_by("id")).index(
        Membership.objects.get(project=project, user=bob)
    )
    edit(client, project, **{f"memberships-{index}-role": "viewer"})
    event = Event.objects.latest("seq")
    assert (event.payload["user_id"], event.payload["role"]) == (bob.pk, "viewer")
    assert event.before == {"role": "editor"}
    history = text(client, "projects_project_change", project.pk)
    assert "role of bob editor viewer" in history


def test_the_last_owner_stays_and_the_form_says_why(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    rows = list(project.memberships.order_by("id").values_list("user_id", flat=True))
    owner, editor = rows.index(alice.pk), rows.index(bob.pk)
    for change in ({"role": "viewer"}, {"DELETE": "on"}, {"user": str(bob.pk)}):
        fields = {f"memberships-{owner}-{name}": value for name, value in change.items()}
        with pytest.raises(AssertionError) as shown:
            edit(client, project, title="Not saved either", **fields)
        assert "owner" in str(shown.value) or "duplicate" in str(shown.value)
    project.refresh_from_db()
    assert project.title == "Demo project"
    assert project.memberships.get(user=alice).role == Role.OWNER

    handed_over = {f"memberships-{owner}-DELETE": "on", f"memberships-{editor}-role": "owner"}
    edit(client, project, **handed_over)
    assert project.memberships.get(user=bob).role == Role.OWNER
    assert not project.memberships.filter(user=alice).exists()


def test_a_project_with_many_members_and_canvases_opens_and_saves(
    client: Client, alice: User, project: Project
) -> None:
    names = [f"member {number}" for number in range(260)]
    users = User.objects.bulk_create([User(username=name) for name in names])
    Membership.objects.bulk_create([Membership(project=project, user=user) for user in users])
    one = project.canvases.all()[0]
    copies = [Canvas(project=project, title=name, image=one.image, width=1, height=1)
              for name in names[:60]]  # fmt: skip
    Canvas.objects.bulk_create(copies)
    edit(client, project, title="Of many")
    assert Event.objects.latest("seq").payload["changes"] == {"title": "Of many"}
    page = client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()
    members = Membership.objects.filter(project=project)
    for model, count in (("membership", members.count()), ("canvas", project.canvases.count())):
        url = f"{reverse(f'admin:projects_{model}_changelist')}?project__id__exact={project.pk}"
        assert f'<a href="{url}">{count} ' in page
        assert "member 1" in client.get(url).content.decode()

    last = members.get(user=users[-1])
    url = reverse("admin:projects_membership_change", args=[last.pk])
    assert client.post(url, {"role": "viewer"}).status_code == 302
    event = Event.objects.latest("seq")
    assert (event.payload["user_id"], event.payload["role"]) == (users[-1].pk, "viewer")
    selected = {"action": "delete_selected", "_selected_action": last.pk, "post": "yes"}
    client.post(reverse("admin:projects_membership_changelist"), selected)
    assert Event.objects.latest("seq").payload["role"] is None
    owner = members.get(user=alice)
    for name in ("change", "delete"):
        url = reverse(f"admin:projects_membership_{name}", args=[owner.pk])
        answer = client.post(url, {"role": "viewer", "post": "yes"}, follow=True)
        assert "owner" in answer.content.decode()
    assert members.get(user=alice).role == Role.OWNER


def test_projects_are_created_and_deleted(client: Client, alice: User) -> None:
    empty = {f"{prefix}-{name}": "0" for prefix in ("memberships", "canvases")
             for name in ("TOTAL_FORMS", "INITIAL_FORMS")}  # fmt: skip
    fields = {"title": "New", "description": "", "status": "draft", "content": "{}"}
    response = client.post(reverse("admin:projects_project_add"), fields | empty)
    assert response.status_code == 302
    created = Project.objects.get(title="New")
    assert Membership.objects.get(project=created).role == Role.OWNER

    client.post(
        reverse("admin:projects_project_changelist"),
        {"action": "delete_selected", "_selected_action": created.pk, "post": "yes"},
    )
    assert not Project.objects.filter(pk=created.pk).exists()
    assert Event.objects.get(room_id=row(created.pk)).type == "project_deleted"


def test_a_picture_that_is_added_reaches_the_room(
    client: Client, alice: User, project: Project
) -> None:
    count = project.canvases.count()
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    new: dict[str, Any] = {
        "canvases-TOTAL_FORMS": str(count + 1),
        f"canvases-{count}-project": str(project.pk),
        f"canvases-{count}-title": "By the operator",
        f"canvases-{count}-image": SimpleUploadedFile("new.png", file.getvalue()),
    }
    edit(client, project, **new)
    canvas = project.canvases.get(title="By the operator")
    assert (canvas.width, canvas.uploaded_by) == (8, alice)
    event = Event.objects.latest("seq")
    assert (event.type, event.payload["canvas_id"]) == ("canvas_added", canvas.pk)


ANALYSIS = {"label": "calm", "pleasure": 0.5, "arousal": 0.0, "dominance": 0.25}


def test_canvases_are_renamed_replaced_and_deleted(
    client: Client,
    alice: User,
    project: Project,
    media: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    project.canvases.all().delete()
    for title in ("Bay", "Cliff", "Dune"):
        canvas = staff.add_canvas(user=alice, project_id=project.pk, title=title, image=picture())
        services.save_soundscape(canvas_id=canvas.pk, wav=b"sound")
        services.save_analysis(canvas_id=canvas.pk, analysis=ANALYSIS)
    bay, cliff, dune = project.canvases.all()
    Event.objects.all().delete()
    files = {path.name for path in media.rglob("*.*")}
    new = upload(encoded(Image.new("RGB", (20, 10), "navy")))
    with django_capture_on_commit_callbacks() as callbacks:
        edit(
            client,
            project,
            **{"canvases-0-title": "Lagoon", "canvases-1-image": new, "canvases-2-DELETE": "on"},
        )
    assert files < {path.name for path in media.rglob("*.*")}, "none goes before the commit"
    for callback in callbacks:
        callback()

    bay, cliff = project.canvases.all()
    assert (bay.title, bay.analysis, bool(bay.soundscape)) == ("Lagoon", ANALYSIS, True)
    assert (cliff.width, cliff.height) == (20, 10)
    assert (cliff.analysis, bool(cliff.soundscape)) == (None, False), "they were of the old one"
    kept = {bay.image.name, bay.soundscape.name, cliff.image.name}
    assert {path.relative_to(media).as_posix() for path in media.rglob("*.*")} == kept
    told = [(event.type, event.payload["canvas_id"], event.payload["title"], event.actor_id)
            for event in Event.objects.all()]  # fmt: skip
    assert told == [
        ("canvas_renamed", bay.pk, "Lagoon", alice.pk),
        ("canvas_replaced", cliff.pk, "Cliff", alice.pk),
        ("canvas_removed", dune.pk, "Dune", alice.pk),
    ]


# --- history


def test_the_history_says_who_changed_what_from_what_to_what(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    data = {"title": "<b>New</b>", "content": {"mood": None, "size": {"x": 1}}}
    services.update_project(user=bob, project_id=project.pk, data=data)
    event = Event.objects.latest("seq")
    assert event.before == {
        "title": "Demo project",
        "content": {"mood": "calm", "size": None},
    }
    for name, key in (("projects_project", project.pk), ("realtime_room", row(project.pk))):
        page = text(client, f"{name}_change", key)
        assert "bob title Demo project &lt;b&gt;New&lt;/b&gt;" in page
        assert "content.mood calm" in page
        assert "content.size.x 1" in page
    page = text(client, "realtime_event_changelist")
    assert "title : Demo project → &lt;b&gt;New&lt;/b&gt;" in page


def test_the_history_is_filtered(client: Client, alice: User, bob: User, project: Project) -> None:
    other = services.create_project(user=alice, data={"title": "Another"})
    services.update_project(user=bob, project_id=project.pk, data={"title": "By bob"})
    services.update_project(user=alice, project_id=project.pk, data={"title": "By alice"})
    services.update_project(user=alice, project_id=other.pk, data={"title": "Elsewhere"})

    room = Room.objects.get(kind="project", key=str(project.pk))
    here = text(client, "realtime_event_changelist", room=str(room.pk))
    assert "Elsewhere" not in here
    assert "By bob → By alice" in here
    by_bob = text(client, "realtime_event_changelist", actor__id__exact=str(bob.pk))
    assert "By bob" in by_bob
    assert "Elsewhere" not in by_bob
    assert "By bob" in text(client, "realtime_event_changelist", q="bob")
    nothing = text(client, "realtime_event_changelist", type__exact="project_deleted")
    assert "0 events" in nothing


def test_an_event_from_before_the_history_knew_old_values(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    services.update_project(user=bob, project_id=project.pk, data={"title": "New"})
    Event.objects.update(before=None)
    assert "bob title New" in text(client, "projects_project_change", project.pk)


# --- tasks


def test_tasks_are_shown_while_they_run_and_after(
    client: Client, alice: User, project: Project
) -> None:
    for task_id in ("runs", "ended"):
        task_type = f"task_{task_id}"
        state.mark_queued(task_id=task_id, task_type=task_type, room=project_room(project.pk))
    state.record_progress("runs", Report(40, "Analyzing image..."))
    state.mark_failed("ended", "ValueError: no picture")
    page = text(client, "projects_project_change", project.pk)
    assert "task_runs Running 40 % Analyzing image..." in page
    assert "task_ended Failed" in page
    assert "ValueError: no picture" in page

    listed = text(client, "realtime_room_changelist")
    assert re.search(rf"\bproject:{project.pk} Demo project \d+ – 1\b", listed), listed
    tasks_page = text(client, "realtime_taskstate_changelist", room=str(row(project.pk)))
    assert "task_runs" in tasks_page
    only_failed = text(client, "realtime_taskstate_changelist", state__exact="failed")
    assert "ValueError: no picture" in only_failed


def test_a_canvas_shows_its_results(client: Client, alice: User, project: Project) -> None:
    canvas = project.canvases.all()[0]
    tasks.analyze_image_emotion(project_id=project.pk, canvas_id=canvas.pk)
    canvas.refresh_from_db()
    assert canvas.analysis is not None
    for name, key in (("projects_project", project.pk), ("projects_canvas", canvas.pk)):
        url = reverse(f"admin:{name}_change", args=[key])
        page = client.get(url).content.decode()
        assert canvas.analysis["label"] in page
        assert f'fill="{canvas.analysis["palette"][0]["color"]}"' in page
        assert "<svg" in page
        console = page[page.index("<svg") : page.rindex("</svg>")]
        assert "style=" not in console, "a strict Content-Security-Policy would forbid it"


# --- who may see what


@pytest.mark.parametrize("extra", ["view_room", "view_taskstate", "view_event", None])
def test_staff_see_of_a_room_what_they_may_see_in_the_admin(
    client: Client, project: Project, bob: User, extra: str | None
) -> None:
    """To view the project is no permission to view its history, its tasks, or who is there."""
    bob.is_staff = True
    bob.save()
    names = ["view_project", *([extra] if extra else [])]
    bob.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(bob)
    page = text(client, "projects_project_change", project.pk)
    shown = {
        name: heading in page
        for name, heading in (
            ("view_room", "Online now"),
            ("view_taskstate", "All tasks of this room"),
            ("view_event", "The whole history of this room"),
        )
    }
    assert shown == {name: name == extra for name in shown}
    assert "disconnect" not in page
    if extra == "view_room":
        page = text(client, "realtime_room_change", row(project.pk))
        assert "Online now" in page
        assert "The whole history of this room" not in page


def test_the_console_is_fetched_alone_by_who_may_see_it(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    page = client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()
    url = reverse("admin:realtime_room_console", args=["project", project.pk])
    assert f'data-refresh="{url}"' in page
    services.update_project(user=bob, project_id=project.pk, data={"title": "Seen later"})
    part = client.get(url).content.decode()
    assert part.lstrip().startswith("<link")
    assert "Seen later" in part
    for unknown in (url.replace("/project/", "/planet/"), f"{url[:-1]}x/"):
        assert client.get(unknown).status_code == 404
    client.force_login(bob)
    assert client.get(url).status_code == 302
    bob.is_staff = True
    bob.save()
    assert client.get(url).content.decode().strip() == ""


# --- who is here


def test_a_redis_that_is_away_is_told(
    client: Client, alice: User, project: Project, settings: Settings
) -> None:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    page = text(client, "projects_project_change", project.pk)
    assert "Not known: Redis cannot be reached" in page
    assert row(project.pk)
    assert "not known" in text(client, "realtime_room_changelist")


def test_users_are_disconnected_from_their_list(client: Client, alice: User, bob: User) -> None:
    response = client.post(
        reverse("admin:auth_user_changelist"),
        {"action": "disconnect_users", "_selected_action": bob.pk},
        follow=True,
    )
    assert "The connections of bob are being closed." in response.content.decode()
    assert Disconnection.objects.get().user_id == bob.pk


def test_a_user_is_disconnected_from_the_console(client: Client, alice: User, bob: User) -> None:
    url = reverse("admin:realtime_room_disconnect", args=[bob.pk])
    assert "Close all connections of bob" in text(client, "realtime_room_disconnect", bob.pk)
    assert not Disconnection.objects.exists(), "not by a mere look"
    client.post(url)
    assert Disconnection.objects.get().user_id == bob.pk
    assert client.post(reverse("admin:realtime_room_disconnect", args=[10**6])).status_code == 404


def test_only_who_may_change_users_may_disconnect_them(client: Client, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(bob)
    url = reverse("admin:realtime_room_disconnect", args=[bob.pk])
    assert client.post(url).status_code == 403
    assert (
        "disconnect_users" not in client.get(reverse("admin:auth_user_changelist")).content.decode()
    )
    assert not Disconnection.objects.exists()
