"""Track every edit of rows that rooms show, by whatever method of the ORM.

All writes of the ORM end in one of three SQL compilers, which are wrapped here; so `save`, forms,
serializers, the admin, `update`, `bulk_create`, deletes, cascades and many-to-many fields need no
code of their own, and neither a model, nor its managers and signals, are touched. Before a write,
its rows are locked and read; before the outermost `atomic` block commits, they are read again, and
the difference is appended to the log of each room. docs/architecture.md has the reasons, and the
edits that are not seen.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, Q, QuerySet
from django.db.models.lookups import Exact, In
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

from realtime.events import log
from realtime.events.new_event import NewEvent
from realtime.models import alias
from realtime.protocol.room_id import RoomId
from realtime.rooms import actor
from realtime.rooms.changes import Changes, New, RoomChange, Touch
from realtime.rooms.places import (
    NO_KEY,
    WHOLE,
    Key,
    Link,
    Place,
    Row,
    RowsByKey,
    Shown,
    contents,
)

if TYPE_CHECKING:
    from realtime.rooms.members import PathLink, Roles
    from realtime.rooms.model_room import ModelRoom

Result = TypeVar("Result")
Columns = dict[str, Any]
"""A row by column."""

_quiet: ContextVar[bool] = ContextVar("realtime_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Tell no room of the edits inside the block: for imports.

    The rooms are then behind the database, until `refresh` tells them.
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


# --- which tables are watched, and for what


class Table:
    """Describe a table that is watched: rooms show its rows, or its rows relate those."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.shown: Shown | None = None
        """The rows of this very model."""
        self.heirs: list[Shown] = []
        """Models that inherit some of their columns from this table."""
        self.links: list[tuple[Shown, Link]] = []
        """Many-to-many fields whose rows these are."""
        self.members: list[tuple[ModelRoom, PathLink]] = []
        """Parts of the paths from rooms to their members."""

    @property
    def near(self) -> set[str]:
        """Columns that lead to the rows whose relations these rows are."""
        return {link.near for _, link in self.links} | {link.column for _, link in self.members}

    @property
    def columns(self) -> list[str]:
        found = self.near | set(self.shown.columns if self.shown else ())
        return sorted(found - {"pk"})

    @functools.cached_property
    def reads(self) -> RowsByKey:
        return RowsByKey(self.model, self.columns)

    @functools.cached_property
    def watched(self) -> frozenset[str]:
        """Columns whose update a room may have to be told of."""
        found = set(self.columns) | {link.far for _, link in self.links}
        own = {field.attname for field in self.model._meta.local_concrete_fields}
        for shown in [*self.heirs, *([self.shown] if self.shown else [])]:
            # Nobody knows what a serializer reads.
            found |= own if shown.has_serializer else own & set(shown.columns)
        return frozenset(found.union(*(link.columns for _, link in self.members)))


tables: dict[type[Model], Table] = {}
_shown: dict[type[Model], Shown] = {}


def watch(room: ModelRoom) -> None:
    """Track the edits of all rows that a room shows, from now on."""
    for place in room.place.everything():
        shown = _shown.setdefault(place.model, Shown(place.model))
        shown.places.append(place)
        _table(place.model).shown = shown
        for ancestor in place.model._meta.all_parents:
            if shown not in _table(ancestor).heirs:
                _table(ancestor).heirs.append(shown)
        for link in map(Link, place.fields.many.values()):
            if (shown, link) not in _table(link.through).links:
                _table(link.through).links.append((shown, link))
    for path in room.members_path.links() if room.members_path else []:
        _table(path.table).members.append((room, path))
    _forget()


def unwatch(room: ModelRoom) -> None:
    """Forget a room: for tests."""
    for shown in _shown.values():
        shown.places = [place for place in shown.places if place.room is not room]
    for table in tables.values():
        table.members = [each for each in table.members if each[0] is not room]
        table.links = [each for each in table.links if each[0].places]
        table.heirs = [each for each in table.heirs if each.places]
        if table.shown is not None and not table.shown.places:
            table.shown = None
            _shown.pop(table.model)
    _forget()
    for model, table in list(tables.items()):
        if not (table.shown or table.heirs or table.links or table.members):
            del tables[model]


