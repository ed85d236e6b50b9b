"""What `config.settings` makes of the environment, and what it refuses, by name."""

from __future__ import annotations

import runpy
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.exceptions import ImproperlyConfigured
from psycopg import conninfo

from tests.harness.process import ROOT

PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "of-this-test-alone",
    "ALLOWED_HOSTS": "site.example",
    "REDIS_URL": "redis://host",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which nothing is set but VAR_DIR."""
    for name in ("DATABASE_URL", "DEBUG", "SIGN_IN_RATE"):  # by tests/settings.py, or in CI
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    return monkeypatch


def settings(environment: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    """Read the settings anew; those of the tests stay as they are."""
    for name, value in variables.items():
        environment.setenv(name, value)
    return runpy.run_path(str(ROOT / "config/settings.py"))


def test_a_fresh_machine_needs_none(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = settings(environment)
    assert made["DEBUG"] is True
    assert made["DATABASES"]["default"]["NAME"] == str(tmp_path / "db.sqlite3")
    assert made["EMBEDDED_VALKEY"] is True
    assert made["REDIS_URL"].startswith("unix://")


def test_an_empty_variable_is_none(environment: pytest.MonkeyPatch) -> None:
    assert settings(environment, REDIS_URL="", LOG_LEVEL="")["EMBEDDED_VALKEY"] is True


def test_production(environment: pytest.MonkeyPatch) -> None:
    made = settings(environment, **PRODUCTION)
    assert made["DEBUG"] is False
    assert made["SECRET_KEY"] == "of-this-test-alone"
    assert made["ALLOWED_HOSTS"] == ["site.example"]


@pytest.mark.parametrize("value", ["", " ", ","], ids=repr)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SECRET_KEY", "50 random characters"),
        ("ALLOWED_HOSTS", "names of this"),
        ("REDIS_URL", "redis://host"),
    ],
)
def test_production_does_not_start_without(
    environment: pytest.MonkeyPatch, name: str, remedy: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is missing: set it to .*{remedy}"):
        settings(environment, **PRODUCTION | {name: value})


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        *((f"DEBUG={value}", "1 or 0") for value in ("maybe", "2")),
        *(
            (f"SIGN_IN_RATE={value}", "such as 10/min")
            for value in ("30/fortnight", "30", "x/min", "0/min", "-1/min", "30/", "30/min/min")
        ),
        *(
            (f"ACCESS_TOKEN_LIFETIME={value}", "whole number from 1 to")
            for value in ("-5", "0", "1.5", "an hour", "9" * 20)
        ),
        *(
            (f"{name}={value}", "whole number from 0 to")
            for name in ("NUM_PROXIES", "HSTS_SECONDS")
            for value in ("-1", "x", "1e3")
        ),
        *(
            (f"ALLOWED_ORIGINS=https://fine.example,{value}", "scheme://host[:port]")
            for value in (
                *("nonsense", "*", "null", "https://", "//host", "https://a b", "https://*.*.b"),
                *("https://host/", "https://host/path", "https://user@host", "https://host:x"),
                "https://Host",  # browsers say it in small letters, and would not match
            )
        ),
        *((f"LOG_LEVEL={value}", "DEBUG, INFO, WARNING") for value in ("LOUD", "10")),
        ("SSL_REDIRECT=perhaps", "1 or 0"),
        ("VAR_DIR=/dev/null/var", "Not a directory"),
        *(
            (f"REDIS_URL={value}", "redis://:password@host:6379/0")
            for value in (
                *("nonsense", "host:6379", "http://h", "redis://", "redis:///1", "redis://h/x"),
                *("redis://h/1/2", "redis://h/-1", "redis://h?db=1", "REDIS://h", "rediss:///0"),
                *("unix://", "unix:///", "unix://host/path", "unix:///path?db=x"),
            )
        ),
        *(
            (f"REDIS_URL={value}", "percent-encoded")
            for value in ("redis://h:port", "redis://h:99999", "redis://:pass/word@h:1/0")
        ),
        *(
            (f"DATABASE_URL={value}", "postgres://user:password@host:5432/name or sqlite:///path")
            for value in (
                *("nonsense", "mysql://user@host/name", "postgres://", "postgres://host"),
                *("postgres://host/", "sqlite://", "sqlite:///", "sqlite://path"),
                *("sqlite://:memory:", "sqlite:///:memory:", "db.sqlite3"),
            )
        ),
        ("DATABASE_URL=postgres://user@host:port/name", "percent-encoded"),
    ],
    ids=lambda text: text[:50],
)
def test_what_makes_no_sense_is_refused_by_name(
    environment: pytest.MonkeyPatch, variable: str, remedy: str
) -> None:
    name, _, value = variable.partition("=")
    with pytest.raises(ImproperlyConfigured) as refused:
        settings(environment, **{name: value})
    assert str(refused.value).startswith(name)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    "variable",
    [
        "REDIS_URL=http://:hidden@host/0",
        "REDIS_URL=redis://:hidden@host/x",
        "REDIS_URL=redis://:hidden/@host/0",
        "DATABASE_URL=mysql://user:hidden@host/name",
        "DATABASE_URL=postgres://user:hidden/@host/name",
    ],
)
def test_a_refusal_does_not_tell_a_password(environment: pytest.MonkeyPatch, variable: str) -> None:
    name, _, value = variable.partition("=")
    with pytest.raises(ImproperlyConfigured) as refused:
        settings(environment, **{name: value})
    assert "hidden" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_what_makes_sense_is_taken(environment: pytest.MonkeyPatch) -> None:
    made = settings(
        environment,
        SIGN_IN_RATE="100/hour",
        ACCESS_TOKEN_LIFETIME="60",
        ALLOWED_ORIGINS="https://app.example, http://[::1]:3000,capacitor://localhost",
        LOG_LEVEL="warning",
        NUM_PROXIES="2",
    )
    assert made["REST_FRAMEWORK"]["DEFAULT_THROTTLE_RATES"] == {"sign_in": "100/hour"}
    assert made["REST_FRAMEWORK"]["NUM_PROXIES"] == 2
    assert made["SIMPLE_JWT"]["ACCESS_TOKEN_LIFETIME"].total_seconds() == 60
    assert made["REALTIME"]["ALLOWED_ORIGINS"] == made["CORS_ALLOWED_ORIGINS"]
    assert made["CORS_ALLOWED_ORIGINS"] == [
        "https://app.example",
        "http://[::1]:3000",
        "capacitor://localhost",
    ]
    assert made["LOGGING"]["root"]["level"] == "WARNING"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///of/here.sqlite3", {"NAME": "of/here.sqlite3"}),
        ("sqlite:////srv/a%20b.sqlite3", {"NAME": "/srv/a b.sqlite3"}),
        ("postgres://host/name", {"HOST": "host", "NAME": "name"}),
        ("postgresql://u:p%2F@host:1/name", {"USER": "u", "PASSWORD": "p/", "PORT": 1}),
        ("postgresql://u@/name?host=/run", {"HOST": "", "NAME": "name"}),
    ],
)
def test_databases(environment: pytest.MonkeyPatch, url: str, expected: dict[str, Any]) -> None:
    database = settings(environment, DATABASE_URL=url)["DATABASES"]["default"]
    assert expected.items() <= database.items()
    assert ("pool" in database["OPTIONS"]) == url.startswith("postgres")


def test_sqlite_has_on_its_disk_what_it_acknowledged(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = settings(environment)["DATABASES"]["default"]["OPTIONS"]
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        connection.executescript(options["init_command"])
        [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
    full = 2
    assert synchronous == full


def test_a_postgresql_that_is_lost_is_given_up_in_seconds(environment: pytest.MonkeyPatch) -> None:
    url = "postgres://host/name?tcp_user_timeout=7000"
    options = settings(environment, DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    parameters = {name: value for name, value in options.items() if name != "pool"}
    known: dict[str, Any] = conninfo.conninfo_to_dict(conninfo.make_conninfo(**parameters))
    assert int(known["tcp_user_timeout"]) == 7000, "what the URL says counts"
    assert int(known["connect_timeout"]) <= 10
    silence = int(known["keepalives_interval"]) * int(known["keepalives_count"])
    assert int(known["keepalives_idle"]) + silence <= 30


def test_a_var_dir_may_have_any_name(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    var_dir = tmp_path / "50% of #1?"
    made = settings(environment, VAR_DIR=str(var_dir))
    assert made["DATABASES"]["default"]["NAME"] == str(var_dir / "db.sqlite3")


@pytest.mark.parametrize(
    ("url", "celery"),
    [
        ("redis://host", "redis://host"),
        ("redis://:p%40ss@host:1/3", "redis://:p%40ss@host:1/3"),
        ("redis://user:word@[::1]:1/3", "redis://user:word@[::1]:1/3"),
        # Celery does not connect by TLS without being told what to verify.
        ("rediss://host/0", "rediss://host/0?ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_ca_certs=a", "rediss://host/0?ssl_ca_certs=a&ssl_cert_reqs=required"),
        ("rediss://host/0?ssl_cert_reqs=none", "rediss://host/0?ssl_cert_reqs=none"),
        # And has a word of its own for the database behind a Unix socket.
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix://:pw@/redis.sock?db=3", "redis+socket://:pw@/redis.sock?virtual_host=3"),
    ],
)
def test_redis(environment: pytest.MonkeyPatch, url: str, celery: str) -> None:
    made = settings(environment, REDIS_URL=url)
    assert made["EMBEDDED_VALKEY"] is False
    assert made["CHANNEL_LAYERS"]["default"]["CONFIG"] == {"hosts": [url]}
    assert made["REALTIME"]["REDIS_URL"] == made["REDIS_URL"] == url
    assert made["CELERY_BROKER_URL"] == made["CELERY_RESULT_BACKEND"] == celery
    # It would refuse one that it does not understand.
    assert Celery(backend=celery, set_as_current=False).backend.as_uri()
