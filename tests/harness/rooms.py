"""Other rooms than those that the installed apps have registered."""

from __future__ import annotations

from functools import cache

import pytest

from realtime.events import log
from realtime.rooms import Room, RoomId, registry


def serve(patch: pytest.MonkeyPatch, *rooms: type[Room]) -> None:
    """Serve these, in place of those of the same kind or model."""
    kinds, models = {room.kind for room in rooms}, {room.model for room in rooms}
    others = [
        room for room in registry.registered if room.kind not in kinds and room.model not in models
    ]
    serve_only(patch, *rooms, *map(type, others))


def serve_only(patch: pytest.MonkeyPatch, *rooms: type[Room]) -> None:
    patch.setattr(registry, "registered", [room() for room in rooms])
    for name in ("kinds", "commands", "key_type"):
        # Caches of their own, so that what is cached now is there again afterwards.
        patch.setattr(registry, name, cache(getattr(registry, name).__wrapped__))


def project(project_id: int) -> RoomId:
    return RoomId("project", project_id)


def row(project_id: int) -> int:
    """Return the primary key of a project's room; it is made where there is none yet."""
    return log.row_of(project(project_id))
