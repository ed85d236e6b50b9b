"""Queries that a process asks again and again, made into SQL once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from inspect import signature
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from realtime.db.lookups import Argument, Bound

Row = tuple[Any, ...]


class CompiledQuery:
    """A query of the ORM that is asked with other values each time.

    To build a query and to make it into SQL takes the ORM more time than everything else
    together; here that is done once per database. Each argument is a collection of values for
    one `AnyOf`, and what is asked for are columns::

        @CompiledQuery
        def _heads(project_ids: Argument) -> QuerySet:
            return Room.objects.filter(AnyOf("pk", project_ids)).values_list("pk", "seq")

        heads = dict(_heads([1, 2, 3]))

    The query must not depend on who asks, or when: it is built for the first time only.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]]) -> None:
        """`build` returns the query, with `values_list`; it is called when first needed."""
        self._build = build
        self._statements: dict[str, _Statement] = {}

    def __call__(self, *arguments: Collection[Any]) -> list[Row]:
        """Return the rows for these values: those of an `AnyOf` without any are none."""
        if not all(arguments):
            return []
        connection = connections[self._queryset.db]
        statement = self._statements.get(connection.alias)
        if statement is None:
            try:
                statement = self._statements[connection.alias] = self._compile(connection)
            except EmptyResultSet:  # the ORM sees by itself that there can be no rows
                return []
        return statement.rows(connection, arguments)

    @cached_property
    def _queryset(self) -> QuerySet[Any, Any]:
        count = len(signature(self._build).parameters)
        return self._build(*map(Argument, range(count)))

    def _compile(self, connection: BaseDatabaseWrapper) -> _Statement:
        compiler = self._queryset.query.chain().get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select]
        converters = compiler.get_converters(columns)
        return _Statement(sql, parameters, list(converters.items()))


class _Statement(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]
    """Values, and a `Bound` for each that is an argument."""
    converters: list[tuple[int, tuple[list[Callable[..., Any]], Any]]]
    """For columns whose values the ORM converts: their index, how, and their expression."""

    def rows(
        self, connection: BaseDatabaseWrapper, arguments: tuple[Collection[Any], ...]
    ) -> list[Row]:
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
