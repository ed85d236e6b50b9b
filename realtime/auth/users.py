"""Read the columns that decide whether users may stay signed in, of many users at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Value

from realtime.db.queries import AnyOf
from realtime.protocol.room_id import Id, to_id


class Standing(NamedTuple):
    """Hold the columns of one user that a sign-in depends on."""

    is_active: bool
    password: str | None = None
    """The hash; None if it was not asked for."""


GONE = Standing(is_active=False)


def by_key(name: str, keys: Collection[Any]) -> dict[Any, Any]:
    """Return users by the value of a field: one query."""
    field: Any = get_user_model()._meta.get_field(name)
    found = get_user_model()._default_manager.filter(AnyOf(name, keys)) if keys else []
    return {getattr(user, field.attname): user for user in found}


def standings(
    user_ids: Collection[Id], *, activity: bool = True, passwords: bool = False
) -> dict[Id, Standing]:
    """Return the standing of each user who exists: one query. Without `activity` all are active.

    Reading columns is many times as fast as making users. Users are made only if a model's
    attribute is not a column: `AbstractBaseUser.is_active` is a class attribute.
    """
    users = get_user_model()._default_manager.filter(AnyOf("pk", user_ids)).order_by()
    active = "is_active" if activity else None
    password = "password" if passwords else None
    if all(name is None or _is_column(name) for name in (active, password)):
        rows = users.values_list("pk", active or Value(1), password or Value(None, CharField()))
        return {to_id(key): Standing(bool(is_active), text) for key, is_active, text in rows}
    return {
        to_id(user.pk): standing_of(user, activity=activity, passwords=passwords) for user in users
    }


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
