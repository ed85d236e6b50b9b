"""Signing in, refreshing and signing out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password=PASSWORD)


def post(path: str, data: dict[str, Any]) -> Any:
    return APIClient().post(f"/api/token/{path}", data, format="json")


def signed_in() -> dict[str, str]:
    tokens: dict[str, str] = post("", {"username": "alice", "password": PASSWORD}).json()
    return tokens


def session(access: Any) -> str:
    named: str = AccessToken(access)["session"]
    return named


def test_a_session_is_named_in_every_access_token(alice: User) -> None:
    tokens = signed_in()
    refreshed = post("refresh/", {"refresh": tokens["refresh"]}).json()
    assert session(tokens["access"]) == session(refreshed["access"])
    assert session(tokens["access"]) != session(signed_in()["access"])


def change_password(user: User) -> None:
    user.set_password("another one")
    user.save()


def deactivate(user: User) -> None:
    user.is_active = False
    user.save()


@pytest.mark.parametrize("end", [change_password, deactivate, User.delete])
def test_2_a_refresh_token_ends_with_what_it_stood_for(alice: User, end: Any) -> None:
    refresh = signed_in()["refresh"]
    end(alice)
    refused = post("refresh/", {"refresh": refresh})
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_not_valid"
