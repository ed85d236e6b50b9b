"""Declare rows that belong to a room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model


@dataclass(frozen=True, eq=False)
class Children:
    """Declare rows of another model that stand in a room's state: `{"cards": {"<id>": {…}}}`.

        children = {"cards": Children(Card, "board", ["text", "position"])}

    In an update, null deletes a row, and a key that begins with `+` makes one.
    """

    model: type[Model]
    parent: str
    """The foreign key that leads to the room's object, or to the row that they stand in."""
    fields: Sequence[str] = ()
    """Fields that members see and may change."""
    read_only: Sequence[str] = ()
    """Further fields, which members only see."""
    children: Mapping[str, Children] = field(default_factory=dict)
    """Rows that stand in each of these rows; one level, no deeper."""
    serializer_class: Any = None
    """A serializer of REST framework, in place of `fields` and the model's own validation."""
    form_class: Any = None
    """A model form, in place of the model's own validation."""

    NEW = "+"
