"""6. The policy for Origin, as a matrix; `tests/e2e/test_access.py` has it on real servers."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from realtime.auth import origins


def scope(origin: str | None, host: str = "realtime.example", **headers: str) -> dict[str, Any]:
    named = {"host": host, **headers} | ({} if origin is None else {"origin": origin})
    return {
        "headers": [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in named.items()]
    }


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["realtime.example", "localhost"]
    settings.REALTIME = settings.REALTIME | {
        "ALLOWED_ORIGINS": [
            "https://front.example",
            "http://localhost:3000",
            "capacitor://localhost",
            "https://*.preview.example:8443",
        ]
    }


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "realtime.example"),
        ("https://front.example", "realtime.example"),
        ("HTTPS://Front.Example:443", "realtime.example"),
        ("http://localhost:3000", "localhost:8010"),
        ("capacitor://localhost", "realtime.example"),
        ("https://a.preview.example:8443", "realtime.example"),
        ("https://a.b.preview.example:8443", "realtime.example"),
        ("https://realtime.example", "realtime.example"),
        ("https://realtime.example", "realtime.example:443"),
        ("http://localhost:8010", "localhost:8010"),
    ],
)
def test_these_may_connect(origin: str | None, host: str) -> None:
    assert origins.is_allowed(scope(origin, host))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "realtime.example"),
        ("", "realtime.example"),
        ("https://evil.example", "realtime.example"),
        ("https://evil.example", "evil.example"),  # DNS rebinding
        ("https://realtime.example.evil.example", "realtime.example"),
        ("https://realtime.example@evil.example", "realtime.example"),
        ("https://evil.example/realtime.example", "realtime.example"),
        ("https://front.example:8443", "realtime.example"),
        ("https://preview.example:8443", "realtime.example"),
        ("https://.preview.example:8443", "realtime.example"),
        ("https://evilpreview.example:8443", "realtime.example"),
        ("https://a.preview.example", "realtime.example"),
        ("http://a.preview.example:8443", "realtime.example"),
        ("https://a.preview.example.evil.example:8443", "realtime.example"),
        ("http://front.example", "realtime.example"),
        ("http://localhost:3001", "localhost:8010"),
        ("capacitor://realtime.example", "realtime.example"),
        ("file://", "realtime.example"),
        ("https://realtime.example:port", "realtime.example"),
        ("https://[::1", "realtime.example"),
        ("\xff\x00", "realtime.example"),
        ("https://realtime.example", ""),
    ],
)
def test_these_may_not(origin: str, host: str) -> None:
    assert not origins.is_allowed(scope(origin, host))


def test_behind_a_proxy_that_is_trusted_its_host_counts(settings: Settings) -> None:
    forwarded = scope("https://realtime.example", "10.0.0.1", x_forwarded_host="realtime.example")
    assert not origins.is_allowed(forwarded)
    settings.USE_X_FORWARDED_HOST = True
    assert origins.is_allowed(forwarded)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("https://.example.org", "https://*.example.org"),
        ("https://BÜCHER.example", "xn--bcher-kva.example"),
        ("https://Front.example", "https://front.example"),
        ("https://a.*.example", "only once"),
        ("https://*", "only once"),
        ("https://*.*.example", "only once"),
        ("https://front.example/", "not an origin"),
    ],
)
def test_a_setting_that_would_never_match_says_what_to_write(text: str, remedy: str) -> None:
    assert remedy in origins.problem(text)


@pytest.mark.parametrize(
    "text", ["https://front.example:443", "https://*.preview.app", "http://[::1]:3000"]
)
def test_a_setting_that_can_match(text: str) -> None:
    assert origins.problem(text) == ""
