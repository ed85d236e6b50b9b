"""Describe states of rooms and updates of them, as JSON schemas made of the declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from django.db.models import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    DateField,
    DecimalField,
    DurationField,
    Field,
    FileField,
    FilePathField,
    FloatField,
    ForeignKey,
    GeneratedField,
    GenericIPAddressField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
)

from realtime.rooms import own_commands, registry
from realtime.rooms.model_room import ModelRoom
from realtime.rooms.places import Place
from realtime.rooms.room import Room

Schema = dict[str, Any]

_ANYTHING: Schema = {}
_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_OF_COLUMNS: tuple[
    tuple[type[Field[Any, Any]] | tuple[type[Field[Any, Any]], ...], Schema], ...
] = (
    (BooleanField, {"type": "boolean"}),
    (AutoField, _INTEGER),
    # Beyond 2**53 an integer is a text.
    (BigIntegerField, {"anyOf": [_INTEGER, _TEXT]}),
    (IntegerField, _INTEGER),
    (FloatField, {"type": "number"}),
    ((CharField, TextField, UUIDField, GenericIPAddressField), _TEXT),
    ((FileField, FilePathField), _TEXT),
    ((DateField, TimeField, DurationField, DecimalField), _TEXT),
)
"""The first that a field is an instance of says how Django's JSON encoder writes it."""
_OF_SERIALIZERS = {
    "BooleanField": {"type": "boolean"},
    "IntegerField": _INTEGER,
    "FloatField": {"type": "number"},
    **dict.fromkeys(
        ("CharField", "UUIDField", "DateTimeField", "DateField", "TimeField", "DurationField"),
        _TEXT,
    ),
}
"""By the names of REST framework's own fields."""


def state(room: Room) -> Schema:
    """Return the schema of a room's state; of a host's own `Room`, as far as it says."""
    if isinstance(room, ModelRoom):
        return _row(room.place, patch=False)
    if room.state_type is None:
        return {"type": "object", "additionalProperties": _ANYTHING}
    return msgspec.json.schema(room.state_type)


def patch(room: Room) -> Schema | None:
    """Return the schema of an update, if it is known which fields members may change."""
    return _row(room.place, patch=True) if isinstance(room, ModelRoom) else None


def commands(room: Room) -> dict[str, Schema]:
    """Return the schemas of the payloads of a host's own commands, by name."""
    return _schemas(own_commands.payloads(room))


def events(room: Room) -> dict[str, Schema]:
    """Return the schemas of the payloads of a host's own events, by type."""
    return _schemas(room.event_types)


def results(room: Room) -> dict[str, Schema]:
    """Return the schemas of the results of tasks, by task type, as far as the room says."""
    return _schemas(room.result_types)


def declared(room: Room) -> dict[str, Schema]:
    """Return the schemas of the other types that a room says: role, signal, presence."""
    types = {"role": room.role_type, "signal": room.signal_type, "presence": room.presence_type}
    return _schemas({name: each for name, each in types.items() if each is not None})


def _schemas(types: Mapping[str, Any]) -> dict[str, Schema]:
    return {name: msgspec.json.schema(each) for name, each in types.items()}


def key(room: Room) -> Schema:
    return msgspec.json.schema(registry.key_type(room.kind).on_wire)


def _row(place: Place, *, patch: bool) -> Schema:
    """Return the schema of a row in a place, or of a patch of one: then nothing need be there."""
    properties: dict[str, Schema] = {}
    required = []
    for name, schema, may_be_empty in _patched(place) if patch else _shown(place):
        properties[name] = _or_null(schema) if patch and may_be_empty else schema
        # An empty value is left out of a state.
        if not (patch or may_be_empty):
            required.append(name)
    for inner in place.below:
        row = _row(inner, patch=patch)
        properties[inner.name] = {
            "type": "object",
            "additionalProperties": _or_null(row) if patch else row,
        }
        if not patch:
            required.append(inner.name)
    return {"type": "object", "properties": properties, "required": required}


def _shown(place: Place) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the name of each field of a row, its schema, and whether it may be empty."""
    if place.serializer_class is not None:
        for name, field in place.serializer_class().fields.items():
            if not field.write_only:
                yield name, _of_serializer(field), field.allow_null
        return
    for name in place.fields.names:
        yield name, *_of_model(place, name)


def _patched(place: Place) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the same of the fields that members may change."""
    if place.serializer_class is not None:
        for name, field in place.serializer_class().fields.items():
            if not field.read_only:
                yield name, _of_serializer(field), field.allow_null
        return
    row = place.model()
    # Rows of a room may be made by an update, and its object may not.
    row._state.adding = place.above is not None
    for name in place.fields.names:
        if place.fields.is_writable(row, name):
            yield name, *_of_model(place, name)


def _of_model(place: Place, name: str) -> tuple[Schema, bool]:
    many = place.fields.many.get(name)
    if many is not None:
        return {"type": "array", "items": _value(many.remote_field.model._meta.pk)}, False
    field = place.fields.columns[name]
    return _value(field), field.null


def _value(field: Any) -> Schema:
    """Return the schema of a column's values, as Django's JSON encoder writes them."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    if isinstance(field, GeneratedField):
        field = field.output_field
    if field.flatchoices:
        return _choice(field)
    for types, schema in _OF_COLUMNS:
        if isinstance(field, types):
            return schema
    return _ANYTHING


def _choice(field: Any) -> Schema:
    found = [value for value, _ in field.flatchoices if value is not None]
    if field.blank and isinstance(field, CharField) and "" not in found:
        found.append("")
    return {"enum": [value if isinstance(value, int) else str(value) for value in found]}


def _of_serializer(field: Any) -> Schema:
    names = [each.__name__ for each in type(field).__mro__]
    return next((_OF_SERIALIZERS[name] for name in names if name in _OF_SERIALIZERS), _ANYTHING)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}
