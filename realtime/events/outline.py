"""Outline the keys that an update changed, without values, to compare a `base_seq` with them."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]
Outline = Json | int
"""The keys of a merge patch, each with the outline of what is below it; `WHOLE` where a value
replaces all that stood there."""
WHOLE = 1

_MAX_SIZE = 256
"""Bytes of one outline as JSON: a thousand are read while a room's lock is held."""
_LEVELS = (8, 2, 1)


def of(changes: Json) -> Outline:
    """Return the outline of changes, as fine as fits; it never leaves out a change."""
    for levels in _LEVELS:
        outline = _of(changes, levels)
        if len(json.dumps(outline)) <= _MAX_SIZE:
            return outline
    return WHOLE


def _of(changes: Json, levels: int) -> Json:
    return {
        key: _of(value, levels - 1) if isinstance(value, dict) and levels > 1 else WHOLE
        for key, value in changes.items()
    }


class _Key:
    __slots__ = ("below", "changed", "replaced")

    def __init__(self) -> None:
        self.changed = 0
        """The last position at which it, or something below it, was changed."""
        self.replaced = 0
        """The last position at which all of it was replaced."""
        self.below: dict[str, _Key] = {}


class LastChanges:
    """Keep the last position at which each key was changed, from the outlines of a log's part."""

    def __init__(self) -> None:
        self._root = _Key()

    def note(self, seq: int, outline: Outline) -> None:
        """Note the changes of an event; events come in the order of their `seq`."""
        _note(self._root, seq, outline)

    def overlap(self, data: Json, after: int) -> bool:
        """Return True if a merge patch changes something that was changed after a position.

        Objects meet key by key; any other value replaces all that stood there (RFC 7396).
        """
        return _overlap(self._root, data, after)


def _note(key: _Key, seq: int, outline: Outline) -> None:
    key.changed = seq
    if isinstance(outline, dict):
        for name, below in outline.items():
            _note(key.below.setdefault(name, _Key()), seq, below)
    else:
        key.replaced = seq


def _overlap(key: _Key, value: Any, after: int) -> bool:
    if not isinstance(value, dict):
        return key.changed > after
    if key.replaced > after:
        return True
    # Walk over the shorter one: a client chooses how many keys it sends.
    names = key.below if len(key.below) < len(value) else value
    return any(
        _overlap(key.below[name], value[name], after)
        for name in names
        if name in key.below and name in value
    )
