"""Map the rows of each model to their places in rooms, and read them as the rooms show them.

A room's object is at the root of its state, its children in `cards.<id>`, and theirs in
`columns.<id>.cards.<id>`. A model may have places in several kinds of rooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import ForeignKey, ManyToManyField, Model, QuerySet

from realtime.db.queries import AnyOf, CompiledQuery
from realtime.events import values
from realtime.models import alias
from realtime.protocol.room_id import to_id
from realtime.rooms.fields import Fields, Json

if TYPE_CHECKING:
    from realtime.rooms.children import Children
    from realtime.rooms.model_room import ModelRoom

DEEPEST = 2
"""The depth of a row that stands in a row of a room."""
_SMALLEST_ROW, _SMALLEST_LINK = len('"1":{},'), len("1,")
"""Bytes of JSON that a row of a room takes at least, and an id in a many-to-many field."""

R = TypeVar("R")
Key = Any
"""A primary key, as Python has it."""


class Spot(NamedTuple):
    """Hold a row in one of its places."""

    key: Key
    """The room's; None for a row that is in no room."""
    path: tuple[str, ...]
    """The row's path in the room's state."""
    state: Json
    """Without many-to-many fields, and without the rows that stand in it."""


Row = dict["Place", Spot]
"""A row in all of its places."""


class Place:
    """Describe a place of a model's rows in the rooms of one kind."""

    def __init__(
        self,
        room: ModelRoom,
        declared: ModelRoom | Children,
        name: str = "",
        above: Place | None = None,
    ) -> None:
        self.room = room
        self.name = name
        self.above = above
        self.model = declared.model
        self.serializer_class = declared.serializer_class
        self.form_class = declared.form_class
        self.fields = Fields(
            self.model, [*declared.fields, *declared.read_only], read_only=declared.read_only
        )
        self.parent_name = getattr(declared, "parent", "")
        """The foreign key to the row that it stands in; empty for a room's object."""
        self.below = [
            Place(room, children, name, self) for name, children in declared.children.items()
        ]

    @cached_property
    def parent(self) -> ForeignKey[Any, Any] | None:
        return None if self.above is None else _foreign_key(self.model, self.parent_name)

    def problems(self) -> list[str]:
        """Return the errors in the declaration of this place and of those below it."""
        where = self.name or self.room.kind
        found = [f"{where}: {problem}" for problem in self.fields.problems()]
        if self.above is not None:
            found += self._parent_problems(self.above)
        names = [*self.fields.names, *(place.name for place in self.below)]
        found += [
            f"{where}: {name!r} is declared twice" for name, n in Counter(names).items() if n > 1
        ]
        if self.depth == DEEPEST and self.below:
            found.append(f"{where}: rows stand in a room, or in such rows, and no deeper")
        if found:
            return found
        return [problem for place in self.below for problem in place.problems()]

    def _parent_problems(self, above: Place) -> list[str]:
        try:
            parent = _foreign_key(self.model, self.parent_name)
        except (FieldDoesNotExist, TypeError) as error:
            return [f"{self.name}: {error}"]
        if not issubclass(above.model, parent.remote_field.model):
            return [f"{self.name}: {self.parent_name!r} leads to no {above.model._meta.label}"]
        if not parent.target_field.primary_key:
            return [f"{self.name}: {self.parent_name!r} refers to another column than the key"]
        return []

    @property
    def depth(self) -> int:
        return 0 if self.above is None else self.above.depth + 1

    def everything(self) -> list[Place]:
        """Return this place and all below it."""
        return [self, *(each for place in self.below for each in place.everything())]

    @cached_property
    def columns(self) -> set[str]:
        """Columns that decide where a row stands, and those that are shown."""
        found = {field.attname for field in self.fields.columns.values()}
        return found if self.parent is None else found | {self.parent.attname}

    @property
    def parent_column(self) -> str:
        return "pk" if self.parent is None else str(self.parent.attname)

    def read(self, queryset: QuerySet[Any]) -> list[tuple[Key, Key, Spot]]:
        """Return (primary key, row that it stands in, spot) of rows, in their order."""
        columns = sorted(self.columns)
        found = []
        for row, instance in read(
            queryset, columns, with_instances=self.serializer_class is not None
        ):
            above = row[self.parent_column]
            found.append((row["pk"], above, self.spot(row, {above: above}, instance)))
        return found

    def state(self, row: Mapping[str, Any], instance: Model | None) -> Json:
        if self.serializer_class is None:
            return self.fields.state(row)
        return serialized(self.serializer_class, instance)

    def spot(self, row: Mapping[str, Any], keys: Mapping[Key, Key], instance: Model | None) -> Spot:
        """Return a row in this place; `keys` has the room of each row that it may stand in."""
        pk = row["pk"]
        state = self.state(row, instance)
        if self.parent is None or self.above is None:
            return Spot(pk, (), state)
        above = row[self.parent.attname]
        if self.above.parent is None:
            return Spot(above, (self.name, str(to_id(pk))), state)
        path = (self.above.name, str(to_id(above)), self.name, str(to_id(pk)))
        return Spot(keys.get(above), path, state)


