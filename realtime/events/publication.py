"""Encode what the channel layer carries: durable events for the sockets, and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from realtime.protocol import messages
from realtime.protocol.room_id import Id, RoomId

if TYPE_CHECKING:
    from realtime.models import Event

RoomUser = tuple[RoomId, Id]
"""A room and a user who is in it."""


class State(NamedTuple):
    """Hold what a user shows of themselves in a room; of two, the greater one counts."""

    stamp: int
    """Milliseconds by the clock of the process that took it, and more than any it replaced."""
    text: str
    """An object in JSON."""


NO_STATE = State(0, "{}")


class PresenceEntry(NamedTuple):
    """Name a user who is in a room, as the others see them."""

    room: RoomId
    user_id: Id
    username: str
    state: State = NO_STATE


class Publication(NamedTuple):
    """Hold one durable event as it is handed to sockets."""

    seq: int
    text: str
    """The frame, encoded once for all."""
    evicts: Id | None = None
    """The user whose access ends with this event, or `EVERYONE`."""
    ends: str | None = None
    """The task that ends with this event."""
    text_with_operations: str | None = None
    """The frame for sockets that asked for operations, where it is another one."""


class LayerMessage(Struct, rename={"sender": "from"}):
    """Carry a message of a room's group; nothing else is taken from the layer."""

    room: RoomId
    sender: str | None = None
    """The server process that has shown it to its own sockets already."""
    events: list[Publication] = []
    ephemeral: str | None = None
    """The frame of a message that may be lost."""
    key: str | None = None
    """For a client that lags, the newest ephemeral message of a key replaces those before."""
    progress: tuple[str, int] | None = None
    """The task that the ephemeral message is about, and its progress."""
    arrived: list[tuple[Id, str]] = []
    """Users who are new in the room, and their names."""
    states: list[tuple[Id, int, str]] = []
    """Users who show something else of themselves: the parts of a `State`."""
    departed: list[Id] = []
    """Users who are not in the room any more."""


def parse(message: Any) -> LayerMessage:
    """Return a message of the layer.

    Raises:
        msgspec.ValidationError: if it is foreign.
    """
    return msgspec.convert(message, LayerMessage)


def from_event(row: Event, room: RoomId) -> Publication:
    text = messages.encode_event(row.type, row.payload, room=room, seq=row.seq)
    definition = messages.event_payload(row.type, room.kind)
    if definition is None:  # an event of the host's own
        return Publication(row.seq, text)
    payload, operations = row.payload, row.operations
    other = (
        messages.encode_event(row.type, payload, room=room, seq=row.seq, operations=operations)
        if operations
        else None
    )
    return Publication(row.seq, text, definition.evicts(payload), definition.ends(payload), other)
