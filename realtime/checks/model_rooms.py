"""Check the declarations of each `ModelRoom`, and the databases of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import router
from django.db.models import Model

from realtime.models import alias
from realtime.rooms import registry
from realtime.rooms.model_room import ModelRoom
from realtime.rooms.places import Link

_MIDDLEWARE = "realtime.middleware.ActorMiddleware"


def _rooms() -> Iterator[ModelRoom]:
    for room in registry.registered:
        if isinstance(room, ModelRoom):
            yield room


@register(Tags.compatibility)
def check_declarations(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)}: {problem}",
            hint="No edit reaches these rooms until it is right.",
            id="realtime.E050",
        )
        for room in _rooms()
        for problem in room.problems()
    ]


@register(Tags.compatibility)
def check_rows_beside_their_log(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{_name(room)} shows {model._meta.label}, which is written in the database "
            f"{router.db_for_write(model)!r}, and the log of its rooms in {alias()!r}: no "
            "transaction holds both",
            hint="Have a router send the app `realtime` to the database of these rows.",
            id="realtime.E051",
        )
        for room in _rooms()
        if not room.problems()
        for model in _tables(room)
        if router.db_for_write(model) != alias()
    ]


def _tables(room: ModelRoom) -> list[type[Model]]:
    """Return the models of the rows that a room shows or depends on, without its own."""
    found: dict[type[Model], None] = {}
    for place in room.place.everything():
        found[place.model] = None
        for field in place.fields.many.values():
            found[Link(field).through] = None
    for link in room.members_path.links() if room.members_path is not None else []:
        found[link.table] = None
    return [model for model in found if model is not room.model]


@register(Tags.compatibility)
def check_actors(**_: Any) -> list[CheckMessage]:
    if not any(_rooms()) or _MIDDLEWARE in settings.MIDDLEWARE:
        return []
    return [
        CheckWarning(
            "Rooms will say of every edit that is made over HTTP that the system made it",
            hint=f'Add "{_MIDDLEWARE}" to MIDDLEWARE, after AuthenticationMiddleware.',
            id="realtime.W052",
        )
    ]


def _name(room: ModelRoom) -> str:
    return f"{type(room).__module__}.{type(room).__qualname__}"
