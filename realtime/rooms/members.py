"""Follow a path of the ORM from a room's object to its users, such as `memberships__user`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignObjectRel, ManyToManyField, ManyToManyRel, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP

from realtime.db.queries import AnyOf
from realtime.rooms.places import Key, attname

Roles = dict[Key, str]
"""The role of each user of a room, by primary key."""
MEMBER = "member"
"""The role of everybody in a room whose members have none."""


class Step(NamedTuple):
    """Describe one relation of a path, and the table whose rows hold it."""

    near: type[Model]
    far: type[Model]
    table: type[Model]
    near_column: str
    """Column of the table with the near side; `pk` if the table is the near side's own."""
    columns: frozenset[str]
    """Columns of the table that a change of the relation changes."""


class PathLink(NamedTuple):
    """Describe a table whose rows decide who is a member of which room."""

    table: type[Model]
    column: str
    """Leads to the rows at the end of `prefix`."""
    columns: frozenset[str]
    prefix: str
    """From the room's object; empty where the column has the room's own key."""


class MembersPath:
    """Follow the paths that a `ModelRoom` declares to its members and their roles."""

    def __init__(self, model: type[Model], members: str, role: str | None) -> None:
        self.model = model
        self.members = members
        self.role = role

    def problem(self) -> str:
        """Return the error of the paths; empty if there is none."""
        try:
            ends = steps(self.model, self.members)[-1].far
        except (FieldDoesNotExist, ValueError, IndexError) as error:
            return f"members = {self.members!r} is no path of relations: {error}"
        if not issubclass(get_user_model(), ends._meta.concrete_model or ends):
            return f"members = {self.members!r} leads to {ends._meta.label}, and not to users"
        if self.role is None:
            return ""
        if _parent(self.role) != _parent(self.members):
            return f"role = {self.role!r} is not on the rows from which {self.members!r} leads on"
        try:
            self._role_link()
        except FieldDoesNotExist as error:
            return f"role = {self.role!r}: {error}"
        return ""

    def links(self) -> list[PathLink]:
        """Return the tables whose rows decide who is a member."""
        found, prefix = [], ""
        for name, step in zip(
            self.members.split(LOOKUP_SEP), steps(self.model, self.members), strict=True
        ):
            found.append(PathLink(step.table, step.near_column, step.columns, prefix))
            prefix = LOOKUP_SEP.join(filter(None, [prefix, name]))
        if self.role is not None:
            found.append(self._role_link())
        return found

    def _role_link(self) -> PathLink:
        prefix = _parent(self.members)
        holder = steps(self.model, prefix)[-1].far if prefix else self.model
        column = attname(holder, str(self.role).rpartition(LOOKUP_SEP)[2])
        return PathLink(holder, "pk", frozenset([column]), prefix)

    def keys(self, using: str, link: PathLink, near: Collection[Key]) -> list[Key]:
        """Return the rooms whose members rows of a table decide."""
        if not link.prefix:
            return list(near)
        rows = self.model._base_manager.using(using).filter(AnyOf(link.prefix, near))
        return list(rows.order_by().values_list("pk", flat=True).distinct())

    def roles(self, using: str, keys: Collection[Key]) -> dict[Key, Roles]:
        """Return the members of each room, with their roles."""
        rows = self.model._base_manager.using(using).filter(AnyOf("pk", keys))
        found: dict[Key, Roles] = {key: {} for key in keys}
        for key, user, role in self.named(self.rows(rows.exclude(**{self.members: None}))):
            found[key][user] = role
        return found

    def rows(self, objects: QuerySet[Any]) -> QuerySet[Any, Any]:
        """Return the query of the members of some rooms: room, user, and role if there are any."""
        paths = ["pk", self.members, *([self.role] if self.role else [])]
        return objects.order_by().values_list(*paths)

    def named(self, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Key, Key, str]]:
        """Return (room, user, role) for each row of `rows`."""
        return [(key, user, str(*role) if role else MEMBER) for key, user, *role in rows]


def _parent(path: str) -> str:
    return path.rpartition(LOOKUP_SEP)[0]


def steps(model: type[Model], path: str) -> list[Step]:
    """Return the relations of a path.

    Raises:
        FieldDoesNotExist
        ValueError: if a part is no relation.
    """
    found = []
    for name in path.split(LOOKUP_SEP):
        step = _step(model, name)
        found.append(step)
        model = step.far
    return found


def _step(model: type[Model], name: str) -> Step:
    field: Any = model._meta.get_field(name)
    far = field.related_model
    if far is None or not hasattr(field, "path_infos"):
        raise ValueError(f"{model._meta.label}.{name} leads to no rows of another model")
    if isinstance(field, ManyToManyField | ManyToManyRel):
        forward: Any = field if isinstance(field, ManyToManyField) else field.field
        table = forward.remote_field.through
        sides = [forward.m2m_field_name(), forward.m2m_reverse_field_name()]
        near, other = (attname(table, side) for side in sides)
        if forward is not field:
            near, other = other, near
        return Step(model, far, table, near, frozenset([near, other]))
    if isinstance(field, ForeignObjectRel):
        column = field.field.attname
        return Step(model, far, far, column, frozenset([column]))
    return Step(model, far, field.model, "pk", frozenset([field.attname]))
