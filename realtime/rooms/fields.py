"""Read the declared fields of rows as JSON, and clean the values that members send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import (
    AutoField,
    BinaryField,
    Field,
    FileField,
    JSONField,
    ManyToManyField,
    Model,
)
from django.utils.translation import gettext as _

from realtime import merge_patch
from realtime.db.queries import AnyOf
from realtime.events import values
from realtime.protocol.room_id import to_id
from realtime.rooms import keys

Json = dict[str, Any]
Errors = dict[str, Any]


class Fields:
    """Keep the fields of a model that a room shows, by name.

    An empty value (None) is left out of a state: in a merge patch null takes a key away.
    """

    def __init__(
        self, model: type[Model], names: Iterable[str], read_only: Collection[str]
    ) -> None:
        self.model = model
        self.names = tuple(names)
        self.read_only = frozenset(read_only)

    @cached_property
    def columns(self) -> dict[str, Field[Any, Any]]:
        """Fields with a column of their own, by name."""
        found = {name: self.model._meta.get_field(name) for name in self.names}
        return {
            name: field
            for name, field in found.items()
            if isinstance(field, Field) and not isinstance(field, ManyToManyField)
        }

    @cached_property
    def many(self) -> dict[str, ManyToManyField[Any, Any]]:
        """Many-to-many fields, by name."""
        found = {name: self.model._meta.get_field(name) for name in self.names}
        return {name: f for name, f in found.items() if isinstance(f, ManyToManyField)}

    def problems(self) -> list[str]:
        """Return the errors of the declaration."""
        found = []
        for name in self.names:
            if not _is_field(self.model, name):
                found.append(f"{self.model._meta.label} has no field {name!r} of its own")
            elif isinstance(self.model._meta.get_field(name), BinaryField):
                found.append(f"{self.model._meta.label}.{name} is binary, which JSON cannot hold")
        return found

    def state(self, row: Mapping[str, Any]) -> Json:
        """Return a row (column → value) as the room shows it, without many-to-many fields."""
        state = {}
        for name, field in self.columns.items():
            value = row[field.attname]
            if value is not None:
                state[name] = _shown(field, value)
        return state

    # --- changes by members

    def is_writable(self, instance: Model, name: str) -> bool:
        """Return True if members may set a declared field; a primary key only of a new row."""
        field = self.columns.get(name) or self.many[name]
        return (
            name not in self.read_only
            and field.editable
            and not isinstance(field, AutoField | FileField)
            and not getattr(field, "generated", False)
            and (instance._state.adding or not field.primary_key)
        )

    def assign(self, instance: Model, data: Json) -> dict[str, list[Any]]:
        """Set cleaned values on an instance; return the new rows of its many-to-many fields.

        Raises:
            ValidationError: with the errors of each field.
        """
        errors: Errors = {}
        many: dict[str, list[Any]] = {}
        for name, value in data.items():
            refusal = self._refusal(instance, name)
            try:
                if refusal:
                    errors[name] = [refusal]
                elif name in self.many:
                    many[name] = _related(self.many[name], value)
                else:
                    _assign(instance, self.columns[name], value)
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)
        return many

    def _refusal(self, instance: Model, name: str) -> str:
        if name not in self.names:
            return _("There is no such field.")
        return "" if self.is_writable(instance, name) else _("This field cannot be changed here.")

    def validate(
        self, instance: Model, changed: Collection[str], *, scope: Collection[str]
    ) -> None:
        """Validate an instance as a model form does, but only the fields that are changed.

        `scope` has fields that are valid already, and count where fields are unique together.

        Raises:
            ValidationError
        """
        names = {field.name for field in instance._meta.get_fields() if hasattr(field, "attname")}
        unchanged = names - set(changed)
        errors: Errors = {}
        steps: tuple[Callable[[], None], ...] = (
            lambda: instance.clean_fields(exclude=unchanged),
            instance.clean,
            lambda: instance.validate_unique(exclude=unchanged - set(scope)),
            lambda: instance.validate_constraints(exclude=unchanged - set(scope)),
        )
        for step in steps:
            try:
                step()
            except ValidationError as error:
                error.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)


def _is_field(model: type[Model], name: str) -> bool:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return isinstance(field, ManyToManyField) or hasattr(field, "attname")


def _shown(field: Field[Any, Any], value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is int:
        return to_id(value)
    if isinstance(field, JSONField):
        plain = values.plain(value)
        return merge_patch.apply({}, plain) if isinstance(plain, dict) else plain
    try:
        return values.plain(value)
    except TypeError:
        # A field of a package's: write it as Django's serializers do.
        holder = field.model(**{field.attname: value})
        return values.plain(field.value_to_string(holder))


def _assign(instance: Model, field: Field[Any, Any], value: Any) -> None:
    if isinstance(field, JSONField) and isinstance(value, dict):
        old = getattr(instance, field.attname)
        value = merge_patch.apply(old if isinstance(old, dict) else {}, value)
    if value is None and field.null:
        setattr(instance, field.attname, None)
        return
    # Set by column: the object that a foreign key leads to is not read.
    setattr(instance, field.attname, field.clean(value, instance))


def _related(field: ManyToManyField[Any, Any], value: Any) -> list[Any]:
    """Return the primary keys of existing rows.

    Raises:
        ValidationError
    """
    if not isinstance(value, list):
        raise ValidationError(_("Give a list of ids."))
    model = field.remote_field.model
    key_type = keys.of_field(model._meta.pk)
    wanted = {key_type.value_of(each): each for each in value}
    known = model._base_manager.complex_filter(field.get_limit_choices_to())
    found = set(known.filter(AnyOf("pk", wanted.keys() - {None})).values_list("pk", flat=True))
    for key, given in wanted.items():
        if key not in found:
            raise ValidationError(_("There is no %(key)s."), params={"key": given})
    return list(wanted)
