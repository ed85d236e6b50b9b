"""Convert values of a host to plain JSON: the one door for all that enters a log or a snapshot.

Values come out as Django's JSON encoder writes them: decimals, dates, UUIDs, lazy texts, and every
subclass of text or number (`SafeString`, members of enumerations).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder

Replace = Callable[[Any], Any]
"""Returns a replacement for a value that is not JSON, or raises."""

_PLAIN = frozenset((str, int, bool, type(None)))
_MAX_DEPTH = 100
_encoder = DjangoJSONEncoder()


def plain(value: Any) -> Any:
    """Return a value as plain JSON; the same object if it is that already.

    Raises:
        TypeError: if it cannot be JSON; the message names the part.
    """
    return value if _is_plain((value,), 0) else _plain(value, _refuse, 0)


def nearest(value: Any) -> Any:
    """Return a value as plain JSON that any database takes; a part that cannot be is its text."""
    return _plain(value, _as_text, 0)


def user_key(value: Any) -> Any:
    """Return the primary key of a user as its column takes it; None for no user.

    Raises:
        ValueError: if no user can have it.
    """
    if value is None:
        return None
    try:
        return get_user_model()._meta.pk.clean(value, None)
    except ValidationError:
        raise ValueError(f"No user can have the id {value!r:.100}") from None


def storable(text: str) -> str:
    """Return a text without NUL and lone surrogates, which PostgreSQL or UTF-8 do not take."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _is_plain(items: Iterable[Any], depth: int) -> bool:
    """Return True if all items are plain JSON already, as nearly always: the quick way to tell."""
    for item in items:
        kind = type(item)
        if kind in _PLAIN or (kind is float and math.isfinite(item)):
            continue
        if kind is dict:
            if item and set(map(type, item)) != {str}:
                return False
            below: Iterable[Any] = item.values()
        elif kind is list:
            below = item
        else:
            return False
        if item and not (depth < _MAX_DEPTH and _is_plain(below, depth + 1)):
            return False
    return True


def _plain(value: Any, replace: Replace, depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return storable(value) if kind is str and replace is _as_text else value
    if kind is float:
        return value if math.isfinite(value) else replace(value)
    if depth > _MAX_DEPTH:
        return replace(value)
    if isinstance(value, dict):
        return {_key(key, replace): _plain(item, replace, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, replace, depth + 1) for item in value]
    return _plain(_base(value, replace), replace, depth + 1)


def _key(key: Any, replace: Replace) -> str:
    if type(key) is str:
        return storable(key) if replace is _as_text else key
    if isinstance(key, str):
        return _key(str.__str__(key), replace)
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float):
        return float.__repr__(key)
    return str(replace(key))


def _base(value: Any, replace: Replace) -> Any:
    """Return a value one step nearer to plain JSON, as Django's encoder converts it."""
    for base in (str, int, float):
        if isinstance(value, base):
            return base.__str__(value) if base is str else base(value)
    try:
        return _encoder.default(value)
    except (TypeError, ValueError):  # the second for a time with a time zone
        return replace(value)


def _refuse(value: Any) -> Any:
    is_nested = isinstance(value, dict | list | tuple)
    shown = "what is nested so deeply" if is_nested else repr(value)[:200]
    raise TypeError(f"{shown} cannot be JSON: {type(value).__name__}")


def _as_text(value: Any) -> Any:
    if isinstance(value, float):
        return None
    if isinstance(value, dict | list | tuple):
        return "…"
    try:
        return storable(str(value))[:500]
    except Exception:  # noqa: BLE001  (the host's own code)
        return type(value).__name__
