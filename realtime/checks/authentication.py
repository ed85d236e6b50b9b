"""Check the ways to sign in, and the settings that each of them needs."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from realtime import conf
from realtime.auth.base import BaseAuthentication


@register(Tags.compatibility)
def check_classes(**_: Any) -> list[CheckMessage]:
    try:
        paths: Any = conf.get().AUTHENTICATION_CLASSES
    except (ImproperlyConfigured, TypeError):  # told by `check_settings`
        return []
    if not paths or isinstance(paths, str):
        return [_bad("it is to be a list of dotted paths, in the order in which they are asked")]
    return [_bad(problem) for path in paths if (problem := _problem(path))]


def _problem(path: str) -> str:
    try:
        found = import_string(path)
    except ImportError as error:
        return f"{path} cannot be imported: {error}"
    is_one = isinstance(found, type) and issubclass(found, BaseAuthentication)
    return "" if is_one else f"{path} is no realtime.auth.base.BaseAuthentication"


def _bad(problem: str) -> CheckMessage:
    return Error(
        f'REALTIME["AUTHENTICATION_CLASSES"]: {problem}',
        hint="realtime.auth.tokens.JWTAuthentication, realtime.auth.tokens.TicketAuthentication "
        "and realtime.auth.sessions.SessionAuthentication are there.",
        id="realtime.E040",
    )


def _uses(module: str) -> bool:
    """Return True if a class of this module, or a subclass, is in the list."""
    try:
        classes = [import_string(path) for path in conf.get().AUTHENTICATION_CLASSES]
    except (ImproperlyConfigured, TypeError, ImportError):  # told by the check of that
        return False
    bases = (base for found in classes if isinstance(found, type) for base in found.__mro__)
    return any(base.__module__ == module for base in bases)


# --- Django's sessions

_SESSION_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
_SIGN_IN_MIDDLEWARE = "django.contrib.auth.middleware.AuthenticationMiddleware"


@register(Tags.compatibility)
def check_sessions(**_: Any) -> list[CheckMessage]:
    if not _uses("realtime.auth.sessions"):
        return []
    missing = [
        name for name in (_SESSION_MIDDLEWARE, _SIGN_IN_MIDDLEWARE) if not _has_middleware(name)
    ]
    if missing:
        return [
            Error(
                f"Sockets sign in by Django's session, and this site has none: {', '.join(missing)}"
                " is not in MIDDLEWARE",
                hint='Add it, or have another list in REALTIME["AUTHENTICATION_CLASSES"].',
                id="realtime.E041",
            )
        ]
    engine = settings.SESSION_ENGINE
    if engine == "django.contrib.sessions.backends.signed_cookies":
        return [
            CheckWarning(
                "Signing out cannot end sockets: with signed_cookies the server keeps nothing of "
                "a session",
                hint="Use another SESSION_ENGINE, such as cached_db. As it is, SESSION_COOKIE_AGE "
                "and a changed password end them.",
                id="realtime.W041",
            )
        ]
    if engine == "django.contrib.sessions.backends.cache" and _is_local_cache():
        return [
            CheckWarning(
                "Sessions are kept in the memory of one process: with a second one, sockets are "
                "signed out at random, and so is HTTP",
                hint="Have a cache in SESSION_CACHE_ALIAS that all processes share, or use "
                "another SESSION_ENGINE.",
                id="realtime.W042",
            )
        ]
    return []


def _has_middleware(name: str) -> bool:
    """Return True if the site has a middleware, or a subclass of its own."""
    wanted = import_string(name)
    for path in settings.MIDDLEWARE:
        try:
            found = import_string(path)
        except ImportError:  # told by Django at the first request
            continue
        if isinstance(found, type) and issubclass(found, wanted):
            return True
    return False


def _is_local_cache() -> bool:
    backend = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", "")
    return bool(backend.endswith((".LocMemCache", ".DummyCache")))


# --- tokens of simplejwt's


@register(Tags.compatibility)
def check_choice(**_: Any) -> list[CheckMessage]:
    """Warn if sockets want tokens only because simplejwt happens to be installed."""
    is_chosen = "AUTHENTICATION_CLASSES" in getattr(settings, "REALTIME", {})
    if is_chosen or not _uses("realtime.auth.tokens") or _speaks_of_tokens():
        return []
    return [
        CheckWarning(
            "Sockets sign in by tokens, as simplejwt is installed, and nothing in the settings "
            "speaks of tokens: pages that are signed in by Django's session are refused",
            hint='Say which it is: REALTIME["AUTHENTICATION_CLASSES"] = '
            '["realtime.auth.sessions.SessionAuthentication"], or '
            "realtime.auth.tokens.JWTAuthentication, or both.",
            id="realtime.W045",
        )
    ]


def _speaks_of_tokens() -> bool:
    if hasattr(settings, "SIMPLE_JWT"):
        return True
    rest = getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_AUTHENTICATION_CLASSES", ())
    return any("jwt" in str(name).lower() for name in (*settings.INSTALLED_APPS, *rest))


@register(Tags.compatibility)
def check_rotation(**_: Any) -> list[CheckMessage]:
    if not _uses("realtime.auth.tokens"):
        return []
    given = _simple_jwt()
    names_sessions = str(given.TOKEN_OBTAIN_SERIALIZER).startswith("realtime.auth.serializers.")
    if names_sessions and given.ROTATE_REFRESH_TOKENS:
        return [
            Error(
                "Rotation replaces the refresh token that names a session, so that signing out "
                "would not end its sockets",
                hint='Set SIMPLE_JWT["ROTATE_REFRESH_TOKENS"] to False.',
                id="realtime.E005",
            )
        ]
    return []


@register(Tags.compatibility)
def check_passwords(**_: Any) -> list[CheckMessage]:
    if not _uses("realtime.auth.tokens"):
        return []
    users = get_user_model()
    if _simple_jwt().CHECK_REVOKE_TOKEN and getattr(users, "password", None) is None:
        return [
            Error(
                f"Tokens are bound to passwords, and {users._meta.label} has none",
                hint='Set SIMPLE_JWT["CHECK_REVOKE_TOKEN"] to False.',
                id="realtime.E008",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_ends(**_: Any) -> list[CheckMessage]:
    if not _uses("realtime.auth.tokens"):
        return []
    messages: list[CheckMessage] = []
    if not _simple_jwt().CHECK_REVOKE_TOKEN:
        messages.append(
            CheckWarning(
                "A changed password does not end the access tokens from before",
                hint='Set SIMPLE_JWT["CHECK_REVOKE_TOKEN"] to True.',
                id="realtime.W002",
            )
        )
    if not apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        messages.append(
            CheckWarning(
                "Signing out cannot end sockets",
                hint="Install rest_framework_simplejwt.token_blacklist; see realtime/auth.",
                id="realtime.W003",
            )
        )
    return messages


def _simple_jwt() -> Any:
    from rest_framework_simplejwt.settings import api_settings  # absent on a site without tokens

    return api_settings
