"""Who may do what by REST: every endpoint and method for everybody.

A stranger gets 404, byte for byte what they get for a project that does not exist; who is not
signed in gets 401; a member whose role does not allow it 403.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver
from pytest_django import Settings
from rest_framework.test import APIClient

from projects import services, urls
from projects.models import Membership, Project, Role
from projects.pages import MAX_SIZE
from projects.rooms import ProjectRoom
from projects.services import staff
from tests.harness.pictures import picture, upload

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

CAST = ("owner", "editor", "viewer", "stranger", "anonymous")

MEMBERS = (200, 200, 200, 404, 401)
EDIT = (200, 200, 403, 404, 401)
OWN = (200, 403, 403, 404, 401)
ANYBODY = (200, 200, 200, 200, 401)
NOBODY = (405, 405, 405, 405, 401)


def status(code: int, pattern: tuple[int, ...]) -> tuple[int, ...]:
    """Return a pattern with another status for success."""
    return tuple(code if one == 200 else one for one in pattern)


CREATED, ACCEPTED, NO_CONTENT = 201, 202, 204

# method, path, body, the statuses for the cast
MATRIX: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("GET", "projects/", None, ANYBODY),
    ("POST", "projects/", {"title": "New"}, status(CREATED, ANYBODY)),
    ("PUT", "projects/", {}, NOBODY),
    ("PATCH", "projects/", {}, NOBODY),
    ("DELETE", "projects/", None, NOBODY),
    ("GET", "projects/{project}/", None, MEMBERS),
    ("PATCH", "projects/{project}/", {"title": "New"}, EDIT),
    ("DELETE", "projects/{project}/", None, status(NO_CONTENT, OWN)),
    ("POST", "projects/{project}/", {}, NOBODY),
    ("PUT", "projects/{project}/", {"title": "New"}, NOBODY),
    ("GET", "projects/{project}/members/", None, MEMBERS),
    ("POST", "projects/{project}/members/", {"username": "guest"}, status(CREATED, OWN)),
    ("PUT", "projects/{project}/members/", {}, NOBODY),
    ("PATCH", "projects/{project}/members/", {}, NOBODY),
    ("DELETE", "projects/{project}/members/", None, NOBODY),
    ("PATCH", "projects/{project}/members/{other}/", {"role": "viewer"}, OWN),
    ("DELETE", "projects/{project}/members/{other}/", None, status(NO_CONTENT, OWN)),
    ("GET", "projects/{project}/members/{other}/", None, NOBODY),
    ("POST", "projects/{project}/members/{other}/", {}, NOBODY),
    ("PUT", "projects/{project}/members/{other}/", {}, NOBODY),
    # to leave is everybody's right, but the last owner's
    ("DELETE", "projects/{project}/members/{self}/", None, (403, 204, 204, 404, 401)),
    ("GET", "projects/{project}/canvases/", None, MEMBERS),
    ("POST", "projects/{project}/canvases/", "an image", status(CREATED, EDIT)),
    ("PUT", "projects/{project}/canvases/", {}, NOBODY),
    ("PATCH", "projects/{project}/canvases/", {}, NOBODY),
    ("DELETE", "projects/{project}/canvases/", None, NOBODY),
    ("GET", "projects/{project}/events/", None, MEMBERS),
    ("POST", "projects/{project}/events/", {}, NOBODY),
    ("GET", "canvases/{canvas}/", None, MEMBERS),
    ("PATCH", "canvases/{canvas}/", {"title": "New"}, EDIT),
    ("DELETE", "canvases/{canvas}/", None, status(NO_CONTENT, EDIT)),
    ("POST", "canvases/{canvas}/", {}, NOBODY),
    ("PUT", "canvases/{canvas}/", {}, NOBODY),
    ("POST", "canvases/{canvas}/analyze/", None, status(ACCEPTED, EDIT)),
    ("GET", "canvases/{canvas}/analyze/", None, NOBODY),
    ("POST", "canvases/{canvas}/compose/", None, status(ACCEPTED, EDIT)),
    ("GET", "canvases/{canvas}/compose/", None, NOBODY),
    ("GET", "me/", None, ANYBODY),
    ("POST", "me/", {}, NOBODY),
]


@dataclass
class World:
    clients: dict[str, APIClient]
    ids: dict[str, Any]

    def send(self, who: str, method: str, path: str, body: Any = None, **ids: Any) -> Any:
        client = self.clients[who]
        user = User.objects.filter(username=who).first()
        ids = self.ids | {"self": user.pk if user else 1} | ids
        content, kind = ({"image": upload()}, "multipart") if body == "an image" else (body, "json")
        address = "/api/" + path.format(**ids)
        return getattr(client, method.lower())(address, content, format=kind)


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    """A project with the cast, and a member beside them."""
    settings.MEDIA_ROOT = tmp_path
    clients = {name: APIClient() for name in CAST}
    users = {name: User.objects.create_user(name) for name in (*CAST[:-1], "other", "guest")}
    for name in CAST[:-1]:
        clients[name].force_authenticate(users[name])
    owner = users["owner"]
    project = services.create_project(user=owner, data={"title": "Ours"})
    for name in ("editor", "viewer", "other"):
        role = Role.EDITOR if name == "other" else Role(name)
        staff.update_member(
            project_id=project.pk, user_id=users[name].pk, role=role, actor_id=owner.pk
        )
    canvas = services.add_canvas(user=owner, project_id=project.pk, title="Bay", image=picture())
    ids = {"project": project.pk, "canvas": canvas.pk, "other": users["other"].pk}
    return World(clients, ids)


@pytest.mark.parametrize("who", CAST)
@pytest.mark.parametrize("row", MATRIX, ids=[f"{row[0]} {row[1]}" for row in MATRIX])
def test_permissions(world: World, row: tuple[str, str, Any, tuple[int, ...]], who: str) -> None:
    method, path, body, expected = row
    answer = world.send(who, method, path, body)
    assert answer.status_code == expected[CAST.index(who)], answer.content
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer")
    if answer.status_code >= 400:
        assert answer.json().keys() == {"detail"}
    if answer.status_code == 404:
        missing = dict.fromkeys(("project", "canvas"), 10**9)
        assert answer.content == world.send(who, method, path, body, **missing).content


REFUSED = [
    (who, *row[:3])
    for row in MATRIX
    for who in ("viewer", "stranger")
    if row[0] != "GET" and row[3][CAST.index(who)] in (403, 404)
]
"""Attempts to write by somebody who may not."""


@pytest.fixture
def locked(world: World) -> Iterator[World]:
    """Somebody else has the project locked (on SQLite: the database) until the test is over."""
    is_locked, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            services.lock_project(project_id=world.ids["project"])
            is_locked.set()
            is_over.wait()
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    is_locked.wait()
    yield world
    is_over.set()
    holder.join()


@pytest.mark.django_db(transaction=True)
def test_8_who_may_not_write_waits_for_no_lock(locked: World) -> None:
    with connection.cursor() as cursor:  # it would fail, and not hang
        is_postgres = connection.vendor == "postgresql"
        cursor.execute("SET lock_timeout = 1000" if is_postgres else "PRAGMA busy_timeout = 1000")
    assert len(REFUSED) > 15
    for who, method, path, body in REFUSED:
        expected = 404 if who == "stranger" else 403
        answer = locked.send(who, method, path, body)
        assert answer.status_code == expected, (who, method, path)
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body"), [row[1:] for row in REFUSED if row[0] == "stranger"], ids=str
)
def test_8_to_refuse_takes_the_same_queries_as_to_miss(
    world: World, method: str, path: str, body: Any
) -> None:
    def queries(**ids: int) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert world.send("stranger", method, path, body, **ids).status_code == 404
        return [re.sub(r"\d+", "N", query["sql"]) for query in captured]

    assert queries() == queries(project=10**6, canvas=10**6)


def test_the_matrix_is_complete() -> None:
    """A new address does not come without its row."""

    def addresses(patterns: list[Any]) -> list[str]:
        found = []
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                found += addresses(pattern.url_patterns)
            elif isinstance(pattern, URLPattern):
                found.append(str(pattern.pattern))
        return found

    open_to_all = {"token/", "token/refresh/", "token/blacklist/"}
    tested_elsewhere = {"ws-ticket/"}  # tests/integration/auth/test_tickets.py
    here = {path.split("?")[0] for _, path, _, _ in MATRIX}
    patterns = addresses(urls.urlpatterns)
    assert len(patterns) - len(open_to_all | tested_elsewhere) == len(here) - 1  # {self} is {other}


# --- members


def role(world: World, name: str) -> str | None:
    row = Membership.objects.filter(project=world.ids["project"], user__username=name).first()
    return None if row is None else row.role


def test_members_are_listed_with_their_roles(world: World) -> None:
    rows = world.send("viewer", "GET", "projects/{project}/members/").json()
    assert {row["username"]: row["role"] for row in rows} == {
        "owner": "owner",
        "editor": "editor",
        "viewer": "viewer",
        "other": "editor",
    }
    assert all(row.keys() == {"user_id", "username", "role"} for row in rows)


@pytest.mark.parametrize("given", ["owner", "editor", "viewer", None])
def test_a_member_is_added(world: World, given: str | None) -> None:
    body = {"username": "guest"} | ({"role": given} if given else {})
    answer = world.send("owner", "POST", "projects/{project}/members/", body)
    assert answer.json()["role"] == role(world, "guest") == (given or "editor")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "username"),
        ({"username": "nobody"}, "username"),
        ({"username": ""}, "username"),
        ({"username": None}, "username"),
        ({"username": "GUEST"}, "username"),
        ({"username": "gone"}, "username"),
        ({"username": "other"}, "username"),  # a member already, whose role stays
        ({"username": "owner", "role": "viewer"}, "username"),
        ({"username": "guest", "role": "admin"}, "role"),
        ({"username": "guest", "role": ""}, "role"),
        ({"username": "guest", "role": None}, "role"),
        ({"username": "guest", "role": ["owner"]}, "role"),
    ],
    ids=str,
)
def test_who_cannot_be_added(world: World, body: Any, wrong: str) -> None:
    User.objects.create_user("gone", is_active=False)
    answer = world.send("owner", "POST", "projects/{project}/members/", body)
    assert answer.status_code == 400
    assert answer.json().keys() == {wrong}
    assert role(world, "guest") is None
    assert (role(world, "other"), role(world, "owner")) == ("editor", "owner")


def change(world: World, who: str, name: str, given: Any) -> Any:
    user_id = User.objects.get(username=name).pk
    path = f"projects/{{project}}/members/{user_id}/"
    return world.send(who, "PATCH", path, {"role": given})


def test_roles_change(world: World) -> None:
    for given in ("owner", "viewer", "viewer", "editor"):
        assert change(world, "owner", "other", given).json()["role"] == given
        assert role(world, "other") == given
    assert change(world, "owner", "other", "admin").status_code == 400
    assert change(world, "owner", "stranger", "viewer").status_code == 404


def test_the_last_owner_stays(world: World) -> None:
    leave = ("owner", "DELETE", "projects/{project}/members/{self}/")
    for answer in (change(world, "owner", "owner", "editor"), world.send(*leave)):
        assert answer.status_code == 403
        assert answer.json() == {"detail": "A project needs an owner."}
    assert role(world, "owner") == "owner"
    change(world, "owner", "other", "owner")
    assert world.send(*leave).status_code == 204
    assert role(world, "owner") is None
    assert world.send("owner", "GET", "projects/{project}/").status_code == 404


def test_an_owner_whose_account_ended_does_not_count(world: World) -> None:
    change(world, "owner", "other", "owner")
    User.objects.filter(username="other").update(is_active=False)
    leave = world.send("owner", "DELETE", "projects/{project}/members/{self}/")
    assert leave.status_code == 403
    assert change(world, "owner", "other", "viewer").status_code == 200, "but can be let go"


def test_a_role_that_is_none_spares_everybody_elses(world: World) -> None:
    """Written past the ORM, it must not stop the check of all sockets."""
    project_id = world.ids["project"]
    members = Membership.objects.filter(project_id=project_id)
    wrong = members.get(user__username="editor")
    members.filter(pk=wrong.pk).update(role="edtior")
    user_ids = set(members.values_list("user_id", flat=True))
    found = ProjectRoom().access([project_id], user_ids)
    assert {user_id for _, user_id in found} == user_ids - {wrong.user_id}
    changed = {"title": "New"}
    assert world.send("editor", "PATCH", "projects/{project}/", changed).status_code == 404
    for path in ("projects/{project}/", "projects/{project}/members/", "canvases/{canvas}/"):
        assert world.send("editor", "GET", path).status_code == 404, path
    assert world.send("editor", "GET", "projects/").json() == []
    assert world.send("owner", "PATCH", "projects/{project}/", changed).status_code == 200


# --- projects


def test_a_project_is_shown_with_the_readers_role(world: World) -> None:
    for who in ("owner", "editor", "viewer"):
        project = world.send(who, "GET", "projects/{project}/").json()
        assert project["role"] == who
        assert project.keys() == {
            *("id", "title", "description", "status", "content", "role"),
            *("created_at", "updated_at"),
        }
        assert world.send(who, "GET", "projects/").json() == [project]
    assert world.send("stranger", "GET", "projects/").json() == []


def test_who_creates_a_project_owns_it(world: World) -> None:
    body = {"title": "Mine", "content": {"a": 1, "b": None}}
    project = world.send("stranger", "POST", "projects/", body).json()
    assert (project["title"], project["status"], project["role"]) == ("Mine", "draft", "owner")
    assert project["content"] == {"a": 1}
    assert world.send("owner", "GET", f"projects/{project['id']}/").status_code == 404
    for wrong in ({}, {"title": ""}, {"title": "x", "id": 1}, {"title": "x", "role": "owner"}):
        assert world.send("stranger", "POST", "projects/", wrong).status_code == 400


def pages(world: World, who: str, path: str) -> list[list[Any]]:
    """Return the pages of a list, as their `Link` headers lead on."""
    found = []
    while path:
        answer = world.clients[who].get(path)
        found.append(answer.json())
        links = answer.get("Link", "")
        path = links.partition("<")[2].partition(">")[0]
        assert not links or links.endswith('; rel="next"')
    return found


def test_a_list_of_projects_comes_in_pages(world: World) -> None:
    made = [
        world.send("stranger", "POST", "projects/", {"title": str(n)}).json()["id"]
        for n in range(5)
    ]
    found = pages(world, "stranger", "/api/projects/?limit=2")
    assert [project["id"] for page in found for project in page] == made
    assert list(map(len, found)) == [2, 2, 1]


@pytest.mark.parametrize("key", ["canvases", "members"])
def test_every_list_comes_in_pages(world: World, key: str) -> None:
    project = Project.objects.get(pk=world.ids["project"])
    for number in range(5):
        project.canvases.create(title=str(number), image="x.png", width=1, height=1)
        project.memberships.create(user=User.objects.create_user(f"member {number}"))
    path = f"/api/projects/{project.pk}/{key}/"
    [whole] = pages(world, "owner", path)
    found = pages(world, "owner", f"{path}?limit=3")
    assert [row for page in found for row in page] == whole
    assert len(whole) > 5
    assert {len(page) for page in found[:-1]} == {3}


def test_pages_of_large_projects_end_early_and_leave_nothing_out(world: World) -> None:
    alice = User.objects.create_user("alice")
    world.clients["alice"] = APIClient()
    world.clients["alice"].force_authenticate(alice)
    made = []
    for number in range(60):
        content = {"a": ["x" * (60_000 * (number % 7 != 0))]}
        made.append(services.create_project(user=alice, data={"title": "T", "content": content}).pk)
    found = pages(world, "alice", "/api/projects/?limit=1000")
    assert [project["id"] for page in found for project in page] == made
    for page in found:
        assert len(json.dumps(page)) < MAX_SIZE + 60_500
    assert len(found) < 10
    Project.objects.filter(pk=made[0]).update(content={"a": "x" * 2 * MAX_SIZE})
    found = pages(world, "alice", "/api/projects/?limit=1000")
    assert [project["id"] for page in found for project in page] == made
    assert len(found[0]) == 1, "one that is too large for a page is one"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=x", "after=-1"])
def test_a_wrong_parameter_is_named(world: World, query: str) -> None:
    answer = world.clients["owner"].get(f"/api/projects/?{query}")
    assert answer.status_code == 400
    assert answer.json().keys() == {query.partition("=")[0]}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_taken(world: World, content_type: str) -> None:
    answer = world.clients["owner"].generic(
        "POST", "/api/projects/", '{"title": "x"}', content_type=content_type
    )
    assert answer.status_code == 415


def test_ids_that_no_row_has(world: World) -> None:
    for number in (0, 2**63 - 1, 2**63, 10**30, "x", "-1", "1.5", "１"):
        for path in (
            "projects/{}/",
            "projects/{}/canvases/",
            "canvases/{}/",
            "projects/{}/events/",
        ):
            answer = world.send("owner", "GET", path.format(number))
            assert answer.status_code == 404, (path, number)
    answer = world.send(
        "owner", "PATCH", f"projects/{{project}}/members/{10**17}/", {"role": "owner"}
    )
    assert answer.status_code == 404
