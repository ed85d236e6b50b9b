"""A durable event on its way to the sockets: what the channel layer carries of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from realtime import protocol

if TYPE_CHECKING:
    from realtime.models import Event

EVERYONE = 0
"""No user has this id."""


class Hint(NamedTuple):
    seq: int
    text: str
    """The frame, encoded once for all."""
    evicts: int | None = None
    """The user whose access ends with this event, or `EVERYONE`."""


def from_event(row: Event) -> Hint:
    text = protocol.encode_event(row.type, row.payload, project_id=row.project_id, seq=row.seq)
    return Hint(row.seq, text, _evicts(row))


def _evicts(row: Event) -> int | None:
    if row.type == "project_deleted":
        return EVERYONE
    if row.type == "member_changed" and row.payload["role"] is None:
        user_id: int = row.payload["user_id"]
        return user_id
    return None
