"""Keep rooms over lost connections: a client for asyncio. It needs `websockets`, not Django.

    async with Realtime("ws://localhost:8010", token=fetch_token) as realtime:
        room = await realtime.join("project", 1)
        await room.update({"title": "New title"})
        async for message in room:
            print(message.type, message.payload)

It reconnects for as long as it takes, and misses and repeats nothing: it joins rooms again from the
position they had, and sends updates that were not acknowledged again under their `idempotency_key`.
The protocol is in `docs/protocol.md`.
"""

from realtime.extras import needed_by

with needed_by("realtime.client"):
    import websockets as _websockets  # noqa: F401

from realtime.client.errors import (
    InvalidData,
    Overrun,
    QueueFull,
    RealtimeError,
    Refused,
    RoomClosed,
    Stopped,
    UserChanged,
)
from realtime.client.messages import Key, Member, Message, Task, UpdateAck
from realtime.client.realtime import Realtime, State, StateChange
from realtime.client.room import Room

__all__ = [
    "InvalidData",
    "Key",
    "Member",
    "Message",
    "Overrun",
    "QueueFull",
    "Realtime",
    "RealtimeError",
    "Refused",
    "Room",
    "RoomClosed",
    "State",
    "StateChange",
    "Stopped",
    "Task",
    "UpdateAck",
    "UserChanged",
]
