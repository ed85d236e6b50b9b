"""Read settings from the environment. A wrong value stops the process, with its name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_RATE = re.compile(r"[1-9][0-9]*/(s|sec|second|m|min|minute|h|hour|d|day)")
_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://((\*\.)?[a-z0-9_-][a-z0-9._-]*|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
)
_MAX_NUMBER = 2**31 - 1
_DATABASE_URLS = "give postgres://user:password@host:5432/name or sqlite:///path"
_REDIS_URLS = (
    "give redis://:password@host:6379/0, rediss:// in place of redis:// for TLS, "
    "or unix:///path?db=0; the database is a number"
)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def require(name: str, remedy: str) -> None:
    """Refuse to go on without a value; `remedy` describes the value to set."""
    if not text(name).strip(" ,"):
        raise ImproperlyConfigured(f"{name} is missing: {remedy}")


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value not in _TRUE | _FALSE:
        raise _refused(name, value, "say 1 or 0")
    return value in _TRUE


def number(name: str, default: int, *, least: int = 0) -> int:
    value = text(name, str(default))
    with suppress(ValueError):
        if least <= int(value) <= _MAX_NUMBER:
            return int(value)
    raise _refused(name, value, f"give a whole number from {least} to {_MAX_NUMBER}")


def choice(name: str, default: str, choices: Iterable[str]) -> str:
    """Return one of some words, in capitals whatever the value's case."""
    value = text(name, default)
    if value.upper() not in choices:
        raise _refused(name, value, f"say one of {', '.join(choices)}")
    return value.upper()


def rate(name: str, default: str) -> str:
    """Return a rate in the form of Django REST framework, such as `10/min`."""
    value = text(name, default)
    if not _RATE.fullmatch(value):
        raise _refused(name, value, "give a number and a period, such as 10/min or 100/hour")
    return value


def listed(name: str, default: str = "") -> list[str]:
    """Return the parts of a value separated by commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def origins(name: str) -> list[str]:
    """Return a list of origins in the form that browsers send."""
    found = listed(name)
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            remedy = (
                "an origin is scheme://host[:port], in small letters, as xn--… where it has other "
                "ones, and without a path; *. before the host stands for every name below it"
            )
            raise _refused(name, origin, remedy)
    return found


def directory(name: str, default: Path) -> Path:
    """Return the path of a directory; make it if it is missing."""
    path = Path(text(name, str(default))).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(name, str(path), f"cannot be used: {error.strerror}") from None
    return path


def database_url(name: str, default: str) -> str:
    """Return the URL of a PostgreSQL database or of a SQLite file."""
    value = text(name, default)
    url = _split(name, value, _DATABASE_URLS)
    file = url.path[1:]
    # A database in memory would be another one in each process.
    is_sqlite = url.scheme == "sqlite" and not url.netloc and file not in ("", ":memory:")
    if not is_sqlite and not (url.scheme in ("postgres", "postgresql") and file):
        raise _unsupported(name, url, _DATABASE_URLS)
    return value


def redis_url(name: str) -> str:
    """Return the URL of a Redis server, by TCP (with or without TLS) or by a Unix socket."""
    value = text(name)
    url = _split(name, value, _REDIS_URLS)
    in_query = parse_qs(url.query).get("db", [""])[0]
    if value.startswith("unix://"):
        is_complete = len(url.path) > 1 and not url.hostname
        database = in_query
    else:
        # Not in the query: Celery and redis-py read it differently.
        is_complete = value.startswith(("redis://", "rediss://")) and bool(url.hostname)
        is_complete = is_complete and not in_query
        database = url.path.removeprefix("/")
    if not is_complete or not re.fullmatch("[0-9]*", database):
        raise _unsupported(name, url, _REDIS_URLS)
    return value


def _split(name: str, value: str, remedy: str) -> SplitResult:
    try:
        url = urlsplit(value)
        _ = url.port  # raises if it is none
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not a URL: {remedy}. A port is a number, and special characters of a "
            "password are percent-encoded, such as %2F for /"
        ) from None
    return url


def _refused(name: str, value: str, remedy: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r}: {remedy}")


def _unsupported(name: str, url: SplitResult, remedy: str) -> ImproperlyConfigured:
    """Return the error without the URL itself, which may have a password."""
    scheme = f" ({url.scheme}://…)" if url.scheme else ""
    return ImproperlyConfigured(f"{name} is not supported as it is{scheme}: {remedy}")
