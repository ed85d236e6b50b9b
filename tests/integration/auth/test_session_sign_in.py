"""A page of the same site needs no token: its session opens the socket, and ends it.

The middle of each test is what Django's own test client does over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from realtime.auth import sessions
from realtime.auth.base import BaseAuthentication, Handshake, Identity
from realtime.db import threads
from tests.harness.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

ENGINES = ["db", "cached_db", "cache", "file", "signed_cookies"]
KEEPS = [engine for engine in ENGINES if engine != "signed_cookies"]
"""Engines with which the server keeps the session, and so can end it."""
OWN_PAGE = "http://testserver"


@pytest.fixture(autouse=True)
def session_settings(settings: Settings, tmp_path: Path) -> None:
    settings.REALTIME = settings.REALTIME | {
        "ACCESS_INTERVAL": 0.05,
        "AUTHENTICATION_CLASSES": ["realtime.auth.sessions.SessionAuthentication"],
    }
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_COOKIE_SECURE = False
    settings.ALLOWED_HOSTS = ["testserver"]


@pytest.fixture(params=KEEPS)
def engine(request: pytest.FixtureRequest, settings: Settings) -> str:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return str(request.param)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="secret")


def browser(user: User | None = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


async def signed_in(user: User) -> Client:
    return await threads.run(browser, user)


async def connect(client: Client, origin: str | None = OWN_PAGE, **headers: str) -> Socket:
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    given = {"host": "testserver", "cookie": f"theme=dark; sessionid={cookie}", **headers}
    if origin is not None:
        given["origin"] = origin
    return await Socket.connect(None, headers=given)


async def is_open(socket: Socket) -> None:
    assert (await socket.call("ping"))["type"] == "pong"


async def end_of(socket: Socket) -> tuple[str, int]:
    error = await socket.until("error")
    code = await socket.closed()
    await socket.disconnect()
    return error["payload"]["code"], code


async def opens(client: Client, **options: Any) -> None:
    socket = await connect(client, **options)
    await is_open(socket)
    await socket.disconnect()


async def is_refused(client: Client, origin: str | None = OWN_PAGE) -> None:
    assert await end_of(await connect(client, origin)) == ("TOKEN_MISSING", 4101)


def sign_out(client: Client, _: User) -> None:
    client.logout()


def new_key(client: Client, _: User) -> None:
    client.session.cycle_key()


def expire(client: Client, _: User) -> None:
    session = client.session
    session.set_expiry(-1)
    session.save()


def new_password(_: Client, user: User) -> None:
    user.set_password("another")
    user.save()


def other_user(client: Client, _: User) -> None:
    session = client.session
    session[SESSION_KEY] = str(User.objects.create_user("bob").pk)
    session.save()


@pytest.mark.parametrize("end", [sign_out, new_key, expire, new_password, other_user])
async def test_a_socket_ends_with_its_session(
    alice: User, engine: str, end: Callable[[Client, User], None]
) -> None:
    client, other = await signed_in(alice), await signed_in(alice)
    socket, elsewhere = await connect(client), await connect(other)
    await is_open(socket)
    await threads.run(end, client, alice)
    assert await end_of(socket) == ("TOKEN_EXPIRED", 4102)
    if end is new_password:
        assert await end_of(elsewhere) == ("TOKEN_EXPIRED", 4102)
    else:  # another session of the same user goes on
        await is_open(elsewhere)
        await elsewhere.disconnect()


@pytest.mark.parametrize("engine_name", ["db", "signed_cookies"])
async def test_a_socket_ends_with_its_user(
    alice: User, settings: Settings, engine_name: str
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine_name}"
    socket = await connect(await signed_in(alice))
    await is_open(socket)
    await threads.run(User.objects.filter(pk=alice.pk).update, is_active=False)
    assert await end_of(socket) == ("USER_INACTIVE", 4003)


async def test_a_session_in_a_cookie_ends_by_age_and_password(
    alice: User, settings: Settings
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    socket = await connect(await signed_in(alice))
    await is_open(socket)
    await threads.run(new_password, browser(), alice)
    assert await end_of(socket) == ("TOKEN_EXPIRED", 4102)
    socket = await connect(await signed_in(alice))
    await is_open(socket)
    settings.SESSION_COOKIE_AGE = -1
    assert await end_of(socket) == ("TOKEN_EXPIRED", 4102)


async def test_a_session_that_is_only_written_to_ends_nothing(alice: User, engine: str) -> None:
    client = await signed_in(alice)
    socket = await connect(client)

    def write() -> None:
        session = client.session
        session["basket"] = [1, 2, 3]
        session.save()

    await threads.run(write)
    witness = await connect(await signed_in(await threads.run(User.objects.create_user, "eve")))
    await threads.run(User.objects.filter(username="eve").update, is_active=False)
    await end_of(witness)  # so the sockets have been looked at
    await is_open(socket)
    await socket.disconnect()


# --- who may not sign in


async def test_nobody_is_signed_in(alice: User, engine: str) -> None:
    def anonymous() -> Client:
        client = browser()
        session = client.session
        session["basket"] = [1]
        session.save()
        return client

    client = await threads.run(anonymous)
    await is_refused(client)
    client.cookies[django_settings.SESSION_COOKIE_NAME] = "no-such-session-that-was-ever-made"
    await is_refused(client)


async def test_a_planted_key_opens_nothing_after_the_sign_in(alice: User, engine: str) -> None:
    """Session fixation: whoever gave the browser its key does not share the sign-in."""
    client = await threads.run(browser)

    def plant() -> str:
        client.session.save()
        return client.cookies[django_settings.SESSION_COOKIE_NAME].value

    await threads.run(plant)
    planted = browser()
    planted.cookies[django_settings.SESSION_COOKIE_NAME] = client.session.session_key or ""
    await is_refused(planted)
    await threads.run(lambda: client.login(username="alice", password="secret"))
    await opens(client)
    await is_refused(planted)


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://testserver.evil.example"]
)
async def test_a_foreign_page_cannot_use_the_session(alice: User, origin: str | None) -> None:
    """Cross-site WebSocket hijacking: the browser sends the cookie, and the page's origin."""
    socket = await connect(await signed_in(alice), origin)
    code, _ = await end_of(socket)
    assert code == ("TOKEN_MISSING" if origin is None else "ORIGIN_FORBIDDEN")


