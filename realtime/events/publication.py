"""What the channel layer carries: durable events on their way to the sockets, and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from realtime.protocol import messages

if TYPE_CHECKING:
    from realtime.models import Event

RoomUser = tuple[int, int]
"""A project and a user who is in its room."""


class PresenceEntry(NamedTuple):
    """A user who is in a project's room, and the name that the others see."""

    project_id: int
    user_id: int
    username: str


class Publication(NamedTuple):
    seq: int
    text: str
    """The frame, encoded once for all."""
    evicts: int | None = None
    """The user whose access ends with this event, or `EVERYONE`."""
    ends: str | None = None
    """The task that ends with this event."""


class LayerMessage(Struct, rename={"sender": "from"}):
    """A message of group `project_<id>`. Whatever is on the layer must pass through here."""

    project_id: int
    sender: str | None = None
    """The server process that has shown it to its own sockets already."""
    events: list[Publication] = []
    ephemeral: str | None = None
    """The frame of a message that may be lost."""
    key: str | None = None
    """For a client that lags, the newest ephemeral message of a key replaces those before."""
    progress: tuple[str, int] | None = None
    """The task that the ephemeral message is about, and its progress."""
    arrived: list[tuple[int, str]] = []
    """Users who are new in the room, and their names."""
    departed: list[int] = []
    """Users who are not in the room any more."""


def parse(message: Any) -> LayerMessage:
    """Return a message of the layer.

    Raises:
        msgspec.ValidationError: if it is none of ours.
    """
    return msgspec.convert(message, LayerMessage)


def from_event(row: Event) -> Publication:
    text = messages.encode_event(row.type, row.payload, project_id=row.project_id, seq=row.seq)
    kind = messages.EVENT_PAYLOADS.get(row.type)
    if kind is None:  # an event of the host's own
        return Publication(row.seq, text)
    return Publication(row.seq, text, kind.evicts(row.payload), kind.ends(row.payload))
