"""What a site is given to install the rooms with: settings, wrapper, template tags, a command."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.template import engines
from django.test import RequestFactory
from django.urls import path
from pytest_django import Settings

from projects.models import Project
from projects.rooms import ProjectRoom
from realtime import extras
from realtime.asgi import wrap
from realtime.settings import install
from tests.harness.sockets import TIMEOUT

# --- settings


def new_site(**changes: Any) -> dict[str, Any]:
    """Return settings as `startproject` writes them."""
    return {
        "BASE_DIR": Path("/srv/mysite"),
        "DEBUG": True,
        "ROOT_URLCONF": "mysite.urls",
        "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.staticfiles"],
        "MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}},
        **changes,
    }


def test_a_new_site_has_all_that_rooms_need() -> None:
    site = new_site()
    install(site, redis_url="redis://redis.example/0")
    assert site["INSTALLED_APPS"] == [
        *("daphne", "django.contrib.auth", "django.contrib.staticfiles", "channels", "realtime")
    ]
    assert site["MIDDLEWARE"][0] == "realtime.middleware.UnavailableMiddleware"
    assert site["REALTIME"] == {"REDIS_URL": "redis://redis.example/0"}
    hosts = site["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"]
    assert hosts == ["redis://redis.example/0"]
    assert site["ASGI_APPLICATION"] == "mysite.asgi.application"
    assert site["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_what_the_site_says_itself_stays() -> None:
    said: dict[str, Any] = {
        "INSTALLED_APPS": ["daphne", "channels", "realtime.apps.RealtimeConfig"],
        "MIDDLEWARE": [
            "first.Middleware",
            "realtime.middleware.UnavailableMiddleware",
            "realtime.middleware.ActorMiddleware",
        ],
        "REALTIME": {"REDIS_URL": "redis://own.example/1", "MAX_BATCH": 8},
        "CHANNEL_LAYERS": {"default": {"BACKEND": "own.Layer"}},
        "ASGI_APPLICATION": "own.application",
        "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
    }
    site = new_site(**said, REDIS_URL="redis://other.example/0")
    install(site)
    assert {name: site[name] for name in said} == said
    before = json.dumps(site, default=str)
    install(site)
    assert json.dumps(site, default=str) == before


def test_without_a_redis_development_has_one_and_production_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    site = new_site(BASE_DIR=tmp_path)
    install(site)
    assert site["REALTIME"]["VALKEY_DIR"] == str(tmp_path / "var")
    assert site["REALTIME"]["REDIS_URL"].startswith("unix://")
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        install(new_site(DEBUG=False))
    monkeypatch.setattr(extras, "has", lambda _: False)
    with pytest.raises(ImproperlyConfigured, match=r"django-realtime-rooms\[dev\]"):
        install(new_site())


# --- a site with consumers of its own


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data: str = "", bytes_data: bytes | None = None) -> None:
        await self.send(text_data)


@pytest.fixture(scope="module")
def wrapped() -> Any:
    routes: Any = [path("chat/", Echo.as_asgi())]
    own = ProtocolTypeRouter({"http": ASGIHandler(), "websocket": URLRouter(routes)})
    return wrap(own, path="live/rooms/")


async def test_its_consumers_go_on_and_the_rooms_are_beside_them(wrapped: Any) -> None:
    chat = WebsocketCommunicator(wrapped, "/chat/")
    assert await chat.connect(timeout=TIMEOUT)
    await chat.send_to("hello")
    assert await chat.receive_from(timeout=TIMEOUT) == "hello"
    await chat.disconnect()
    for address in ("/live/rooms/", "/site/live/rooms/"):
        rooms = WebsocketCommunicator(wrapped, address)
        rooms.scope["root_path"] = address.removesuffix("/live/rooms/")
        assert await rooms.connect(timeout=TIMEOUT)
        error = await rooms.receive_json_from(timeout=TIMEOUT)
        assert error["payload"]["code"] == "TOKEN_MISSING"
        await rooms.disconnect()


async def test_its_pages_go_on(wrapped: Any) -> None:
    page = HttpCommunicator(wrapped, "GET", "/health/live", headers=[(b"host", b"localhost")])
    answer = await page.get_response(timeout=TIMEOUT)
    assert answer["status"] == 200


# --- the page


def rendered(**context: Any) -> str:
    template = engines["django"].from_string("{% load realtime %}{% realtime_script %}")
    return str(template.render(context, RequestFactory().get("/")))


def test_a_page_imports_the_client_by_its_name() -> None:
    text = rendered()
    found = re.search(r'<script type="importmap">(.*?)</script>', text)
    assert found
    url = json.loads(found[1])["imports"]["realtime"]
    assert url == "/static/realtime/realtime.min.js"
    assert f'<link rel="modulepreload" href="{url}">' in text


def test_it_has_the_nonce_of_the_request() -> None:
    assert rendered(csp_nonce="abc").count(' nonce="abc"') == 2
    assert rendered(csp_nonce='"><script>').count("<script") == 1


@pytest.mark.django_db
def test_an_element_says_which_room_it_shows() -> None:
    source = "{% load realtime %}<main {% live_room project %}>"
    project = Project.objects.create(title="Plans")
    text = str(engines["django"].from_string(source).render({"project": project}))
    found = re.fullmatch(r'<main data-room="(.*)">', text)
    assert found
    room = json.loads(unescape(found[1]))
    assert room == {"url": "/ws/", "kind": "project", "key": project.pk}
    with pytest.raises(LookupError):
        engines["django"].from_string(source).render({"project": User()})


def test_no_address_ends_the_element(settings: Settings) -> None:
    settings.STATIC_URL = "/</script><script>alert(1)//"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    assert rendered().count("<script") == 1


# --- the command


@pytest.mark.django_db
def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("realtime_check", no_color=True)
    lines = capsys.readouterr().out.splitlines()
    parts = [line.partition(":")[0] for line in lines]
    assert parts == ["Database", "Redis", "Channel layer", "Rooms"]
    assert "project (there is none yet)" in lines[-1]


@pytest.mark.django_db
def test_one_room_of_each_kind_is_tried(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.objects.create(title="Plans")
    call_command("realtime_check", no_color=True)
    assert f"project:{project.pk} can be shown and locked" in capsys.readouterr().out

    def fail(*_: Any) -> None:
        raise ValueError("no such column")

    for broken, words in (
        (fail, "Rooms: project: ValueError: no such column"),
        (lambda *_: {}, f"project:{project.pk} has its object, but"),
        (lambda *_: {project.pk: {"id": object()}}, "Rooms: project: TypeError"),
    ):
        monkeypatch.setattr(ProjectRoom, "snapshots", broken)
        with pytest.raises(CommandError):
            call_command("realtime_check", no_color=True)
        assert words in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"REALTIME": {"REDIS_URL": "redis://:secret@127.0.0.1:1/0"}},
            "Redis: redis://127.0.0.1:1/0 does not answer",
        ),
        (
            {
                "CHANNEL_LAYERS": {
                    "default": {
                        "BACKEND": "realtime.layer.PubSubChannelLayer",
                        "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
                    }
                }
            },
            "Channel layer: it takes no message",
        ),
        ({"CHANNEL_LAYERS": {}}, "Channel layer: there is none"),
    ],
    ids=["redis", "layer", "none"],
)
def test_what_is_wrong_is_said_in_words(
    settings: Settings, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: str
) -> None:
    settings.REALTIME = settings.REALTIME | changes.pop("REALTIME", {})
    for name, value in changes.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match="1 of 4 cannot serve rooms"):
        call_command("realtime_check", no_color=True, skip_checks=True)
    out = capsys.readouterr().out
    assert words in out
    assert "secret" not in out


@pytest.mark.django_db
def test_missing_tables_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    MigrationRecorder.Migration.objects.filter(app="realtime").delete()
    with pytest.raises(CommandError):
        call_command("realtime_check", no_color=True)
    assert "Database: " in (out := capsys.readouterr().out)
    assert "python manage.py migrate" in out
