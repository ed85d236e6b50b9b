"""The document at `/`, and what its policy allows."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.fixture
def client() -> Client:
    return Client()


def directives(policy: str) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in policy.split(";"))
    return {name: value for name, _, value in parts}


def test_policy_allows_nothing_but_the_sites_own(client: Client) -> None:
    policy = directives(client.get("/")["Content-Security-Policy"])
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' blob:",
        "media-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_nothing_is_inline(client: Client) -> None:
    html = client.get("/").content.decode()
    for script in re.findall(r"<script[^>]*>", html):
        assert " src=" in script or 'type="application/json"' in script, script
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)


def test_demo_people_are_offered_only_with_debug(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    assert "alice" in client.get("/").content.decode()
    settings.DEBUG = False
    settings.SECURE_SSL_REDIRECT = False
    html = client.get("/").content.decode()
    assert "alice" not in html
    assert "password" not in html


def test_answers_to_get_and_head_only(client: Client) -> None:
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405


def test_a_foreign_host_takes_one_line_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400
    [record] = [each for each in caplog.records if each.name == "django.security.DisallowedHost"]
    assert "elsewhere.example" in record.getMessage()
    assert record.exc_info is None
