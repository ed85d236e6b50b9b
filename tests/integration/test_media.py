"""Uploaded files are seen by those who were given their URL, and for hours only."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from projects import media


@pytest.fixture
def name() -> Iterator[str]:
    saved = default_storage.save("canvases/a picture (1).png", ContentFile(b"picture"))
    yield saved
    default_storage.delete(saved)


def test_the_url_that_was_given_shows_the_file(client: Client, name: str) -> None:
    response = client.get(default_storage.url(name))
    assert response.status_code == 200
    assert response.content == b"picture"
    assert response["Content-Type"] == "image/png"
    assert "sandbox" in response["Content-Security-Policy"]


def test_one_file_has_one_url_for_hours(name: str) -> None:
    urls = {default_storage.url(name) for _ in range(3)}
    assert len(urls) == 1


@pytest.mark.parametrize("change", ["no query", "other expiry", "other file", "up the tree"])
def test_any_other_url_shows_nothing(client: Client, name: str, change: str) -> None:
    path, _, query = default_storage.url(name).partition("?")
    other = default_storage.save("canvases/other.png", ContentFile(b"other"))
    urls = {
        "no query": path,
        "other expiry": f"{path}?{query.replace('expires=', 'expires=1')}",
        "other file": f"/media/{other}?{query}",
        "up the tree": f"/media/../manage.py?{query}",
    }
    assert client.get(urls[change]).status_code == 404
    default_storage.delete(other)


def test_a_url_ends(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = default_storage.url(name)
    later = time.time() + 2 * media.LIFETIME + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get(url).status_code == 404


def test_a_file_that_is_gone_is_not_found(client: Client, name: str) -> None:
    url = default_storage.url(name)
    default_storage.delete(name)
    assert client.get(url).status_code == 404


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
    client: Client, name: str, asked: str, content: bytes, place: str
) -> None:
    response = client.get(default_storage.url(name), headers={"range": asked})
    assert response.status_code == 206
    assert (response.content, response["Content-Range"]) == (content, place)
    assert response["Content-Type"] == "image/png"


@pytest.mark.parametrize("asked", ["bytes=7-", "bytes=99-100", "bytes=-0"])
def test_no_part_of_the_file(client: Client, name: str, asked: str) -> None:
    response = client.get(default_storage.url(name), headers={"range": asked})
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
def test_else_all_of_it_is_sent(client: Client, name: str, headers: dict[str, str]) -> None:
    response = client.get(default_storage.url(name), headers=headers)
    assert (response.status_code, response.content) == (200, b"picture")
    assert response["Accept-Ranges"] == "bytes"
