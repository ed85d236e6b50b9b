"""Signing in again and again. The numbers are those of the cases in `docs/security.md`."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from pytest_django import Settings
from redis import Redis
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from projects import throttling
from tests.harness.ports import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

_numbers = itertools.count(1)


class CountingHasher(MD5PasswordHasher):
    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.hashed += 1
        return super().encode(password, salt)


@pytest.fixture
def alice(settings: Settings) -> User:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    return User.objects.create_superuser("alice", password="secret")


@pytest.fixture
def address() -> str:
    """One that nobody has tried from, as Redis is shared by tests."""
    number = next(_numbers)
    return f"198.18.{number // 256}.{number % 256}"


@pytest.fixture(autouse=True)
def three_a_minute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", {"sign_in": "3/min"})
    monkeypatch.setattr(throttling, "limit", throttling.SignInLimit())
    with Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter("sign-in:*"):
            client.delete(key)


def attempt(door: str, **given: Any) -> Any:
    if door == "/api/token/":
        body = {"username": "alice", "password": "guess"}
        return APIClient().post(door, body, format="json", **given)
    if door == "/admin/login/":
        return Client().post(door, {"username": "alice", "password": "guess"}, **given)
    client = Client()
    client.force_login(User.objects.get(username="alice"))
    return client.post(door, {"old_password": "guess", "new_password1": "x"}, **given)


DOORS = ["/api/token/", "/admin/login/", "/admin/password_change/"]


@pytest.mark.parametrize("door", DOORS)
def test_18_every_door_counts_before_it_hashes(alice: User, door: str, address: str) -> None:
    passed = [attempt(door, REMOTE_ADDR=address).status_code for _ in range(3)]
    assert 429 not in passed
    hashed = CountingHasher.hashed
    for refusing in DOORS:
        refused = attempt(refusing, REMOTE_ADDR=address)
        assert refused.status_code == 429
        assert 0 < int(refused["Retry-After"]) <= 61
    assert CountingHasher.hashed == hashed
    elsewhere = attempt(door, REMOTE_ADDR="192.0.2.1")
    assert elsewhere.status_code != 429


def test_18_of_many_at_once_exactly_so_many_pass(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At several processes together: each has a limit of its own, and all have one Redis."""
    monkeypatch.setattr(api_settings, "DEFAULT_THROTTLE_RATES", {"sign_in": "30/min"})
    processes = [throttling.SignInLimit() for _ in range(4)]
    request = RequestFactory().post("/admin/login/", REMOTE_ADDR=address)
    with ThreadPoolExecutor(50) as threads:
        waits = list(threads.map(lambda n: processes[n % 4].wait(request), range(200)))
    assert len([wait for wait in waits if not wait]) == 30


@pytest.mark.parametrize("door", DOORS[:2])
def test_18_to_look_at_a_door_is_no_attempt(alice: User, door: str, address: str) -> None:
    for _ in range(5):
        assert Client().get(door, REMOTE_ADDR=address).status_code != 429


def test_18_a_forwarded_address_is_not_believed(alice: User, address: str) -> None:
    answers = [
        attempt("/api/token/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        for number in range(5)
    ]
    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 2


@pytest.mark.parametrize(
    "forms",
    [
        [f"2001:db8:1:2::{number}" for number in range(1, 5)],
        ["[2001:db8:1:3::1]", "[2001:db8:1:3::1]:4711", "2001:db8:1:3::2", "2001:DB8:1:3::3"],
        ["::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7:4711", "192.0.2.7:4712"],
        ["no address"] * 4,
    ],
    ids=["a network", "with a port", "IPv4", "nonsense"],
)
def test_18_who_has_one_address_has_one_count(
    alice: User, forms: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_settings, "NUM_PROXIES", 1)
    codes = [attempt("/api/token/", HTTP_X_FORWARDED_FOR=form).status_code for form in forms]
    assert codes == [401] * 3 + [429]


def test_18_a_window_ends(alice: User, address: str, settings: Settings) -> None:
    """It is not prolonged by attempts that were refused, and it is not left without an end."""
    for _ in range(5):
        attempt("/api/token/", REMOTE_ADDR=address)
    with Redis.from_url(settings.REDIS_URL) as client:
        assert 0 < client.pttl(f"sign-in:{address}") <= 60_000
        client.delete(f"sign-in:{address}")  # as Redis does then
    assert attempt("/api/token/", REMOTE_ADDR=address).status_code == 401


@pytest.mark.parametrize("door", DOORS)
def test_18_without_redis_each_process_counts(
    alice: User, door: str, address: str, settings: Settings
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    codes = [attempt(door, REMOTE_ADDR=address).status_code for _ in range(5)]
    assert [code == 429 for code in codes] == [False] * 3 + [True] * 2


def test_18_what_a_process_counts_for_itself_is_bounded() -> None:
    counter = throttling.LocalCounter()
    for number in range(throttling.MAX_ADDRESSES + 100):
        assert counter.count(str(number), 60).number == 1
    assert counter.count(str(throttling.MAX_ADDRESSES), 60).number == 2
    assert counter.count("0", 60).number == 1, "the oldest are forgotten"
