"""`manage.py check`: a configuration that is unsafe or makes no sense is told, by name."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import ERROR, run_checks
from django.db import connection
from pytest_django import Settings

from realtime.checks import authentication, tasks
from realtime.testing import environment
from tests.harness.process import run_python
from tests.harness.servers import Daphne
from tests.harness.stack import run_manage

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DEBUG": "0",
    "SECRET_KEY": "a long and random key " * 4,
    "ALLOWED_HOSTS": "realtime.example",
    "ALLOWED_ORIGINS": "https://front.example",
    "DATABASE_URL": "postgres://user:password@database.example/name",
    "REDIS_URL": "rediss://redis.example:6379/0",
}
CHECK = ("check", "--deploy", "--fail-level", "WARNING")


def test_production_settings_are_clean(tmp_path: Path) -> None:
    shown = run_manage(os.environ | PRODUCTION | {"VAR_DIR": str(tmp_path)}, *CHECK)
    assert "no issues" in shown


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"SECRET_KEY": "for-development-only-and-refused-by-check-deploy"}, ["config.E001"]),
        ({"DEBUG": "1"}, ["security.W018"]),
        (
            {
                "SECRET_KEY": "short",
                "SSL_REDIRECT": "0",
                "ALLOWED_HOSTS": "*",
                "DATABASE_URL": "",
                "ALLOWED_ORIGINS": "http://front.example",
            },
            ["security.W009", "security.W008", "config.E002", "config.W001", "realtime.W004"],
        ),
        ({"HSTS_SECONDS": "0"}, ["security.W004"]),
    ],
    ids=str,
)
def test_what_production_must_not_have_is_told(
    tmp_path: Path, changes: dict[str, str], ids: list[str]
) -> None:
    with pytest.raises(RuntimeError) as failed:
        run_manage(os.environ | PRODUCTION | changes | {"VAR_DIR": str(tmp_path)}, *CHECK)
    for name in ids:
        assert name in str(failed.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL"])
def test_a_production_server_does_not_start_without(tmp_path: Path, name: str) -> None:
    environment = os.environ | PRODUCTION | {name: "", "VAR_DIR": str(tmp_path)}
    with pytest.raises(RuntimeError, match=f"ImproperlyConfigured: {name} is missing: set it to"):
        Daphne(environment=environment, directory=tmp_path).start()


@pytest.mark.parametrize(
    ("realtime", "id_"),
    [
        ({"MAX_SOKETS": 5}, "realtime.E001"),
        ({"MESSAGE_RATE": 5}, "realtime.E001"),
        *(
            ({"REDIS_URL": url}, "realtime.E030")
            for url in ("", "localhost:6379", "sentinel://a:26379/main", "redis://host:port/0")
        ),
        ({"ACCESS_TIMEOUT": 2}, "realtime.E007"),
        ({"HTTP_CONCURRENCY": 0}, "realtime.E020"),
        *(
            ({"ALLOWED_ORIGINS": [text]}, "realtime.E004")
            for text in ("*", "null", "front.example", "https://front.example/", "https://", "")
        ),
    ],
)
def test_realtime_settings_that_make_no_sense(
    settings: Settings, realtime: dict[str, Any], id_: str
) -> None:
    settings.REALTIME = settings.REALTIME | realtime
    assert id_ in {message.id for message in run_checks(databases=[])}


def test_a_rotation_that_would_lose_the_session(settings: Settings) -> None:
    settings.SIMPLE_JWT = settings.SIMPLE_JWT | {"ROTATE_REFRESH_TOKENS": True}
    assert "realtime.E005" in {message.id for message in run_checks(databases=[])}


def test_a_database_that_cannot_keep_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "oracle")
    assert "realtime.E006" in {message.id for message in run_checks(databases=[])}


@pytest.mark.parametrize(
    ("pool", "is_enough"),
    [(True, False), ({"max_size": 7}, False), ({"min_size": 8}, True), ({"max_size": 8}, True)],
)
def test_http_has_no_more_turns_than_connections(
    monkeypatch: pytest.MonkeyPatch, pool: Any, is_enough: bool
) -> None:
    options = {**connection.settings_dict["OPTIONS"], "pool": pool}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    found = {message.id for message in run_checks(databases=[])}
    assert ("realtime.W020" in found) is not is_enough


@pytest.mark.parametrize(
    ("url", "options", "is_told"),
    [
        ("redis://localhost", {}, True),
        ("rediss://localhost", {"visibility_timeout": 3600}, True),
        ("redis+socket:///valkey.sock", {"socket_timeout": 5}, False),
        ("amqp://localhost", {}, False),
        (None, None, False),
    ],
)
def test_a_broker_without_a_time_limit_is_told(
    monkeypatch: pytest.MonkeyPatch, url: Any, options: Any, *, is_told: bool
) -> None:
    settings = SimpleNamespace(broker_url=url, broker_transport_options=options)
    monkeypatch.setattr(tasks, "current_app", SimpleNamespace(conf=settings))
    assert [message.id for message in tasks.check_broker()] == ["realtime.W050"] * is_told


def test_a_layer_that_would_stand_still(settings: Settings) -> None:
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}
    assert [message.id for message in run_checks(databases=[])] == ["realtime.W005"]


CORE = "channels_redis.core.RedisChannelLayer"
URL = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("layer", "ids"),
    [
        ({"BACKEND": "channels.layers.InMemoryChannelLayer"}, ["realtime.W012"]),
        ({"BACKEND": CORE}, ["realtime.W001", "realtime.W013"]),
        ({"BACKEND": CORE, "CONFIG": {"hosts": [URL]}}, ["realtime.W001", "realtime.W013"]),
        (
            {"BACKEND": CORE, "CONFIG": {"hosts": [{"address": URL, "socket_timeout": 15}]}},
            ["realtime.W001"],
        ),
    ],
    ids=str,
)
def test_a_layer_that_reaches_too_few(
    settings: Settings, layer: dict[str, Any], ids: list[str]
) -> None:
    settings.CHANNEL_LAYERS = {"default": layer}
    assert [message.id for message in run_checks(databases=[])] == ids


def test_the_settings_of_development_are_clean() -> None:
    assert run_checks(databases=[]) == []


def test_production_imports_nothing_of_development(tmp_path: Path) -> None:
    names = "{'development', 'realtime.development'}"
    program = f"import config.asgi, config.celery, sys; print(bool({names} & {{*sys.modules}}))"
    environment = os.environ | PRODUCTION | {"VAR_DIR": str(tmp_path)}
    assert run_python(environment, "-c", program) == "False\n"


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies"}, ["realtime.W041"]),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.cache"}, ["realtime.W042"]),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.cached_db"}, []),
        (
            {"MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"]},
            ["realtime.E041", "realtime.W052"],
        ),
    ],
    ids=str,
)
def test_what_sessions_cannot_do_is_told(
    settings: Settings, changes: dict[str, Any], ids: list[str]
) -> None:
    by_session = ["realtime.auth.sessions.SessionAuthentication"]
    settings.REALTIME = settings.REALTIME | {"AUTHENTICATION_CLASSES": by_session}
    for name, value in changes.items():
        setattr(settings, name, value)
    found = {str(message.id) for message in run_checks(databases=[])}
    assert {name for name in found if name.startswith("realtime")} == set(ids)


@pytest.mark.parametrize(
    "classes", [[], ["nowhere.Authentication"], ["realtime.auth.base.Handshake"], "realtime"]
)
def test_a_list_that_signs_nobody_in_is_told(settings: Settings, classes: Any) -> None:
    settings.REALTIME = settings.REALTIME | {"AUTHENTICATION_CLASSES": classes}
    assert "realtime.E040" in {message.id for message in run_checks(databases=[])}


@pytest.mark.parametrize(
    ("given", "is_told"),
    [
        ({}, True),
        ({"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": ["site.Basic"]}}, True),
        ({"REALTIME": {"AUTHENTICATION_CLASSES": ["whatever"]}}, False),
        ({"SIMPLE_JWT": {}}, False),
        ({"INSTALLED_APPS": ["rest_framework_simplejwt"]}, False),
        ({"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": ["site.JWTAuth"]}}, False),
    ],
    ids=str,
)
def test_tokens_that_nobody_asked_for_are_told(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], *, is_told: bool
) -> None:
    site = SimpleNamespace(**{"INSTALLED_APPS": ["django.contrib.auth"], **given})
    monkeypatch.setattr(authentication, "settings", site)
    assert [message.id for message in authentication.check_choice()] == ["realtime.W045"] * is_told


def test_the_settings_of_a_hosts_tests_are_clean(settings: Settings, db: None) -> None:
    with environment():
        assert [each for each in run_checks(databases=[]) if each.level >= ERROR] == []
    del settings.REALTIME
    with environment():
        pass
