"""JSON merge patches, RFC 7396."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def apply(target: Json, patch: Json) -> Json:
    """Return what a patch makes of a target; neither is changed."""
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


def before(target: Json, changes: Json) -> Json:
    """Return what changes would replace in a target, in the same shape; null where nothing is."""
    return {
        key: before(target[key], value)
        if isinstance(value, dict) and isinstance(target.get(key), dict)
        else target.get(key)
        for key, value in changes.items()
    }


def _same(one: Any, other: Any) -> bool:
    # Compared as text: in Python True == 1, in JSON not.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
