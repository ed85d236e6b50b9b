"""Write rows of a model in one statement whose SQL is made once, without the ORM's compiler.

To make the SQL of an insert takes the ORM several times as long as to have it done. Values are
prepared by the model's own fields, as the ORM does. As `bulk_create` and `bulk_update`, these call
no `save()` and send no signals; unlike them, they are not seen by a `ModelRoom`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import FieldError
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

_AT_ONCE = 64
"""Rows of one statement: few enough for the parameters that SQLite takes."""
_PLAIN: dict[type, type] = {
    models.CharField: str,
    models.TextField: str,
    models.IntegerField: int,
    models.BigIntegerField: int,
    models.PositiveIntegerField: int,
    models.AutoField: int,
    models.BigAutoField: int,
}
"""Fields of exactly these types, and keys of such, pass on values of exactly these types as they
are."""

_LENGTH = r"\([\d, ]+\)"


class _Column(NamedTuple):
    name: str
    """Quoted."""
    placeholder: str
    """With its type, for a database that would not know it otherwise."""
    plain: type | None
    pre_save: Callable[[Model, bool], Any]
    prepare: Callable[[Any, BaseDatabaseWrapper], Any]

    def parameter(self, instance: Model, connection: BaseDatabaseWrapper, *, adding: bool) -> Any:
        value = self.pre_save(instance, adding)
        return value if type(value) is self.plain else self.prepare(value, connection)


def insert(rows: Sequence[Model], fields: tuple[str, ...], *, using: str) -> None:
    """Insert new rows of one model, and set their primary keys.

    All other fields have their defaults in the database, or the statement fails.
    """
    for some in _parts(rows):
        connection = connections[using]
        columns = _columns(type(some[0]), fields, using)
        opts: Any = some[0]._meta
        quote = connection.ops.quote_name
        sql = _INSERT.format(
            table=quote(opts.db_table),
            columns=", ".join(column.name for column in columns),
            rows=", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(some)),
            key=quote(opts.pk.column),
        )
        with connection.cursor() as cursor:
            cursor.execute(
                sql,
                [each.parameter(row, connection, adding=True) for row in some for each in columns],
            )
            for row, (key,) in zip(some, cursor.fetchall(), strict=True):
                row.pk = key
                row._state.adding, row._state.db = False, using


def save_fields(rows: Sequence[Model], fields: Collection[str]) -> None:
    """Save some fields of rows of one model that are there, locked in this transaction.

    Fields with `auto_now` are saved only if they are named.

    Raises:
        FieldError: for a field that is not a column of the model's own table.
    """
    for some in _parts(rows):
        using: Any = some[0]._state.db
        opts: Any = some[0]._meta
        connection = connections[using]
        columns = _columns(type(some[0]), (opts.pk.attname, *fields), using)
        key, *rest = columns
        sql = _UPDATE.format(
            table=connection.ops.quote_name(opts.db_table),
            columns=", ".join(column.name for column in columns),
            rows=", ".join(
                [f"({', '.join(column.placeholder for column in columns)})"] * len(some)
            ),
            changes=", ".join(f"{column.name} = given.{column.name}" for column in rest),
            key=key.name,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                sql,
                [each.parameter(row, connection, adding=False) for row in some for each in columns],
            )


_INSERT = "INSERT INTO {table} ({columns}) VALUES {rows} RETURNING {key}"
_UPDATE = """
WITH given ({columns}) AS (VALUES {rows})
UPDATE {table} SET {changes} FROM given WHERE {table}.{key} = given.{key}
"""


def _parts(rows: Sequence[Model]) -> Iterator[Sequence[Model]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


@lru_cache
def _columns(model: type[Model], fields: tuple[str, ...], using: str) -> tuple[_Column, ...]:
    return tuple(_column(model, name, connections[using]) for name in fields)


def _column(model: type[Model], name: str, connection: BaseDatabaseWrapper) -> _Column:
    field: Any = model._meta.get_field(name)
    if field not in model._meta.local_concrete_fields:
        raise FieldError(f"{model._meta.label}.{name} is no column of the model's own table")
    placeholder = "%s"
    if connection.vendor == "postgresql":
        # Without its length: a cast to varchar(5) would cut off what an assignment refuses.
        placeholder = f"%s::{re.sub(_LENGTH, '', field.db_type(connection))}"
    return _Column(
        connection.ops.quote_name(field.column),
        placeholder,
        _PLAIN.get(type(getattr(field, "target_field", field))),
        field.pre_save,
        field.get_db_prep_save,
    )
