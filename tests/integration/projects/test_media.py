"""Uploaded files are seen by those who may see their project, and by operators."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.storage import default_storage
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from projects import media, services
from projects.models import Canvas, Membership, Project, Role
from tests.harness.pictures import upload

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

CONTENT = b"picture"


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def canvas(alice: User, bob: User) -> Iterator[Canvas]:
    project = services.create_project(user=alice, data={"title": "Pictures"})
    Membership.objects.create(project=project, user=bob, role=Role.VIEWER)
    name = default_storage.save("canvases/a picture (1).png", upload(CONTENT))
    # No upload: a test may then know each byte.
    [canvas] = Canvas.objects.bulk_create([Canvas(project=project, image=name, width=1, height=1)])
    yield canvas
    default_storage.delete(name)


@pytest.fixture
def url(canvas: Canvas, bob: User) -> str:
    """The address that bob was given."""
    return given(canvas, bob)


def given(canvas: Canvas, user: User) -> str:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    parts = urlsplit(api.get(f"/api/canvases/{canvas.pk}/").json()["image"])
    return f"{parts.path}?{parts.query}"


def test_the_url_that_was_given_shows_the_file(client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response["Content-Type"] == "image/png"
    assert "sandbox" in response["Content-Security-Policy"]


def test_one_file_has_one_url_for_hours(canvas: Canvas, alice: User, bob: User) -> None:
    assert given(canvas, bob) == given(canvas, bob)
    assert given(canvas, bob) != given(canvas, alice)


@pytest.mark.parametrize(
    "change",
    ["no query", "other expiry", "other user", "other project", "other file", "up the tree"],
)
def test_any_other_url_shows_nothing(
    client: Client, url: str, alice: User, canvas: Canvas, change: str
) -> None:
    path, _, query = url.partition("?")
    project, user, *_ = query.split("&")
    other = default_storage.save("canvases/other.png", upload(b"other"))
    urls = {
        "no query": path,
        "other expiry": f"{path}?{query.replace('expires=', 'expires=1')}",
        "other user": f"{path}?{query.replace(user, f'user={alice.pk}')}",
        "other project": f"{path}?{query.replace(project, 'project=1000000')}",
        "other file": f"/media/{other}?{query}",
        "up the tree": f"/media/../manage.py?{query}",
    }
    assert client.get(urls[change]).status_code == 404
    default_storage.delete(other)


def leave(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete_projects(user: User) -> None:
    Project.objects.all().delete()


@pytest.mark.parametrize("end", [leave, deactivate, User.delete, delete_projects])
def test_a_url_ends_with_its_users_access(
    client: Client, url: str, bob: User, end: Callable[[User], None]
) -> None:
    assert client.get(url).status_code == 200
    end(bob)
    assert client.get(url).status_code == 404


def test_a_url_ends(client: Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 2 * media.LIFETIME + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get(url).status_code == 404


def test_a_file_that_is_gone_is_not_found(client: Client, url: str, canvas: Canvas) -> None:
    default_storage.delete(str(canvas.image.name))
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("is_operator", [False, True])
def test_without_a_signature_it_is_for_operators(
    client: Client, canvas: Canvas, is_operator: bool
) -> None:
    """What the admin's pages show: its session is the permission there."""
    staff = User.objects.create_user("staff", is_staff=True)
    if is_operator:
        staff.user_permissions.add(Permission.objects.get(codename="view_canvas"))
    client.force_login(staff)
    assert client.get(canvas.image.url).status_code == (200 if is_operator else 404)
    assert Client().get(canvas.image.url).status_code == 404


@pytest.mark.parametrize(
    ("asked", "content", "place"),
    [
        ("bytes=0-1", b"pi", "bytes 0-1/7"),  # what Safari begins with
        ("bytes=4-", b"ure", "bytes 4-6/7"),
        ("bytes=5-99", b"re", "bytes 5-6/7"),
        ("bytes=-2", b"re", "bytes 5-6/7"),
        ("bytes=-99", b"picture", "bytes 0-6/7"),
    ],
)
def test_a_part_is_sent_where_one_is_asked_for(
    client: Client, url: str, asked: str, content: bytes, place: str
) -> None:
    response = client.get(url, headers={"range": asked})
    assert response.status_code == 206
    assert (response.content, response["Content-Range"]) == (content, place)
    assert response["Content-Type"] == "image/png"


@pytest.mark.parametrize("asked", ["bytes=7-", "bytes=99-100", "bytes=-0"])
def test_no_part_of_the_file(client: Client, url: str, asked: str) -> None:
    response = client.get(url, headers={"range": asked})
    assert (response.status_code, response.content) == (416, b"")
    assert response["Content-Range"] == "bytes */7"


@pytest.mark.parametrize(
    "headers",
    [
        {"range": "bytes=0-1,3-4"},
        {"range": "bytes=3-1"},
        {"range": "bytes=-"},
        {"range": "bytes=a-b"},
        {"range": "bytes=\u0661-"},
        {"range": "lines=0-1"},
        {"range": "bytes=0-1", "if-range": '"another"'},
    ],
    ids=str,
)
def test_else_all_of_it_is_sent(client: Client, url: str, headers: dict[str, str]) -> None:
    response = client.get(url, headers=headers)
    assert (response.status_code, response.content) == (200, b"picture")
    assert response["Accept-Ranges"] == "bytes"
