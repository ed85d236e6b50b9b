"""A lookup for what a process asks again and again about all its sockets together."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, IntegerField, Lookup
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class Argument(NamedTuple):
    """Stands for values that are given later: see `realtime.db.queries`."""

    position: int


class Bound(NamedTuple):
    """An argument's place among the parameters of a query."""

    argument: Argument
    encode: Callable[[list[Any]], Any]

    def parameter(self, arguments: tuple[Collection[Any], ...]) -> Any:
        return self.encode(_known(arguments[self.argument.position]))


class AnyOf(Lookup):
    """`field__in=values`, with all the values in one parameter of the query.

    To `__in` each value is a parameter, which costs some microseconds of Python every time, and
    SQLite refuses a query that has too many. For PostgreSQL and SQLite; values are numbers, texts
    or UUIDs::

        Membership.objects.filter(AnyOf("project_id", project_ids), AnyOf("user_id", user_ids))
    """

    prepare_rhs = False

    def __init__(self, field: str, values: Collection[Any] | Argument) -> None:
        super().__init__(F(field), values if isinstance(values, Argument) else _known(values))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        # An array as text: psycopg makes the same of a list, but takes many times as long.
        encode: Callable[[list[Any]], Any]
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
        self,
        test: str,
        encode: Callable[[list[Any]], Any],
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
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
        """Return values as the database knows them: integers are so already."""
        field = self._field
        if isinstance(field, IntegerField) and set(map(type, values)) <= {int}:
            return values
        return [field.get_db_prep_value(value, connection) for value in values]


def _known(values: Collection[Any]) -> list[Any]:
    """Return the values that can be equal to something."""
    return [value for value in values if value is not None]


def _integer_array(values: list[int]) -> str:
    return f"{{{str(values)[1:-1]}}}"


def _text_array(values: list[str]) -> str:
    return f"{{{','.join(map(_quoted, values))}}}"


def _quoted(text: str) -> str:
    """Return a text as an element of an array of PostgreSQL's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
