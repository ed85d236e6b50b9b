"""Apply and compare JSON merge patches, RFC 7396, for the app, its hosts and the Python client.

It needs the standard library alone.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""A JSON object, as the `json` module reads it."""


def apply(target: Json, patch: Json) -> Json:
    """Return a target with a patch applied; neither is changed.

    Both are objects here: RFC 7396 also has patches that replace a whole document.
    """
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = apply(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def effective(target: Json, patch: Json) -> Json:
    """Return the part of a patch that changes the target: applied, it gives the same."""
    changes: Json = {}
    for key, value in patch.items():
        below = target.get(key)
        if value is None:
            if key in target:
                changes[key] = None
        elif isinstance(value, dict) and isinstance(below, dict):
            if inner := effective(below, value):
                changes[key] = inner
        elif isinstance(value, dict):
            changes[key] = apply({}, value)
        elif key not in target or not _same(below, value):
            changes[key] = value
    return changes


def before(target: Json, patch: Json) -> Json:
    """Return the values of a target that a patch names, in its shape; null where there is none."""
    return {
        key: before(target[key], value)
        if isinstance(value, dict) and isinstance(target.get(key), dict)
        else target.get(key)
        for key, value in patch.items()
    }


def difference(old: Json, new: Json) -> Json:
    """Return the patch that turns `old` into `new`.

    Keys of `new` that are null count as missing, as no patch can set them.
    """
    patch: Json = {key: None for key in old if new.get(key) is None}
    for key, value in new.items():
        below = old.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            patch[key] = difference(below, value)
        else:
            patch[key] = value
    return effective(old, patch)


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1, and 1.0 is 1 (PostgreSQL gives back 1e2 as 100)."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