def _forget() -> None:
    """Forget queries that were compiled before the set of rooms changed."""
    for table in tables.values():
        for name in ("watched", "reads"):
            table.__dict__.pop(name, None)
    for shown in _shown.values():
        for name in ("columns", "links", "_reads"):
            shown.__dict__.pop(name, None)


def _table(model: type[Model]) -> Table:
    return tables.setdefault(model._meta.concrete_model or model, Table(model))


# --- what a transaction has touched


class Touched:
    """Remember rows that a transaction, or a savepoint in it, has touched, as they were before.

    It is one of the connection's hooks on commit. So Django itself drops it when its savepoint is
    rolled back; when the hooks are run, it does nothing.
    """

    def __init__(self, savepoints: frozenset[str]) -> None:
        self.savepoints = savepoints
        self.rows: dict[Shown, dict[Key, Touch]] = defaultdict(dict)
        self.members: dict[ModelRoom, dict[Key, Roles]] = defaultdict(dict)
        self.events: list[tuple[RoomId, NewEvent]] = []
        """Events of the host's own."""
        self.actor_id: Any = None

    def __call__(self) -> None:
        pass


class Edits:
    """Keep the rows that the transaction of one connection has touched."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.using = connection.alias
        self._hooks: list[Any] = connection.run_on_commit
        self._touched: list[Touched] = []
        self.lost_a_savepoint = False
        """True if a lock may have been given back, so that rows are locked again when read."""

    def touched(self) -> list[Touched]:
        """Return the touched rows, without those of savepoints that were rolled back."""
        if self._hooks is not self.connection.run_on_commit:
            # Django makes a new list when a savepoint, or everything, is rolled back.
            self._hooks = self.connection.run_on_commit
            self._touched = [hook for _, hook, *_ in self._hooks if isinstance(hook, Touched)]
            self.lost_a_savepoint = bool(self._touched)
        return self._touched

    def current(self) -> Touched:
        """Return the collection for rows that are touched now, under the active savepoints."""
        active = frozenset(self.connection.savepoint_ids) - {None}
        current = None
        for touched in self.touched():
            if touched.savepoints == active:
                current = touched
        if current is None:
            current = Touched(active)
            self.connection.on_commit(current)
            self._touched.append(current)
        self._absorb_released(current)
        return current

    def _absorb_released(self, current: Touched) -> None:
        """Take over from savepoints that were released: they cannot be rolled back alone.

        Otherwise a loop of `create()` would leave one collection for each call.
        """
        released = [each for each in self._touched if not each.savepoints <= current.savepoints]
        for touched in released:
            if touched.savepoints & current.savepoints == current.savepoints:
                for shown, rows in touched.rows.items():
                    current.rows[shown] |= rows
                for room, roles in touched.members.items():
                    current.members[room] |= roles
                current.events += touched.events
                self._touched.remove(touched)
                self._hooks[:] = [hook for hook in self._hooks if hook[1] is not touched]

    def find(self, shown: Shown, key: Key) -> Touch | None:
        for touched in self.touched():
            if (found := touched.rows[shown].get(key)) is not None:
                return found
        return None

    def touch(self, shown: Shown, rows: Mapping[Key, Row | None]) -> None:
        """Remember rows as they were before the first edit; None for a new row."""
        actor_id = actor.actor_id()
        current = self.current()
        for key, old in rows.items():
            touch = self.find(shown, key)
            if touch is None:
                current.rows[shown][key] = Touch(old, actor_id)
            elif actor_id is not None:
                touch.actor_id = actor_id

    def touch_links(self, shown: Shown, link: Link, keys: Collection[Key]) -> None:
        """Remember the rows of a many-to-many field as they are before an edit."""
        keys = [key for key in keys if key is not None]
        # Each edit of the field locks the row first, so no two edits read the same old list.
        self.touch(shown, shown.read(self.using, keys, lock=True))
        unread = []
        for key in keys:
            touch = self.find(shown, key)
            if touch is not None and touch.old is not None and link.field.name not in touch.many:
                unread.append(key)
        if unread:
            for key, ids in link.lists(self.using, unread).items():
                if (touch := self.find(shown, key)) is not None:
                    touch.many[link.field.name] = ids

    def touch_members(self, room: ModelRoom, keys: Collection[Key]) -> None:
        """Remember the members of rooms before an edit."""
        known = [touched.members[room] for touched in self.touched()]
        unread = [key for key in keys if key is not None and not any(key in each for each in known)]
        if unread and room.members_path is not None:
            current = self.current()
            current.members[room] |= room.members_path.roles(self.using, unread)
            current.actor_id = actor.actor_id()

    def append(self, room: RoomId, event: NewEvent) -> None:
        """Have an event told after the changes of the transaction."""
        self.current().events.append((room, event))

    def take(self) -> list[RoomChange]:
        """Return the changes under the active savepoints, and begin anew.

        Rows that were touched outside of these savepoints stay remembered.
        """
        active = frozenset(self.connection.savepoint_ids) - {None}
        touched = [each for each in self.touched() if each.savepoints >= active]
        if not touched:
            return []
        self._touched = [each for each in self._touched if each not in touched]
        self._hooks[:] = [hook for hook in self._hooks if hook[1] not in touched]
        rows: dict[Shown, dict[Key, Touch]] = defaultdict(dict)
        for each in touched:
            for shown, remembered in each.rows.items():
                rows[shown] |= remembered
        changes = Changes()
        found = {
            shown: shown.read(self.using, list(touches), lock=self.lost_a_savepoint)
            for shown, touches in rows.items()
        }
        self._hold_logs(rows, found)
        for shown, touches in rows.items():
            self._compare(changes, shown, touches, found[shown])
        for each in touched:
            for room, old in each.members.items():
                if room.members_path is not None:
                    new = room.members_path.roles(self.using, list(old))
                    for key, roles in old.items():
                        changes.add_members(room, key, roles, new[key], each.actor_id)
            for room_id, event in each.events:
                changes.add_own(room_id, event)
        return changes.found()

    def _hold_logs(
        self, rows: Mapping[Shown, dict[Key, Touch]], new: Mapping[Shown, dict[Key, Row]]
    ) -> None:
        """Lock the logs of rooms that are shown whole, before their contents are read.

        Another transaction that edits a row in one of these is then either committed, and read, or
        tells the room of its edit later. Its rows are not locked, as it may wait for the log.
        """
        log.lock_all(
            {
                RoomId.of(place.room.kind, key)
                for shown, touches in rows.items()
                for place in shown.places
                if place.above is None and place.below
                for key in new[shown]
                if touches[key].is_unknown
            }
        )

    def _compare(
        self,
        changes: Changes,
        shown: Shown,
        touches: dict[Key, Touch],
        new: Mapping[Key, Row],
    ) -> None:
        many = self._many(shown, touches, new)
        for place in sorted(shown.places, key=lambda place: place.depth):
            arrived = [
                key
                for key, row in new.items()
                if touches[key].is_unknown or _has_moved(place, touches[key], row)
            ]
            # A row that moves is locked. An edit of what stands in it locks it before it writes,
            # and is then told in the new room; so the contents need no locks.
            inside = contents(self.using, place, arrived) if place.below else {}
            for key, touch in touches.items():
                row = new.get(key)
                spot = None if row is None else row[place]
                changes.add(place, touch, New(spot, many.get(key, {}), inside.get(key, {})))

    def _many(
        self, shown: Shown, touches: dict[Key, Touch], new: Mapping[Key, Row]
    ) -> dict[Key, dict[str, list[Any]]]:
        """Return the new lists of many-to-many fields, as far as they are needed."""
        found: dict[Key, dict[str, list[Any]]] = defaultdict(dict)
        for link in shown.links:
            name = link.field.name
            keys = [
                key
                for key, row in new.items()
                if name in touches[key].many
                or touches[key].is_unknown
                or any(_has_moved(place, touches[key], row) for place in shown.places)
            ]
            if keys:
                for key, ids in link.lists(self.using, keys).items():
                    found[key][name] = ids
        return found


def _has_moved(place: Place, touch: Touch, new: Row) -> bool:
    return touch.old is None or touch.old[place][:2] != new[place][:2]


def edits(using: str) -> Edits:
    """Return the rows that the transaction of a connection has touched."""
    connection = connections[using]
    found: Edits | None = connection.__dict__.get("_realtime_edits")
    if found is None:
        found = connection.__dict__["_realtime_edits"] = Edits(connection)
    return found


def refresh(queryset: QuerySet[Any]) -> None:
    """Show some rows whole in their rooms, whatever was shown before; see `rooms.refresh`."""
    shown = _shown[queryset.model._meta.concrete_model or queryset.model]
    using = alias()
    with transaction.atomic(using=using, savepoint=False):
        keys = list(queryset.values_list("pk", flat=True))
        rows = shown.read(using, keys, lock=True)
        found = edits(using)
        found.touch(shown, rows)
        for key in rows:
            if (touch := found.find(shown, key)) is not None:
                touch.is_unknown = True


# --- the writes of the ORM


class Write:
    """Follow one write to a watched table: its rows before, and the new rows after."""

    def __init__(self, table: Table, using: str) -> None:
        self.table = table
        self.using = using
        self.edits = edits(using)
        self.unseen: set[Key] = set()
        """Keys that the write names and that had no row."""

    def look_again(self, result: Any) -> None:
        """Remember rows that others have made since, and that the update may have found."""
        shown = self.table.shown
        if self.unseen and result and shown is not None:
            for key in shown.read(self.using, self.unseen, lock=False):
                self.edits.touch(shown, {key: None})
                if (touch := self.edits.find(shown, key)) is not None:
                    touch.is_unknown = True

    def knows(self, keys: Iterable[Key]) -> bool:
        """Return True if the rows are remembered already, and nothing else has to be."""
        table = self.table
        if table.shown is None or table.heirs or table.links or table.members:
            return False
        return all(self.edits.find(table.shown, key) is not None for key in keys)

    def lock_above(self, rows: Collection[Key] | QuerySet[Any]) -> None:
        """Lock the rows of rooms that the rows of this table stand in, before those."""
        if self.table.shown is not None:
            self.table.shown.lock_above(self.using, rows)

    def before(self, rows: list[Columns]) -> None:
        """Remember rows that are about to be written, and the rows that they relate."""
        shown, keys = self.table.shown, [row["pk"] for row in rows]
        if shown is not None and shown.has_serializer:
            self.edits.touch(shown, shown.read(self.using, keys, lock=False))
        elif shown is not None:
            self.edits.touch(shown, shown.spots(self.using, [(row, None) for row in rows]))
        for heir in self.table.heirs:
            self.edits.touch(heir, heir.read(self.using, keys, lock=True))
        self.relate(rows)

    def relate(self, rows: Iterable[Columns]) -> None:
        """Remember the relations that rows are about to change; each has some of the columns."""
        rows = list(rows)
        for shown, link in self.table.links:
            self.edits.touch_links(shown, link, self.values(rows, link.near))
        for room, path in self.table.members:
            near = self.values(rows, path.column)
            if near and room.members_path is not None:
                self.edits.touch_members(room, room.members_path.keys(self.using, path, near))

    def made(self, keys: Iterable[Key]) -> None:
        """Remember rows that were not there before."""
        if self.table.shown is not None:
            self.edits.touch(self.table.shown, dict.fromkeys(keys))

    def values(self, rows: Iterable[Columns], column: str) -> list[Any]:
        """Return the values of a column in rows, as Python has them, without expressions."""
        given = {row[column] for row in rows if row.get(column) is not None}
        if column == "pk":
            return list(given)
        field: Any = self.table.model._meta.get_field(column)
        return [field.to_python(each) for each in given if not hasattr(each, "resolve_expression")]


def _see(compiler: Any, lock: str) -> Write:
    """Remember the rows of an update or a delete."""
    query, using = compiler.query, compiler.using
    write = Write(tables[query.get_meta().concrete_model], using)
    keys = _named_keys(query)
    if keys is not None and write.knows(keys):
        return write
    if keys is None:
        matching = _matching(query, using)
        write.lock_above(matching)
        matching = matching.order_by("pk").select_for_update(no_key=lock == NO_KEY)
        keys = list(matching.values_list("pk", flat=True))
        # Another transaction may have made rows meanwhile, which the write must not find unseen.
        query.add_filter("pk__in", keys)
    else:
        write.lock_above(keys)
    rows = write.table.reads(keys, lock)
    write.before(rows)
    write.unseen = set(keys) - {row["pk"] for row in rows}
    return write


def _matching(query: Query, using: str) -> QuerySet[Any]:
    """Return the query of the rows that a write will find."""
    plain = query.chain(klass=Query)
    plain.select_related = False
    plain.clear_ordering(force=True)
    plain.extra = {}
    plain.get_initial_alias()
    rows: QuerySet[Any] = QuerySet(model=query.model, query=plain, using=using)
    if plain.count_active_tables() > 1 or plain.annotations or plain.distinct:
        # Not every query can be locked itself.
        rows = query.model._base_manager.using(using).filter(pk__in=rows.values("pk"))  # type: ignore[union-attr]
    return rows


def _named_keys(query: Query) -> list[Key] | None:
    """Return the primary keys by which alone a query finds its rows; None if it does not."""
    children = query.where.children
    if len(children) != 1 or query.where.negated:
        return None
    lookup: Any = children[0]
    if not isinstance(lookup, Exact | In) or hasattr(lookup.rhs, "resolve_expression"):
        return None
    if not getattr(getattr(lookup.lhs, "target", None), "primary_key", False):
        return None
    return [lookup.rhs] if isinstance(lookup, Exact) else list(lookup.rhs)


def _update(compiler: SQLUpdateCompiler, execute: Callable[[], Result]) -> Result:
    query: Any = compiler.query
    columns = {field.attname for field, _, _ in query.values}
    table = _watched(compiler)
    if table is None or not columns & table.watched:
        return execute()
    with transaction.atomic(using=compiler.using, savepoint=False):
        write = _see(compiler, NO_KEY)
        if table.near & columns:
            # The other end: the rows that these will relate to from now on.
            write.relate([_given(query.values, table.near)])
        result = execute()
        write.look_again(result)
        return result


def _given(values: Iterable[tuple[Any, Any, Any]], columns: Collection[str]) -> Columns:
    """Return the values that an update gives to columns."""
    return {
        field.attname: getattr(value, "pk", value)
        for field, _, value in values
        if field.attname in columns
    }


def _delete(compiler: SQLDeleteCompiler, execute: Callable[[], Result]) -> Result:
    if _watched(compiler) is None:
        return execute()
    with transaction.atomic(using=compiler.using, savepoint=False):
        _see(compiler, WHOLE)
        # Django's compiler returns None where it need not ask the database.
        return execute() or 0  # type: ignore[return-value]


def _insert(
    compiler: SQLInsertCompiler, returning: Any, execute: Callable[[Any], list[Any]]
) -> list[Any]:
    table = _watched(compiler)
    if table is None:
        return execute(returning)
    query: Any = compiler.query
    with transaction.atomic(using=compiler.using, savepoint=False):
        write = Write(table, alias())
        near = table.near - {"pk"}
        if near:
            write.relate({name: getattr(obj, name) for name in near} for obj in query.objs)
        if table.shown is None:
            return execute(returning)
        if query.unique_fields:
            _see_conflicts(write, query)
        pk = query.get_meta().pk
        fields = list(returning or [])
        is_asked = pk in fields
        if not is_asked and (query.on_conflict is not None or _lacks_keys(query.objs)):
            fields.append(pk)
        rows = execute(fields)
        if pk in fields:
            index = fields.index(pk)
            write.made(row[index] for row in rows if row[index] is not None)
        else:
            write.made(obj.pk for obj in query.objs)
        return rows if is_asked else [row[: len(returning or [])] for row in rows if returning]


def _lacks_keys(objects: Iterable[Model]) -> bool:
    return any(obj.pk is None for obj in objects)


def _see_conflicts(write: Write, query: Any) -> None:
    """Remember the rows that an insert with `update_conflicts` updates instead."""
    fields = [query.get_meta().get_field(getattr(f, "name", f)) for f in query.unique_fields]
    where = Q()
    for obj in query.objs:
        where |= Q(**{field.attname: getattr(obj, field.attname) for field in fields})
    shown = write.table.shown
    if shown is not None:
        rows = query.model._base_manager.using(write.using).filter(where)
        keys = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        write.edits.touch(shown, shown.read(write.using, keys, lock=True))


def _watched(compiler: Any) -> Table | None:
    """Return the table that a compiler writes to, if rooms are to be told."""
    table = tables.get(compiler.query.get_meta().concrete_model)
    if table is None or _quiet.get() or compiler.using != alias():
        return None
    return table


# --- what is wrapped


def _append(using: str) -> None:
    """Append the changes of the transaction to the logs of its rooms."""
    found = edits(using).take()
    if found:
        log.append_all({change.room_id: change.events() for change in found})


def _is_outermost(connection: BaseDatabaseWrapper) -> bool:
    """Return True if the innermost block is the outermost, apart from those of a test case."""
    blocks: list[Any] = connection.atomic_blocks
    *outer, block = blocks
    return not block._from_testcase and all(each._from_testcase for each in outer)


def install() -> None:
    """Wrap the writing compilers and the end of an `atomic` block, once."""
    if hasattr(transaction.Atomic.__exit__, "__wrapped__"):
        return
    _wrap_exit()
    _wrap(SQLUpdateCompiler, "execute_sql", _update)
    _wrap(SQLUpdateCompiler, "execute_returning_sql", _update)  # of Django 6.0
    _wrap(SQLDeleteCompiler, "execute_sql", _delete)
    insert = SQLInsertCompiler.execute_sql

    @functools.wraps(insert)
    def execute_sql(self: SQLInsertCompiler, returning_fields: Any = None) -> list[Any]:
        return _insert(self, returning_fields, functools.partial(insert, self))

    SQLInsertCompiler.execute_sql = execute_sql  # type: ignore[method-assign]


def _wrap(compiler: type[Any], name: str, see: Callable[[Any, Callable[[], Any]], Any]) -> None:
    execute = getattr(compiler, name, None)
    if execute is None:
        return

    @functools.wraps(execute)
    def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
        return see(self, functools.partial(execute, self, *args, **kwargs))

    setattr(compiler, name, seen)


def _wrap_exit() -> None:
    leave = transaction.Atomic.__exit__

    @functools.wraps(leave)
    def append_and_leave(self: transaction.Atomic, kind: Any, error: Any, traceback: Any) -> None:
        connection = transaction.get_connection(self.using)
        if kind is None and "_realtime_edits" in connection.__dict__:
            is_whole = not connection.needs_rollback and not connection.closed_in_transaction
            if is_whole and _is_outermost(connection):
                try:
                    _append(connection.alias)
                except BaseException as problem:
                    leave(self, type(problem), problem, problem.__traceback__)
                    raise
        leave(self, kind, error, traceback)

    transaction.Atomic.__exit__ = append_and_leave  # type: ignore[method-assign]
