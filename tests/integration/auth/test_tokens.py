"""Access tokens: which are taken, when they end, and how a socket outlives one.

The numbers are those of the cases in `docs/security.md`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import OperationalError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from realtime.auth import tokens
from realtime.db import threads
from tests.harness.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

Claims = dict[str, Any]


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="secret")


def make(user: User, *, life: float = 3600, **changes: Any) -> str:
    """Return an access token that ends in `life` seconds; None takes a claim out."""
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=life))
    claims = {**token.payload, **changes}
    return signed({name: value for name, value in claims.items() if value is not None})


def signed(claims: Claims, key: str = django_settings.SECRET_KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def unsigned(user: User) -> str:
    return signed(AccessToken.for_user(user).payload, key="", algorithm="none")


def of_another_key(user: User) -> str:
    return signed(AccessToken.for_user(user).payload, key="k" * 64)


def of_another_algorithm(user: User) -> str:
    return signed(AccessToken.for_user(user).payload, algorithm="HS384")


def without_its_signature(user: User) -> str:
    return str(AccessToken.for_user(user)).rpartition(".")[0] + "."


def of_a_deleted_user(user: User) -> str:
    token = make(user)
    user.delete()
    return token


def of_an_inactive_user(user: User) -> str:
    user.is_active = False
    user.save()
    return make(user)


def from_before_a_new_password(user: User) -> str:
    token = make(user)
    user.set_password("another")
    user.save()
    return token


def of_an_ended_session(user: User) -> str:
    refresh = RefreshToken.for_user(user)
    refresh.blacklist()
    return make(user, session=refresh["jti"])


BAD_TOKENS: list[Callable[[User], str]] = [
    unsigned,
    of_another_key,
    of_another_algorithm,
    without_its_signature,
    of_a_deleted_user,
    of_an_inactive_user,
    from_before_a_new_password,
    of_an_ended_session,
    lambda user: str(RefreshToken.for_user(user)),
    lambda user: make(user, token_type="sliding"),
    lambda user: make(user, token_type=None),
    lambda user: make(user, user_id=None),
    lambda user: make(user, user_id="nobody"),
    lambda user: make(user, user_id=[user.pk]),
    lambda user: make(user, user_id={"pk": user.pk}),
    lambda user: make(user, user_id=10**40),
    lambda user: make(user, user_id="\0"),
    lambda user: make(user, exp=None),
    lambda user: make(user, exp="soon"),
    lambda user: make(user, exp=10**30),
    lambda user: make(user, jti=None),
    lambda user: make(user, iat=time.time() + 3600),
    lambda user: make(user, nbf=time.time() + 3600),
    lambda user: "nonsense",
    lambda user: "a.b.c",
    lambda user: "é",
    lambda user: "%00",
    lambda user: "." * 10_000,
]


@pytest.mark.parametrize("bad", BAD_TOKENS)
async def test_4_every_bad_token_gets_the_same_answer(
    alice: User, bad: Callable[[User], str]
) -> None:
    socket = await Socket.connect(await threads.run(bad, alice))
    assert await socket.receive() == {
        "type": "error",
        "payload": {
            "code": "TOKEN_INVALID",
            "message": "The access token is not valid; get a new one",
        },
    }
    assert await socket.closed() == 4101
    await socket.disconnect()


@pytest.mark.parametrize(
    "changes",
    [{"life": -3}, {"life": 3}, {"iat": lambda: time.time() + 3}, {"nbf": lambda: time.time() + 3}],
    ids=["ended", "ends soon", "made later", "begins later"],
)
async def test_7_clocks_may_differ_by_a_few_seconds(alice: User, changes: Claims) -> None:
    """The leeway is 5 s: SIMPLE_JWT["LEEWAY"]."""
    values = {name: value() if callable(value) else value for name, value in changes.items()}
    socket = await Socket.connect(await threads.run(make, alice, **values))
    await socket.send("ping")
    await socket.until("pong")
    await socket.disconnect()


@pytest.mark.parametrize("life", [-6, -3600])
async def test_7_beyond_the_leeway_a_token_has_expired(alice: User, life: float) -> None:
    socket = await Socket.connect(await threads.run(make, alice, life=life))
    assert (await socket.expect("error"))["payload"]["code"] == "TOKEN_EXPIRED"
    assert await socket.closed() == 4102
    await socket.disconnect()


@pytest.fixture
def no_leeway(monkeypatch: pytest.MonkeyPatch) -> None:
    """simplejwt reads its setting once; without this, an end would take 5 s more."""
    monkeypatch.setattr(api_settings, "LEEWAY", 0.0)


async def test_1_a_token_that_ends_ends_its_socket(alice: User, no_leeway: None) -> None:
    socket = await Socket.connect(await threads.run(make, alice, life=4))
    warning = await socket.expect("token_expiring")
    assert 0 < warning["payload"]["expires_in"] < 4
    assert (await socket.expect("error"))["payload"]["code"] == "TOKEN_EXPIRED"
    assert await socket.closed() == 4102
    await socket.disconnect()


async def test_1_a_fresh_token_lets_the_socket_live_on(alice: User, no_leeway: None) -> None:
    first, second = [await threads.run(make, alice, life=life) for life in (4, 7)]
    socket = await Socket.connect(first)
    await socket.expect("token_expiring")
    reply = await socket.call("authenticate", {"token": second})
    assert reply["type"] == "ack"
    # Of the two, only the second one's end comes now.
    await socket.expect("token_expiring")
    assert (await socket.expect("error"))["payload"]["code"] == "TOKEN_EXPIRED"
    await socket.disconnect()


async def test_a_token_of_somebody_else_does_not_take_the_socket_over(alice: User) -> None:
    bob = await threads.run(User.objects.create_user, "bob")
    socket = await Socket.connect(await threads.run(make, alice))
    for bad in (await threads.run(make, bob), "nonsense", await threads.run(unsigned, alice)):
        reply = await socket.call("authenticate", {"token": bad})
        assert reply["payload"]["code"] == "TOKEN_INVALID"
    assert (await socket.call("ping"))["type"] == "pong"
    await socket.disconnect()


@pytest.mark.parametrize(
    ("fault", "code"),
    [(OperationalError("secret host"), "UNAVAILABLE"), (RuntimeError("secret"), "INTERNAL_ERROR")],
)
async def test_a_fault_of_ours_sends_the_client_back_later(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(tokens.JWTAuthentication, "authenticate_all", fail)
    socket = await Socket.connect("any")
    error = await socket.expect("error")
    assert error["payload"]["code"] == code
    assert "secret" not in str(error)
    assert await socket.closed() == 4204
    await socket.disconnect()
