"""Apply the operations of members to texts, and find those of edits made anywhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from realtime import text_operations
from realtime.rooms.room import Invalid
from realtime.text_operations import Operation

Json = dict[str, Any]

MAX_SIZE = 16 * 1024
"""Bytes of an operation in the log: some hundred are read while a room's lock is held."""


def apply_operations(texts: Mapping[str, str], operations: Mapping[str, Operation]) -> Json:
    """Return the new texts that operations on some texts make, by field.

    Raises:
        Invalid: if one reaches beyond the end of its text.
    """
    found: Json = {}
    errors: Json = {}
    for name, operation in operations.items():
        try:
            found[name] = text_operations.apply(texts[name], operation)
        except ValueError:
            errors[name] = [_("The text has changed; take it anew.")]
    if errors:
        raise Invalid(errors)
    return found


def text_changes(
    names: Collection[str],
    before: Json,
    changes: Json,
    operations: Mapping[str, Operation] | None = None,
) -> Json:
    """Return the operations that lead from texts before an update to those after it, by field.

    They are those that members sent, as far as they lead there, and otherwise the difference of the
    two texts. A text without one is told as a whole, and whoever edits it has to take it anew.

    Args:
        names: the text fields of the room.
        before: the values that the changes replaced.
        operations: those that the update came with.
    """
    found: Json = {}
    for name in names:
        old, new = before.get(name), changes.get(name)
        if not isinstance(old, str) or not isinstance(new, str):
            continue
        operation = (operations or {}).get(name)
        if operation is None or not _leads(operation, old, new):
            operation = text_operations.difference(old, new)
        if len(msgspec.json.encode(operation)) <= MAX_SIZE:
            found[name] = operation
    return found


def _leads(operation: Operation, old: str, new: str) -> bool:
    try:
        return text_operations.apply(old, operation) == new
    except ValueError:
        return False
