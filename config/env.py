"""Settings from the environment. A value that makes no sense stops the process, by name."""

from __future__ import annotations

import os

from django.core.exceptions import ImproperlyConfigured

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def boolean(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name}={value!r}: say 1 or 0")
    return value in _TRUE


def number(name: str, default: int) -> int:
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r}: give a whole number") from None


def listed(name: str, default: str = "") -> list[str]:
    """Return the parts of a value separated by commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]
