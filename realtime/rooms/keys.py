"""Convert primary keys of rooms and users between the host's types and the wire's."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import AutoField, BigAutoField, Field, IntegerField, SmallAutoField, UUIDField

from realtime.protocol.room_id import Id, IntegerKey, PositiveKey, TextKey, UUIDKey, to_id

_WRONG = (ValidationError, ValueError, TypeError, OverflowError, msgspec.ValidationError)
_INTEGER = re.compile(r"-?[0-9]{1,19}")


class KeyType(NamedTuple):
    """Describe the keys of a model: their types for the host, and on the wire."""

    on_wire: Any
    """The type by which `msgspec` checks it."""
    to_python: Callable[[Any], Any]
    """Returns the host's value of an id, or raises one of `_WRONG`."""

    def parse(self, value: Any) -> Id | None:
        """Return an id from a URL, a task's argument or Redis; None if it is not one."""
        try:
            python = self.to_python(value)
            msgspec.convert(python if isinstance(python, int) else str(python), self.on_wire)
        except _WRONG:
            return None
        return to_id(python)

    def value_of(self, given: Any) -> Any:
        """Return the host's value of a key that a client names; None if no column can hold it."""
        return None if self.parse(given) is None else self.to_python(given)

    def by_value(self, ids: Collection[Id]) -> dict[Any, Id]:
        """Return ids by the host's value of each; an id without one is left out."""
        found = {}
        for each in ids:
            try:
                found[self.to_python(each)] = each
            except _WRONG:
                continue
        return found


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise TypeError(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(value)


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        return UUID(value)
    raise TypeError(value)


def of_field(field: Field[Any, Any]) -> KeyType:
    """Return the key type of a model with this primary key."""
    field = getattr(field, "target_field", field)  # the parent's, of a model that inherits
    if isinstance(field, AutoField | BigAutoField | SmallAutoField):
        return KeyType(PositiveKey, _integer)
    if isinstance(field, IntegerField):
        return KeyType(IntegerKey, _integer)
    if isinstance(field, UUIDField):
        return KeyType(UUIDKey, _uuid)
    return KeyType(TextKey, field.to_python)


TYPES = {
    int: KeyType(IntegerKey, _integer),
    str: KeyType(TextKey, _text),
    UUID: KeyType(UUIDKey, _uuid),
}
"""The key types of rooms without a model, by `Room.key_type`."""


@cache
def of_users() -> KeyType:
    return of_field(get_user_model()._meta.pk)
