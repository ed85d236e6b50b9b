"""A socket takes what the REST API takes, by simplejwt's settings: then, and at every check."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, SlidingToken

from realtime.db import threads
from tests.harness.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

Rule = Callable[..., None]


@pytest.fixture
def alice(settings: Settings) -> User:
    settings.REALTIME = settings.REALTIME | {"ACCESS_INTERVAL": 0.05}
    return User.objects.create_user("alice", password="secret")


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> Rule:
    """Sets settings of simplejwt's, which it reads once."""

    def set_all(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setattr(api_settings, name, value)

    return set_all


def rest(token: Any) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return int(client.get("/api/me/").status_code)


async def opened(token: Any) -> Socket:
    """Return an open socket, of a token that REST takes, too."""
    assert await threads.run(rest, token) == 200
    socket = await Socket.connect(str(token))
    assert (await socket.call("ping"))["type"] == "pong"
    return socket


async def refused(token: Any) -> str:
    assert await threads.run(rest, token) == 401
    socket = await Socket.connect(str(token))
    return await ended(socket)


async def ended(socket: Socket) -> str:
    code = str((await socket.until("error"))["payload"]["code"])
    assert await socket.closed() in (4003, 4101, 4102)
    await socket.disconnect()
    return code


async def renewed(socket: Socket, token: Any) -> None:
    assert (await socket.call("authenticate", {"token": str(token)}))["type"] == "ack"


async def checked(socket: Socket) -> None:
    """Return when a socket has outlived a check: another one's user is put out by it."""
    eve = await threads.run(User.objects.create_user, "eve")
    witness = await Socket.connect(await threads.run(lambda: str(AccessToken.for_user(eve))))
    await threads.run(eve.delete)
    await ended(witness)
    assert (await socket.call("ping"))["type"] == "pong"


async def test_sliding_tokens(alice: User, rule: Rule) -> None:
    rule(AUTH_TOKEN_CLASSES=(AccessToken, SlidingToken))
    access = await threads.run(AccessToken.for_user, alice)
    sliding: Any = await threads.run(SlidingToken.for_user, alice)
    second: Any = await threads.run(SlidingToken.for_user, alice)
    await (await opened(access)).disconnect()
    socket = await opened(sliding)
    await renewed(socket, second)
    await checked(socket)
    await threads.run(second.blacklist)
    assert await ended(socket) == "TOKEN_EXPIRED"
    assert await refused(second) == "TOKEN_INVALID"


class HostsToken(AccessToken):
    """Ends with a row of the host's, here the user's first name."""

    token_type = "hosts"

    def verify(self) -> None:
        super().verify()
        if not User.objects.filter(pk=self["user_id"], first_name="").exists():
            raise TokenError("Not any more")


async def test_a_token_class_of_the_hosts_own(alice: User, rule: Rule) -> None:
    rule(AUTH_TOKEN_CLASSES=(HostsToken,))
    first, second = [await threads.run(HostsToken.for_user, alice) for _ in range(2)]
    assert await refused(await threads.run(AccessToken.for_user, alice)) == "TOKEN_INVALID"
    socket = await opened(first)
    await renewed(socket, second)
    assert (await socket.call("ping"))["type"] == "pong"
    await threads.run(User.objects.filter(pk=alice.pk).update, first_name="gone")
    assert await ended(socket) == "TOKEN_EXPIRED"
    assert await refused(second) == "TOKEN_INVALID"


@pytest.mark.parametrize("rules", [{}, {"USER_AUTHENTICATION_RULE": lambda user: user is not None}])
async def test_inactive_users_may_be_taken(alice: User, rule: Rule, rules: dict[str, Any]) -> None:
    rule(CHECK_USER_IS_ACTIVE=False, **rules)
    await threads.run(User.objects.filter(pk=alice.pk).update, is_active=False)
    token = await threads.run(AccessToken.for_user, alice)
    socket = await opened(token)
    await renewed(socket, token)
    await checked(socket)
    await threads.run(alice.delete)
    assert await ended(socket) == "USER_INACTIVE"


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_a_new_password_ends_sockets_where_the_host_asked_for_it(
    alice: User, rule: Rule, is_revoked: bool
) -> None:
    """simplejwt compares the hash. So one that is only made anew, as Django does at a sign-in
    when its hasher has changed, counts as changed there, and here."""
    rule(CHECK_REVOKE_TOKEN=is_revoked)
    token = await threads.run(AccessToken.for_user, alice)
    socket = await opened(token)

    def hash_anew() -> None:
        alice.set_password("secret")
        alice.save()

    await threads.run(hash_anew)
    if is_revoked:
        assert await ended(socket) == "TOKEN_EXPIRED"
        assert await refused(token) == "TOKEN_INVALID"
    else:
        await checked(socket)
        await socket.disconnect()
        await (await opened(token)).disconnect()


@pytest.mark.parametrize(
    "other",
    [
        {"algorithm": "HS256"},
        {"audience": "elsewhere"},
        {"issuer": "https://other.example"},
        {"audience": None},
        {"signing_key": "k" * 64},
    ],
    ids=str,
)
async def test_tokens_of_another_issuer(
    alice: User, rule: Rule, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    own = {
        "algorithm": "HS512",
        "signing_key": "s" * 64,
        "audience": "rooms",
        "issuer": "https://id.example",
    }
    rule(USER_ID_CLAIM="sub")

    def token_of(backend: dict[str, Any]) -> str:
        monkeypatch.setattr(state, "token_backend", TokenBackend(**backend))
        return str(AccessToken.for_user(alice))

    foreign, good = [await threads.run(token_of, one) for one in (own | other, own)]
    socket = await opened(good)
    await renewed(socket, good)
    await socket.disconnect()
    assert await refused(foreign) == "TOKEN_INVALID"


@pytest.mark.parametrize("kilobytes", [8, 16])
async def test_tokens_of_many_groups(alice: User, kilobytes: int) -> None:
    token = await threads.run(AccessToken.for_user, alice)
    token["groups"] = ["/group"] * (kilobytes * 85)
    assert len(str(token)) > kilobytes * 1000
    socket = await opened(token)
    await renewed(socket, token)
    await socket.disconnect()


@pytest.mark.parametrize("language", ["en", "de", "ja"])
async def test_an_expired_token_is_told_in_every_language(alice: User, language: str) -> None:
    token = await threads.run(AccessToken.for_user, alice)
    token.set_exp(lifetime=timedelta(hours=-1))
    with translation.override(language):
        assert await refused(token) == "TOKEN_EXPIRED"


async def test_an_expired_token_is_told_whichever_class_would_take_it(
    alice: User, rule: Rule
) -> None:
    rule(AUTH_TOKEN_CLASSES=(AccessToken, SlidingToken))
    token = await threads.run(SlidingToken.for_user, alice)
    token.set_exp(lifetime=timedelta(hours=-1))
    assert await refused(token) == "TOKEN_EXPIRED"
