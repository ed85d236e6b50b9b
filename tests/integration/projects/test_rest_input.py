"""What the REST API makes of hostile bodies: the same answer on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from projects.services import staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="secret")


@pytest.fixture
def client(alice: User) -> APIClient:
    signed_in = APIClient()
    signed_in.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(alice)}")
    return signed_in


@pytest.fixture
def project_id(alice: User) -> int:
    return int(services.create_project(user=alice, data={"title": "A project"}).pk)


def send(client: APIClient, path: str, body: str | bytes, method: str = "post") -> Any:
    data: Any = body
    return client.generic(method.upper(), f"/api/{path}", data, content_type="application/json")


BAD_BODIES: dict[str, tuple[str | bytes, int]] = {
    "not JSON": ("{", 400),
    "NaN": ('{"title": NaN}', 400),
    "Infinity": ('{"content": {"a": Infinity}}', 400),
    "an infinite number": ('{"title": "a", "content": {"a": 1e400}}', 400),
    "many digits": ('{"title": "a", "content": {"a": %s}}' % ("9" * 5000), 400),
    "a large integer": ('{"title": "a", "content": {"a": 18446744073709551616}}', 400),
    "deep": ('{"title": "a", "content": ' + '{"a":' * 5000 + "1" + "}" * 5001, 400),
    "rather deep": ('{"title": "a", "content": ' + '{"a":' * 40 + "1" + "}" * 41, 400),
    "a lone surrogate": (r'{"title": "\ud800"}', 400),
    "a surrogate as a key": (r'{"title": "a", "content": {"\udfff": 1}}', 400),
    "NUL": (r'{"title": "\u0000"}', 400),
    "NUL in a key": (r'{"title": "a", "content": {"\u0000": 1}}', 400),
    "no UTF-8": (b'{"title": "\xff"}', 400),
    "over-long": ('{"title": "%s"}' % ("x" * 201), 400),
    "an array": ("[]", 400),
    "a string": ('"title"', 400),
    "null": ("null", 400),
    "an owner": ('{"title": "a", "owner": 2}', 400),
    "large": ('{"title": "%s"}' % ("x" * 600_000), 413),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_15_a_bad_body_is_refused(client: APIClient, project_id: int, name: str) -> None:
    body, status = BAD_BODIES[name]
    for path, method in (("projects/", "post"), (f"projects/{project_id}/", "patch")):
        answer = send(client, path, body, method)
        assert answer.status_code == status, answer.content
        assert "Traceback" not in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"a": 1, "a": 2}', "same key twice"),
        ('{"a": 18446744073709551616}', "out of range"),
        ('{"a": 1e400}', "out of range"),
        ('{"a": NaN}', "NaN is not JSON"),
        (r'{"a": "\ud800"}', "lone surrogate"),
        (r'{"a": "\u0000"}', "NUL"),
        (r'{"a": "\\\u0000"}', "NUL"),
        ("[" * 40 + "]" * 40, "too deeply"),
        ('{"a": ', "Not valid JSON"),
    ],
)
def test_15_json_is_as_strict_as_on_the_socket(
    client: APIClient, content: str, problem: str
) -> None:
    answer = send(client, "projects/", f'{{"title": "a", "content": {content}}}')
    assert answer.status_code == 400, answer.content
    assert problem in answer.json()["detail"]


def test_an_escaped_backslash_before_u0000_is_no_nul(client: APIClient) -> None:
    answer = send(client, "projects/", r'{"title": "\\u0000"}')
    assert answer.status_code == 201, answer.content
    assert answer.json()["title"] == r"\u0000"


@pytest.mark.parametrize("username", ["[]", "{}", "1", "null", '"%s"' % ("x" * 9999)])
def test_15_a_member_who_cannot_be(client: APIClient, project_id: int, username: str) -> None:
    answer = send(client, f"projects/{project_id}/members/", f'{{"username": {username}}}')
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == ["username"]


def test_a_member_who_is_nobody(client: APIClient, project_id: int) -> None:
    answer = send(client, f"projects/{project_id}/members/", '{"username": "nobody"}')
    assert answer.status_code == 400
    assert answer.json() == {"username": ["There is no user of that name."]}


@pytest.mark.parametrize(
    "body",
    [
        r'{"username": "\u0000", "password": "x"}',
        r'{"username": "alice", "password": "\u0000"}',
        r'{"username": ["alice"], "password": {}}',
        '{"username": "%s", "password": "x"}' % ("x" * 9999),
    ],
)
def test_15_signing_in_with_rubbish(alice: User, body: str) -> None:
    assert send(APIClient(), "token/", body).status_code in {400, 401}


def test_8_a_forbidden_project_is_like_a_missing_one(alice: User, project_id: int) -> None:
    stranger = APIClient()
    bob = User.objects.create_user("bob")
    stranger.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(bob)}")
    paths = ["", "events/", "members/", "canvases/"]
    requests = [("get", path, "") for path in paths] + [
        ("patch", "", '{"title": "b"}'),
        ("delete", "", ""),
        ("post", "members/", '{"username": "alice"}'),
        ("delete", f"members/{alice.pk}/", ""),
    ]

    def answers() -> list[tuple[int, bytes]]:
        sent = [send(stranger, f"projects/{project_id}/{p}", body, m) for m, p, body in requests]
        return [(answer.status_code, answer.content) for answer in sent]

    forbidden = answers()
    staff.delete_project(project_id=project_id, actor_id=None)
    assert answers() == forbidden
    assert {status for status, _ in forbidden} == {404}