def serialized(serializer_class: Any, instance: Model | None) -> Json:
    """Return an instance as a serializer shows it; empty values are left out."""
    plain = values.plain(dict(serializer_class(instance, context={}).data))
    return {name: value for name, value in plain.items() if value is not None}


def _foreign_key(model: type[Model], name: str) -> ForeignKey[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, ForeignKey):
        raise TypeError(f"{model._meta.label}.{name} is no foreign key")
    return field


class TooManyRows(Exception):
    """Tell that a room has more rows than can be sent."""


class RowLimit:
    """Bound the rows that are read for a number of bytes of JSON; None bounds nothing.

    The host's own code may have made a room of any size.
    """

    def __init__(self, size: int | None, smallest: int) -> None:
        """`smallest` is the number of bytes that each row takes at least."""
        self._most = None if size is None else size // smallest

    def cut(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Have a query find one row too many at most."""
        return rows if self._most is None else rows[: self._most + 1]

    def check(self, found: list[R]) -> list[R]:
        """Return what such a query has found.

        Raises:
            TooManyRows
        """
        if self._most is not None and len(found) > self._most:
            raise TooManyRows(f"There are more than {self._most} rows, which cannot all be sent")
        return found


class Link(NamedTuple):
    """Describe a many-to-many field that rooms show, and the table with its rows."""

    field: ManyToManyField[Any, Any]

    @property
    def through(self) -> type[Model]:
        through: Any = self.field.remote_field.through
        return cast("type[Model]", through)

    @property
    def near(self) -> str:
        """Column of the table that leads to the row with the field."""
        return self._attname(self.field.m2m_field_name())

    @property
    def far(self) -> str:
        return self._attname(self.field.m2m_reverse_field_name())

    def _attname(self, name: str) -> str:
        return attname(self.through, name)

    def lists(
        self, using: str, keys: Collection[Key], *, size: int | None = None
    ) -> dict[Key, list[Any]]:
        """Return the ids that the field of each row has, in their order.

        Raises:
            TooManyRows: if they cannot be within `size` bytes of JSON.
        """
        found: dict[Key, list[Any]] = {key: [] for key in keys}
        rows = self.through._base_manager.using(using).filter(AnyOf(self.near, keys))
        limit = RowLimit(size, _SMALLEST_LINK)
        ids = limit.cut(rows.order_by(self.far)).values_list(self.near, self.far)
        for near, far in limit.check(list(ids)):
            found[near].append(to_id(far))
        return found


UNLOCKED, NO_KEY, WHOLE = "unlocked", "no key", "whole"
"""Locks: none; the lock of an update; the lock of a delete, which also stops new references."""


class RowsByKey:
    """Read columns of rows by primary key, locked or not, by queries that are compiled once."""

    def __init__(self, model: type[Model], columns: Iterable[str]) -> None:
        self._names = ["pk", *columns]
        self._queries = {lock: self._query(model, lock) for lock in (UNLOCKED, NO_KEY, WHOLE)}

    def _query(self, model: type[Model], lock: str) -> CompiledQuery:
        def rows(keys: Any) -> QuerySet[Any, Any]:
            # Locks are taken in one order.
            found = model._base_manager.using(alias()).filter(AnyOf("pk", keys)).order_by("pk")
            if lock != UNLOCKED:
                found = found.select_for_update(no_key=lock == NO_KEY)
            return found.values_list(*self._names)

        return CompiledQuery(rows)

    def __call__(self, keys: Collection[Key], lock: str) -> list[Json]:
        """Return the rows that exist, by column."""
        rows = self._queries[lock](keys)
        return [dict(zip(self._names, row, strict=True)) for row in rows]


def attname(model: type[Model], name: str) -> str:
    """Return the name under which instances keep the column of a field."""
    field: Any = model._meta.get_field(name)
    return str(field.attname)


class Shown:
    """Describe a model whose rows rooms show, in all of its places."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.places: list[Place] = []

    @cached_property
    def links(self) -> list[Link]:
        found = {f.name: Link(f) for place in self.places for f in place.fields.many.values()}
        return list(found.values())

    @cached_property
    def columns(self) -> list[str]:
        """Columns that are read of each row, beside the primary key."""
        return sorted(set().union(*(place.columns for place in self.places)))

    @property
    def has_serializer(self) -> bool:
        return any(place.serializer_class is not None for place in self.places)

    def read(self, using: str, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Row]:
        """Return the rows that exist, by primary key; lock them on request."""
        if not keys:
            return {}
        if lock:
            self.lock_above(using, keys)
        if self.has_serializer:
            rows = self.model._base_manager.using(using).filter(AnyOf("pk", keys)).order_by("pk")
            found = read(
                rows.select_for_update(no_key=True) if lock else rows,
                self.columns,
                with_instances=True,
            )
        else:
            found = [(row, None) for row in self._reads(keys, NO_KEY if lock else UNLOCKED)]
        return self.spots(using, found)

    @cached_property
    def _reads(self) -> RowsByKey:
        return RowsByKey(self.model, self.columns)

    def lock_above(self, using: str, rows: Collection[Key] | QuerySet[Any]) -> None:
        """Lock the rows of rooms that these rows stand in, which are to be locked next.

        Updates of members lock from the object down; in another order, both could wait. The rows
        are given by their keys or by a query.
        """
        if not connections[using].features.has_select_for_update:
            return
        for place in self.places:
            if place.parent is not None and place.above is not None and place.above.parent:
                if not isinstance(rows, QuerySet):
                    rows = self.model._base_manager.using(using).filter(AnyOf("pk", rows))
                above = place.above.model._base_manager.using(using)
                above = above.filter(pk__in=rows.order_by().values(place.parent.attname))
                list(above.order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def spots(
        self, using: str, rows: Iterable[tuple[Mapping[str, Any], Model | None]]
    ) -> dict[Key, Row]:
        """Return rows (column → value) in all of their places."""
        rows = list(rows)
        found: dict[Key, Row] = {row["pk"]: {} for row, _ in rows}
        for place in self.places:
            keys = _rooms_above(using, place, [row for row, _ in rows])
            for row, instance in rows:
                found[row["pk"]][place] = place.spot(row, keys, instance)
        return found


def read(
    queryset: QuerySet[Any], columns: Iterable[str], *, with_instances: bool
) -> list[tuple[Json, Model | None]]:
    """Return columns of rows, and their instances if a serializer needs them."""
    if with_instances:
        return [
            ({"pk": each.pk} | {name: getattr(each, name) for name in columns}, each)
            for each in queryset
        ]
    names = ["pk", *columns]
    return [(dict(zip(names, row, strict=True)), None) for row in queryset.values_list(*names)]


def _rooms_above(using: str, place: Place, rows: Iterable[Mapping[str, Any]]) -> dict[Key, Key]:
    """Return the rooms of the rows that these rows stand in, if those are no rooms themselves.

    The rows above are locked: if one moved to another room meanwhile, an edit of a row in it would
    be told in the room that it has left. A foreign key does not hold them, as PostgreSQL checks it
    when the transaction commits.
    """
    if place.parent is None or place.above is None or place.above.parent is None:
        return {}
    above = {row[place.parent.attname] for row in rows} - {None}
    parents = place.above.model._base_manager.using(using).filter(AnyOf("pk", above))
    parents = parents.order_by("pk").select_for_update(no_key=True)
    return dict(parents.values_list("pk", place.above.parent.attname))


def states(
    using: str, place: Place, rows: QuerySet[Any], *, size: int | None = None
) -> dict[Key, tuple[Key, Json]]:
    """Return the whole states of rows in a place, each with the row that it stands in.

    Raises:
        TooManyRows: if they cannot be within `size` bytes of JSON.
    """
    limit = RowLimit(size, _SMALLEST_ROW)
    rows = limit.cut(rows)
    found = {pk: (above, spot.state) for pk, above, spot in limit.check(place.read(rows))}
    for link in map(Link, place.fields.many.values()):
        for pk, ids in link.lists(using, list(found), size=size).items():
            found[pk][1][link.field.name] = ids
    for pk, inside in contents(using, place, list(found), size=size).items():
        found[pk][1].update(inside)
    return found


def contents(
    using: str, place: Place, keys: Collection[Key], *, size: int | None = None
) -> dict[Key, Json]:
    """Return the rows that stand in rows of a place: their states, for each place below.

    Raises:
        TooManyRows: if they cannot be within `size` bytes of JSON.
    """
    found: dict[Key, Json] = {key: {} for key in keys}
    for inner in place.below:
        for inside in found.values():
            inside[inner.name] = {}
        if keys:
            rows = inner.model._base_manager.using(using)
            rows = rows.filter(AnyOf(inner.parent_column, keys))
            for pk, (above, state) in states(using, inner, rows, size=size).items():
                found[above][inner.name][str(to_id(pk))] = state
    return found
