"""Validate and save the data that a member sends, by the model, a model form or a serializer.

Each class has what REST framework's serializers and Django's model forms have: `errors` and `save`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import ForeignKey, Model
from django.forms.models import model_to_dict
from django.utils.translation import gettext as _

from realtime.rooms.fields import Fields, Json
from realtime.rooms.places import Place


class FieldsEdit:
    """Change the declared fields of a row, validated by its model."""

    def __init__(self, fields: Fields, instance: Model, data: Json, scope: Collection[str]) -> None:
        self.instance = instance
        self.errors: Json = {}
        self._many: dict[str, list[Any]] = {}
        try:
            self._many = fields.assign(instance, data)
            changed = set(data) if not instance._state.adding else set(fields.columns)
            fields.validate(instance, changed, scope=scope)
        except ValidationError as error:
            self.errors = messages(error)

    def save(self) -> Model:
        self.instance.save()
        for name, keys in self._many.items():
            getattr(self.instance, name).set(keys)
        return self.instance


class FormEdit:
    """Change a row by a model form, which gets the row's own values for the fields not sent."""

    def __init__(self, form_class: Any, instance: Model, data: Json) -> None:
        self.instance = instance
        known = {} if instance._state.adding else model_to_dict(instance)
        self._form = form_class({**known, **data}, instance=instance)
        self.errors = _unknown(data, self._form.fields) or {
            name: list(map(str, errors)) for name, errors in self._form.errors.items()
        }

    def save(self) -> Model:
        saved: Model = self._form.save()
        return saved


class SerializerEdit:
    """Change a row by a serializer of REST framework."""

    def __init__(self, serializer_class: Any, instance: Model, data: Json, user_id: Any) -> None:
        self.instance = instance
        is_new = instance._state.adding
        self._serializer = serializer_class(
            None if is_new else instance,
            data=data,
            partial=not is_new,
            context={"user_id": user_id},
        )
        self._is_new = is_new
        writable = [name for name, field in self._serializer.fields.items() if not field.read_only]
        self.errors = _unknown(data, writable)
        if not self.errors and not self._serializer.is_valid():
            self.errors = dict(self._serializer.errors)

    def save(self) -> Model:
        # A new row has one value already: the row that it stands in.
        given = _preset(self.instance) if self._is_new else {}
        saved: Model = self._serializer.save(**given)
        return saved


Edit = FieldsEdit | FormEdit | SerializerEdit


def edit(place: Place, instance: Model, data: Json, user_id: Any) -> Edit:
    """Return the edit of a row in a place; its `errors` tell what is wrong."""
    if place.serializer_class is not None:
        return SerializerEdit(place.serializer_class, instance, data, user_id)
    if place.form_class is not None:
        return FormEdit(place.form_class, instance, data)
    scope = [] if place.parent is None else [place.parent.name]
    return FieldsEdit(place.fields, instance, data, scope)


def messages(error: ValidationError) -> Json:
    """Return the texts of an error by field."""
    if hasattr(error, "error_dict"):
        return dict(error.message_dict)
    return {NON_FIELD_ERRORS: error.messages}


def _unknown(data: Json, known: Collection[str]) -> Json:
    return {name: [_("There is no such field.")] for name in data if name not in known}


def _preset(instance: Model) -> Json:
    return {
        field.name: getattr(instance, field.name)
        for field in instance._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.is_cached(instance)
    }
