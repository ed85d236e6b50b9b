"""Read the columns that decide whether users may stay signed in, of many users at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from functools import cache, partial
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Value

from realtime.db.queries import AnyOf, CompiledQuery, has_all_rows
from realtime.protocol.room_id import Id, to_id


class Standing(NamedTuple):
    """Hold the columns of one user that a sign-in depends on."""

    is_active: bool
    password: str | None = None
    """The hash; None if it was not asked for."""


GONE = Standing(is_active=False)


def by_key(name: str, keys: Collection[Any]) -> dict[Any, Any]:
    """Return users by the value of a field: one query."""
    model = get_user_model()
    field: Any = model._meta.get_field(name)
    query = _users_by(model, name)
    found = query.objects(keys) if has_all_rows(model._default_manager) else query.build(keys)
    return {getattr(user, field.attname): user for user in found}


@cache
def _users_by(model: Any, name: str) -> CompiledQuery:
    def rows(keys: Any) -> Any:
        return model._default_manager.filter(AnyOf(name, keys))

    return CompiledQuery(rows)


def standings(
    user_ids: Collection[Id], *, activity: bool = True, passwords: bool = False
) -> dict[Id, Standing]:
    """Return the standing of each user who exists: one query. Without `activity` all are active.

    Reading columns is many times as fast as making users. Users are made only if a model's
    attribute is not a column: `AbstractBaseUser.is_active` is a class attribute.
    """
    if _are_columns(activity=activity, passwords=passwords):
        query = _standing_rows(get_user_model(), activity, passwords)
        found = (
            query(user_ids)
            if has_all_rows(get_user_model()._default_manager)
            else query.build(user_ids)
        )
        return {to_id(key): Standing(bool(is_active), text) for key, is_active, text in found}
    users = get_user_model()._default_manager.filter(AnyOf("pk", user_ids)).order_by()
    return {
        to_id(user.pk): standing_of(user, activity=activity, passwords=passwords) for user in users
    }


def watch(
    user_ids: Collection[Id], *, activity: bool, passwords: bool
) -> Callable[[], Hashable] | None:
    """Return a question whose answer changes whenever that of `standings` does; None for none."""
    if not _are_columns(activity=activity, passwords=passwords) or not has_all_rows(
        get_user_model()._default_manager
    ):
        return None
    query = _standing_rows(get_user_model(), activity, passwords)
    return partial(query.fingerprint, tuple(user_ids))


@cache
def _standing_rows(model: Any, activity: bool, passwords: bool) -> CompiledQuery:  # noqa: FBT001
    def rows(user_ids: Any) -> Any:
        users = model._default_manager.filter(AnyOf("pk", user_ids)).order_by()
        return users.values_list(
            "pk",
            "is_active" if activity else Value(1),
            "password" if passwords else Value(None, CharField()),
        )

    return CompiledQuery(rows)


def _are_columns(*, activity: bool, passwords: bool) -> bool:
    return (not activity or _is_column("is_active")) and (not passwords or _is_column("password"))


def standing_of(user: Any, *, activity: bool = True, passwords: bool = True) -> Standing:
    """Return the standing of one user, as `standings` would."""
    return Standing(
        not activity or bool(user.is_active),
        getattr(user, "password", None) if passwords else None,
    )


def _is_column(name: str) -> bool:
    try:
        return bool(get_user_model()._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False