async def test_a_page_that_may_use_tokens_may_not_use_sessions(
    alice: User, settings: Settings
) -> None:
    origin = "https://front.example"
    settings.REALTIME = settings.REALTIME | {"ALLOWED_ORIGINS": [origin]}
    client = await signed_in(alice)
    await is_refused(client, origin)
    settings.CSRF_TRUSTED_ORIGINS = [origin]
    await opens(client, origin=origin)


async def test_a_page_that_came_by_plain_http_has_no_secure_cookie(
    alice: User, settings: Settings
) -> None:
    client = await signed_in(alice)
    settings.SESSION_COOKIE_SECURE = True
    await is_refused(client, "http://testserver")
    await opens(client, origin="https://testserver")


class Doorman(ModelBackend):
    """Lets in who is not called bob."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.first_name != "bob"


class Guest(ModelBackend):
    """Reads users in a way of its own."""

    def get_user(self, user_id: Any) -> Any:
        return User.objects.filter(pk=user_id).exclude(first_name="bob").first()


@pytest.mark.parametrize("backend", ["Doorman", "Guest"])
async def test_a_backend_of_the_hosts_own_is_asked_every_time(
    alice: User, settings: Settings, backend: str
) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.{backend}"]
    client = await signed_in(alice)
    socket = await connect(client)
    await is_open(socket)
    await threads.run(User.objects.filter(pk=alice.pk).update, first_name="bob")
    assert await end_of(socket) == ("USER_INACTIVE", 4003)
    await is_refused(client)
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    await is_refused(client)  # the session is of a backend that the site has no more


async def test_a_former_key_of_the_site_holds_as_over_http(alice: User, settings: Settings) -> None:
    client = await signed_in(alice)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    await opens(client)


# --- the list


class HostsAuthentication(BaseAuthentication):
    """By a header; ends with the user's first name."""

    def find(self, handshake: Handshake) -> str | None:
        return handshake.headers.get("x-api-key")

    def authenticate(self, credential: str) -> Identity | None:
        user = User.objects.filter(username=credential).first()
        return None if user is None else Identity.of(user, proof=user.pk)

    def has_ended(self, identity: Identity) -> bool:
        return User.objects.filter(pk=identity.proof, first_name="gone").exists()


async def test_the_list_is_asked_in_order(alice: User, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {
        "AUTHENTICATION_CLASSES": [
            "realtime.auth.tokens.JWTAuthentication",
            f"{__name__}.HostsAuthentication",
            "realtime.auth.sessions.SessionAuthentication",
        ]
    }
    client = await signed_in(alice)
    await opens(client)
    # A key that is not valid is refused, though the session after it would do.
    assert await end_of(await connect(client, **{"x-api-key": "nobody"})) == ("TOKEN_INVALID", 4101)
    token = await threads.run(lambda: str(AccessToken.for_user(alice)))
    socket = await connect(client, authorization=f"Bearer {token}", **{"x-api-key": "nobody"})
    await is_open(socket)
    await socket.disconnect()
    socket = await connect(client, **{"x-api-key": "alice"})
    await is_open(socket)
    await threads.run(User.objects.filter(pk=alice.pk).update, first_name="gone")
    assert await end_of(socket) == ("TOKEN_EXPIRED", 4102)


async def test_by_default_no_cookie_opens_a_socket(alice: User, settings: Settings) -> None:
    given = settings.REALTIME
    settings.REALTIME = {key: given[key] for key in given if key != "AUTHENTICATION_CLASSES"}
    await is_refused(await signed_in(alice))


def test_of_many_sessions_it_finds_the_few_that_ended(
    alice: User, django_assert_num_queries: Any
) -> None:
    """In two queries; only what has changed is decoded again."""
    method = sessions.SessionAuthentication()
    keys = []
    store = import_module(django_settings.SESSION_ENGINE).SessionStore
    client = browser(alice)
    for _ in range(50):
        session = store()
        session.update(dict(client.session.items()))
        session.save()
        keys.append(session.session_key)
    found = [one for one in method.authenticate_all(keys) if isinstance(one, Identity)]
    assert len(found) == 50
    with django_assert_num_queries(2):
        assert method.revoked(found) == {}
    store(keys[7]).delete()
    assert set(method.revoked(found)) == {found[7]}
