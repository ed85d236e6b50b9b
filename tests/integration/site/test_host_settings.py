"""The app's own addresses and pages under settings of a host that change every page of its site."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.test import AsyncClient, Client, override_settings
from django.urls import clear_url_caches, include, path
from pytest_django import Settings

from projects.models import Project
from realtime.admin import RoomAdmin
from realtime.models import Room
from realtime.tasks import state
from tests.harness.process import run_python
from tests.harness.rooms import project as project_room
from tests.harness.sockets import TIMEOUT, application

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PROBES = ["/health/live", "/health/ready", "/metrics"]


# --- a site that is for people who signed in, or by TLS, or below a path


@pytest.mark.parametrize("address", PROBES)
async def test_probes_pass_a_site_that_asks_everybody_to_sign_in(
    settings: Settings, address: str
) -> None:
    settings.DEBUG = True
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert (await AsyncClient().get("/")).status_code == 302, "the middleware works"
    assert (await AsyncClient().get(address)).status_code == 200


@pytest.mark.parametrize("address", PROBES)
async def test_probes_pass_a_site_that_redirects_to_tls(settings: Settings, address: str) -> None:
    settings.DEBUG = True
    settings.SECURE_SSL_REDIRECT = True
    assert (await AsyncClient().get("/")).status_code == 301, "the middleware works"
    assert (await AsyncClient().get(address)).status_code == 200


PLACES = [
    # What the server says in `root_path`, FORCE_SCRIPT_NAME, and the path that arrives.
    ("", None, "/ws/"),
    ("/site", None, "/site/ws/"),
    ("/site/", None, "/site/ws/"),
    ("/site", None, "/site"),
    ("/site", None, "/ws/"),  # the proxy took it off
    ("", "/site", "/site/ws/"),
    ("", "/site/", "/site/ws/"),
    ("", "/site", "/ws/"),
    ("/other", "/site", "/site/ws/"),
]


@pytest.mark.parametrize(("root_path", "forced", "address"), PLACES)
async def test_a_socket_comes_to_a_site_below_a_path(
    settings: Settings, root_path: str, forced: str | None, address: str
) -> None:
    settings.FORCE_SCRIPT_NAME = forced
    socket = WebsocketCommunicator(application, address)
    socket.scope["root_path"] = root_path
    accepted, _ = await socket.connect(timeout=TIMEOUT)
    assert accepted
    assert "TOKEN_MISSING" in await socket.receive_from(timeout=TIMEOUT)
    await socket.receive_output(timeout=TIMEOUT)  # the close
    await socket.disconnect(timeout=TIMEOUT)


@pytest.mark.parametrize("address", ["/elsewhere/ws/", "/", "/site/nowhere"])
async def test_another_path_is_refused_without_an_error(address: str) -> None:
    socket = WebsocketCommunicator(application, f"{address}nowhere")
    socket.scope["root_path"] = "/site"
    accepted, _ = await socket.connect(timeout=TIMEOUT)
    assert not accepted


# --- pages of other origins


@pytest.mark.parametrize("origin", ["https://front.example", "https://a.b.preview.example"])
def test_a_page_elsewhere_may_read_what_leads_on(origin: str) -> None:
    allowed = {
        "ALLOWED_ORIGINS": "https://front.example,https://*.preview.example",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    shown = run_python(os.environ | allowed, "-c", SHOW_CORS)
    found = json.loads(shown)
    assert "Link" in found["exposed"]
    assert origin in found["origins"] or any(re.match(each, origin) for each in found["patterns"])
    assert not any(re.match(each, "https://preview.example") for each in found["patterns"])


SHOW_CORS = """
import json
from django.conf import settings
print(json.dumps({
    "exposed": settings.CORS_EXPOSE_HEADERS,
    "origins": settings.CORS_ALLOWED_ORIGINS,
    "patterns": settings.CORS_ALLOWED_ORIGIN_REGEXES,
}))
"""


# --- the console on a page of the host's own admin


other_site = AdminSite(name="staff")
other_site.register(Room, RoomAdmin)
bare_site = AdminSite(name="bare")


def page(site: AdminSite) -> Any:
    def view(request: HttpRequest) -> HttpResponse:
        template = engines["django"].from_string(
            "{% load realtime_console %}{% realtime_console project %}"
        )
        context = site.each_context(request) | {"project": Project(pk=54321)}
        return HttpResponse(template.render(context, request))

    return site.admin_view(view)


class Staff:
    """URLs of a project that has no `admin.site`, but one or two of its own."""

    urlpatterns = [
        path("staff/page/", page(other_site)),
        path("staff/", other_site.urls),
        path("bare/page/", page(bare_site)),
        path("bare/", bare_site.urls),
        path("", include("realtime.urls")),
    ]


@pytest.fixture
def operator(client: Client, settings: Settings) -> Iterator[Client]:
    settings.ROOT_URLCONF = Staff
    clear_url_caches()
    client.force_login(User.objects.create_superuser("alice"))
    state.mark_queued(task_id="t", task_type="analyze", room=project_room(54321))
    yield client
    clear_url_caches()


def test_the_console_is_shown_in_any_admin_site(operator: Client) -> None:
    for address in ("/staff/page/", "/bare/page/"):
        response = operator.get(address)
        assert response.status_code == 200
        assert "analyze" in response.content.decode()
    assert "/taskstate/" not in operator.get("/bare/page/").content.decode(), "it has no such page"


def test_a_disconnection_stays_in_its_admin_site(operator: Client) -> None:
    bob = User.objects.create_user("bob")
    response = operator.post(f"/staff/realtime/room/disconnect/{bob.pk}/")
    assert response.headers["Location"] == "/staff/realtime/room/"


@override_settings(USE_THOUSAND_SEPARATOR=True)
def test_links_have_plain_numbers(client: Client) -> None:
    client.force_login(User.objects.create_superuser("alice"))
    Project.objects.create(pk=54321, title="Many before it")
    Room.objects.create(pk=54321, kind="project", key="54321")
    for address in ("/admin/projects/project/54321/change/", "/admin/realtime/room/54321/change/"):
        text = client.get(address).content.decode()
        assert "?room=54321" in text
        assert "54,321&" not in text
        assert "=54,321" not in text
