"""Measure what rooms hold, so that no member makes one too large to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import BigIntegerField, Count, F, Field, Func, JSONField, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from realtime.models import alias
from realtime.rooms.changes import RoomChange
from realtime.rooms.places import Key, Link, Place
from realtime.rooms.room import Invalid

_ROW = 32
"""Bytes of a row beside its fields: its id, braces, commas."""
_LINKED = 20
"""Bytes of an id in the list of a many-to-many field."""


class SizeLimit:
    """Tell which updates make a room of one kind too large.

    To measure a room takes a query for each model in it. So a room is measured when this process
    first adds to it, and then whenever it has added a sixty-fourth of the limit: twenty processes,
    as many as one user has sockets, exceed it by a third together.
    """

    _MAX_ROOMS = 1000

    def __init__(self, place: Place, limit: int) -> None:
        self._place = place
        self._limit = limit
        self._added: dict[Key, int] = {}
        """Bytes that were added to rooms since they were measured."""

    def allows(self, change: RoomChange) -> bool:
        """Return True if a room may change so; it has changed already, in this transaction."""
        added = growth(change)
        if added <= 0:
            return True
        before = self._added.pop(change.key, None)
        if before is None or before + added > self._limit // 64:
            if measured(self._place, change.key) > self._limit:
                return False
            before = added = 0
        if len(self._added) >= self._MAX_ROOMS:
            self._added.clear()
        self._added[change.key] = before + added
        return True


def check(changed: Sequence[RoomChange]) -> None:
    """Refuse to make rooms larger than everybody who joins can be sent.

    Raises:
        Invalid
    """
    for change in changed:
        if change.room is not None and not change.room.size_limit.allows(change):
            message = _("The room would be too large: it may have %(size)s bytes.")
            raise Invalid({NON_FIELD_ERRORS: [message % {"size": change.room.max_size}]})


def growth(change: RoomChange) -> int:
    """Return how many bytes a room has more after a change."""
    return len(msgspec.json.encode(change.changes)) - len(msgspec.json.encode(change.before))


def measured(place: Place, key: Key) -> int:
    """Return about how many bytes of JSON stand in one room, from a place down."""
    path = _path(place)
    rows = place.model._base_manager.using(alias()).filter(**{path: key})
    fields = list(place.fields.columns.values())
    if place.serializer_class is not None:  # nobody knows what it shows
        fields = list(place.model._meta.concrete_fields)
    size: Any = sum(map(_bytes_of, fields), start=Value(_ROW, BigIntegerField()))
    total: int = rows.aggregate(total=Sum(size))["total"] or 0
    for field in place.fields.many.values():
        near = field.m2m_field_name()
        linked = Link(field).through._base_manager.using(alias()).filter(**{f"{near}__{path}": key})
        total += _LINKED * linked.aggregate(count=Count("*"))["count"]
    return total + sum(measured(below, key) for below in place.below)


def _path(place: Place) -> str:
    """Return the path of the ORM from a row in a place to the key of its room."""
    names = []
    above: Place | None = place
    while above is not None and above.above is not None:
        names.append(above.parent_name)
        above = above.above
    return "__".join([*names, "pk"])


def _bytes_of(field: Field[Any, Any]) -> Any:
    length = _Length if isinstance(field, JSONField) else _EscapedLength
    # An empty field is not there.
    return Coalesce(length(F(field.name)) + len(f'"{field.name}":,'), 0)


class _Length(Func):
    """Return the bytes of a JSON document, which databases keep as text or give out so."""

    output_field = BigIntegerField()
    template = "OCTET_LENGTH(CAST(%(expressions)s AS text))"
    on_sqlite = "LENGTH(CAST(CAST(%(expressions)s AS text) AS blob))"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.on_sqlite, **context)


class _EscapedLength(_Length):
    """Return the bytes of a value as JSON, which writes some characters in six."""

    template = "OCTET_LENGTH(CAST(TO_JSON(%(expressions)s) AS text))"
    on_sqlite = "LENGTH(CAST(JSON_QUOTE(CAST(%(expressions)s AS text)) AS blob))"
