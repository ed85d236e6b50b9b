"""Compile the queries that a server process repeats every second, with all values in one parameter.

`AnyOf` is `field__in` with one parameter for all values; `CompiledQuery` keeps the SQL of a query
and runs it with other values each time. A host's rooms may use both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import cached_property
from inspect import signature
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, IntegerField, Lookup, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError

Row = tuple[Any, ...]
Sql = tuple[str, tuple[Any, ...]]
Encode = Callable[[list[Any]], Any]
"""Returns the one parameter that holds these values."""


class Argument(NamedTuple):
    """Stand for values that a `CompiledQuery` is given later."""

    position: int


class Bound(NamedTuple):
    """Hold an argument's place among the parameters of a query, and encode its values."""

    argument: Argument
    encode: Encode

    def parameter(self, arguments: tuple[Collection[Any], ...]) -> Any:
        return self.encode(_comparable(arguments[self.argument.position]))


class AnyOf(Lookup):
    """Filter by `field__in=values`, with all the values in one parameter of the query.

    `__in` makes each value a parameter, which costs some microseconds of Python every time, and
    SQLite refuses a query that has too many. Works on PostgreSQL and SQLite; values are numbers,
    texts or UUIDs::

        Membership.objects.filter(AnyOf("project_id", project_ids), AnyOf("user_id", user_ids))
    """

    prepare_rhs = False

    def __init__(self, field: str, values: Collection[Any] | Argument) -> None:
        super().__init__(F(field), values if isinstance(values, Argument) else _comparable(values))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        # An array as text: psycopg turns a list into the same, but takes many times as long.
        encode: Encode
        if isinstance(self._field, IntegerField):
            test, encode = "= ANY(%s::bigint[])", _integer_array
        elif isinstance(self._field, CharField):
            test, encode = "= ANY(%s::text[])", _text_array
        else:
            test, encode = "= ANY(%s)", list
        return self._compare(test, encode, compiler, connection)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        test = "IN (SELECT value FROM json_each(%s))"
        return self._compare(test, json.dumps, compiler, connection)

    def _compare(
        self, test: str, encode: Encode, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> Sql:
        def encoded(values: list[Any]) -> Any:
            return encode(self._prepared(values, connection))

        if not self.rhs:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        is_open = isinstance(self.rhs, Argument)
        parameter = Bound(self.rhs, encoded) if is_open else encoded(self.rhs)
        return f"{column} {test}", (*parameters, parameter)

    @property
    def _field(self) -> Any:
        field = self.lhs.output_field
        return getattr(field, "target_field", field)

    def _prepared(self, values: list[Any], connection: BaseDatabaseWrapper) -> list[Any]:
        """Convert values to the database's form, which integers and plain texts have already."""
        field = self._field
        plain = (
            int if isinstance(field, IntegerField) else str if type(field) is CharField else None
        )
        if plain is not None and set(map(type, values)) <= {plain}:
            return values
        return [field.get_db_prep_value(value, connection) for value in values]


def has_all_rows(manager: BaseManager[Any]) -> bool:
    """Return True if a manager leaves no rows out, so that a query of its rows can be compiled.

    One with a `get_queryset` of its own may go by anything, such as the time of day; a compiled
    query would keep the answer of its first call.
    """
    return type(manager).get_queryset is BaseManager.get_queryset


_FINGERPRINT = "WITH q ({names}) AS ({sql}) SELECT {text} FROM q"
_AS_TEXT = {
    "postgresql": "string_agg(q::text, ',')",
    "sqlite": "json_group_array(json_array({}))",
}


class CompiledQuery:
    """Compile a query of the ORM once per database, and run it with other values each time.

    Building a query and compiling it takes the ORM more time than everything else together. Each
    argument is a collection of values for one `AnyOf`. The query selects columns, or whole
    objects for `objects`::

        @CompiledQuery
        def _heads(project_ids: Argument) -> QuerySet:
            return Room.objects.filter(AnyOf("pk", project_ids)).values_list("pk", "seq")

        heads = dict(_heads([1, 2, 3]))

    The query must not depend on the caller or the time: it is built on the first call only.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        """`build` returns the query; it is called when first needed."""
        self.build = build
        self._statements: dict[str, _Statement] = {}
        self._fingerprints: dict[str, _Statement] = {}

    def __call__(self, *arguments: Collection[Any]) -> list[Row]:
        """Return the rows for these values; none if an `AnyOf` has no values."""
        return self._rows(self._statements, self._compile, arguments)

    def fingerprint(self, *arguments: Collection[Any]) -> str:
        """Return a text that differs if any of the rows for these values does.

        The database makes it, so it costs Python the same for a thousand rows as for one. The same
        rows in another order may have another one.
        """
        rows = self._rows(self._fingerprints, self._compile_fingerprint, arguments)
        return str(rows[0][0]) if rows else ""

    def _rows(
        self,
        statements: dict[str, _Statement],
        compile_: Callable[[BaseDatabaseWrapper], _Statement],
        arguments: tuple[Collection[Any], ...],
    ) -> list[Row]:
        if not all(arguments):
            return []
        connection = connections[self._queryset.db]
        statement = statements.get(connection.alias)
        if statement is None:
            try:
                statement = statements[connection.alias] = compile_(connection)
            except EmptyResultSet:  # the ORM knows without a query that there are no rows
                return []
        return statement.rows(connection, arguments)

    @cached_property
    def _queryset(self) -> QuerySet[Any, Any]:
        count = len(signature(self.build).parameters)
        return self.build(*map(Argument, range(count)))

    def objects(self, *arguments: Collection[Any]) -> list[Any]:
        """Return the objects for these values, of a query of all columns of a model."""
        model, using = self._queryset.model, self._queryset.db
        names = [field.attname for field in model._meta.concrete_fields]
        return [model.from_db(using, names, row) for row in self(*arguments)]

    def _compile(self, connection: BaseDatabaseWrapper) -> _Statement:
        query = self._queryset.query.chain()
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select]
        converters = compiler.get_converters(columns)
        return _Statement(sql, parameters, list(converters.items()), query.select_for_update)

    def _compile_fingerprint(self, connection: BaseDatabaseWrapper) -> _Statement:
        compiler = self._queryset.query.chain().get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        names = ", ".join(f"c{number}" for number in range(len(compiler.select)))
        # All of the rows, and no hash of them: nothing can have the same one by chance.
        text = _AS_TEXT[connection.vendor].format(names)
        return _Statement(_FINGERPRINT.format(names=names, sql=sql, text=text), parameters, [])


class _Statement(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]
    """Values, and a `Bound` in place of each argument."""
    converters: list[tuple[int, tuple[list[Callable[..., Any]], Any]]]
    """Columns whose values the ORM converts: index, converters and expression of each."""
    locks: bool = False
    """True for `select_for_update`."""

    def rows(
        self, connection: BaseDatabaseWrapper, arguments: tuple[Collection[Any], ...]
    ) -> list[Row]:
        if self.locks and not connection.in_atomic_block:
            raise TransactionManagementError("Rows are locked within transaction.atomic() only")
        parameters = [
            each.parameter(arguments) if isinstance(each, Bound) else each
            for each in self.parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            rows: list[Row] = cursor.fetchall()
        if not self.converters:
            return rows
        return [self._converted(row, connection) for row in rows]

    def _converted(self, row: Row, connection: BaseDatabaseWrapper) -> Row:
        values = list(row)
        for index, (converters, expression) in self.converters:
            for convert in converters:
                values[index] = convert(values[index], expression, connection)
        return tuple(values)


def _comparable(values: Collection[Any]) -> list[Any]:
    """Return the values that can equal something: all but None."""
    return [value for value in values if value is not None]


def _integer_array(values: list[int]) -> str:
    return f"{{{str(values)[1:-1]}}}"


def _text_array(values: list[str]) -> str:
    return f"{{{','.join(map(_quoted, values))}}}"


def _quoted(text: str) -> str:
    """Quote a text as an element of a PostgreSQL array."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
