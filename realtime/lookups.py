"""A lookup for what a process asks again and again about all its sockets together."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, IntegerField, Lookup
from django.db.models.lookups import In
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class AnyOf(Lookup):
    """`field__in=values`, with all the values in one parameter of the query.

    To `__in` each value is a parameter, which costs some microseconds of Python every time, and
    SQLite refuses a query that has too many. Values are numbers, texts or UUIDs::

        Membership.objects.filter(AnyOf("project_id", project_ids), AnyOf("user_id", user_ids))
    """

    prepare_rhs = False

    def __init__(self, field: str, values: Collection[Any]) -> None:
        super().__init__(F(field), [value for value in values if value is not None])

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Do as `__in` does, on databases that have nothing better."""
        sql, parameters = In(self.lhs, self.rhs).as_sql(compiler, connection)
        return sql, tuple(parameters)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        # As psycopg itself makes a list into an array, but in a fraction of the time.
        if self._are_integers:
            array = f"{{{str(self.rhs)[1:-1]}}}"
            return self._compare("= ANY(%s::bigint[])", array, compiler, connection)
        values = self._prepared(connection)
        if isinstance(self._field, CharField):
            array = f"{{{','.join(map(_quoted, values))}}}"
            return self._compare("= ANY(%s::text[])", array, compiler, connection)
        return self._compare("= ANY(%s)", values, compiler, connection)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        array = json.dumps(self.rhs if self._are_integers else self._prepared(connection))
        test = "IN (SELECT value FROM json_each(%s))"
        return self._compare(test, array, compiler, connection)

    def _compare(
        self, test: str, array: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> Sql:
        if not self.rhs:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} {test}", (*parameters, array)

    @property
    def _field(self) -> Any:
        field = self.lhs.output_field
        return getattr(field, "target_field", field)

    @property
    def _are_integers(self) -> bool:
        """Say whether the database knows the values as they are."""
        return isinstance(self._field, IntegerField) and set(map(type, self.rhs)) <= {int}

    def _prepared(self, connection: BaseDatabaseWrapper) -> list[Any]:
        return [self._field.get_db_prep_value(value, connection) for value in self.rhs]


def _quoted(text: str) -> str:
    """Return a text as an element of an array of PostgreSQL's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
