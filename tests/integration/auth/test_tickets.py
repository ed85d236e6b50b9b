"""Tickets: one socket each, soon, with the life of the token that asked for them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings
from redis.asyncio import Redis
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from realtime.auth import tickets
from realtime.db import threads
from tests.harness.ports import free_port
from tests.harness.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]


def get_ticket(token: Any) -> Any:
    client = APIClient()
    if token is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client.post("/api/ws-ticket/")


async def connect(ticket: str) -> Socket:
    return await Socket.connect(None, f"/?ticket={ticket}")


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="secret")


async def outcome(socket: Socket) -> str:
    """Return "pong", or the code of the error that refused the socket."""
    await socket.send("ping")
    message = await socket.receive()
    return str(message["payload"].get("code", message["type"]))


async def test_a_ticket_opens_one_socket(alice: User) -> None:
    answer = await threads.run(get_ticket, AccessToken.for_user(alice))
    assert answer.status_code == 201
    assert answer.json()["expires_in"] == 30
    opened = await asyncio.gather(*(connect(answer.json()["ticket"]) for _ in range(5)))
    outcomes = [await outcome(socket) for socket in opened]
    assert sorted(outcomes) == ["TOKEN_INVALID"] * 4 + ["pong"]
    for socket in opened:
        await socket.disconnect()


@pytest.mark.parametrize("ticket", ["nonsense", "%00", "a:b"])
async def test_what_is_no_ticket_is_refused(ticket: str) -> None:
    socket = await connect(ticket)
    assert await outcome(socket) == "TOKEN_INVALID"
    assert await socket.closed() == 4101


def test_a_ticket_is_given_for_a_token_only(alice: User) -> None:
    for token in (None, "nonsense", RefreshToken.for_user(alice)):
        assert get_ticket(token).status_code == 401, token


async def test_a_ticket_ends_with_its_time(alice: User, settings: Settings) -> None:
    settings.REALTIME = settings.REALTIME | {"TICKET_LIFETIME": 0.05}
    ticket = tickets.issue(str(AccessToken.for_user(alice)))
    async with asyncio.timeout(30), Redis.from_url(settings.REALTIME["REDIS_URL"]) as redis:
        while await redis.exists(f"realtime:ticket:{ticket}"):
            await asyncio.sleep(0.01)
    socket = await connect(ticket)
    assert await outcome(socket) == "TOKEN_INVALID"


async def test_a_ticket_stands_for_what_its_token_does(alice: User) -> None:
    """The token's end, and what ends its user's access, count when the ticket is used."""
    expired = AccessToken.for_user(alice)
    expired.set_exp(from_time=timezone.now() - timedelta(hours=2), lifetime=timedelta(hours=1))
    socket = await connect(tickets.issue(str(expired)))
    assert await outcome(socket) == "TOKEN_EXPIRED"
    assert await socket.closed() == 4102

    ticket = tickets.issue(str(AccessToken.for_user(alice)))
    await threads.run(User.objects.filter(pk=alice.pk).update, is_active=False)
    socket = await connect(ticket)
    assert await outcome(socket) == "TOKEN_INVALID"


@pytest.mark.parametrize("forge", ["claims", "unsigned", "another key"])
async def test_4_who_writes_to_redis_signs_in_as_nobody(
    alice: User, settings: Settings, forge: str
) -> None:
    """A ticket stands for a signed token, and is worth no more than that."""
    claims = AccessToken.for_user(alice).payload
    forged = {
        "claims": json.dumps(claims),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "another key": jwt.encode(claims, "k" * 64, algorithm="HS256"),
    }[forge]
    async with Redis.from_url(settings.REALTIME["REDIS_URL"]) as redis:
        await redis.set("realtime:ticket:mine", forged)
    socket = await connect("mine")
    assert await outcome(socket) == "TOKEN_INVALID"
    assert await socket.closed() == 4101


async def test_without_redis_the_client_is_told_to_come_back(
    alice: User, settings: Settings
) -> None:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    answer = await threads.run(get_ticket, AccessToken.for_user(alice))
    assert answer.status_code == 503
    assert "try again" in answer.json()["detail"]
    socket = await connect("anything")
    assert await outcome(socket) == "UNAVAILABLE"
    assert await socket.closed() == 4204
