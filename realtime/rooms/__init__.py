"""Own the contract between a host's models and the rooms; a host imports it from here.

A host subclasses `Room` for each kind of its rooms, in a module `rooms.py` of an app, and registers
it with `register`. The server asks it for the access of users and the snapshots of rooms, and to
save updates. A `ModelRoom` does all that for a model, and sees the edits made anywhere
(`tracking`). A host appends events in the transaction that makes the change: its own with `append`;
if it has services of its own, also the protocol's (`updated`, `member_changed`, `deleted`), with
`append_all`. A method with `command` is a command that clients may send. `AnyOf` and
`CompiledQuery` make the queries of a room cheap for thousands of users, `save_fields` its writes.

The server asks through `hosts`, which knows the types of `keys`. A `ModelRoom` is made of `fields`,
`places`, `members`, `editing` and `changes`; `texts` has the operations of those who edit one text;
`own_commands` and `own_events` are a host's own; `shapes` describes states for the types of
clients. Begin with `room`, then `registry`.
"""

from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.db.rows import save_fields
from realtime.events.log import append_all
from realtime.events.new_event import NewEvent, author, deleted, member_changed, updated
from realtime.protocol.room_id import RoomId
from realtime.rooms.actor import acting
from realtime.rooms.children import Children
from realtime.rooms.model_room import ModelRoom, refresh
from realtime.rooms.own_commands import command
from realtime.rooms.own_events import append
from realtime.rooms.registry import register, room_of
from realtime.rooms.room import (
    Access,
    Forbidden,
    Invalid,
    Outcome,
    Pending,
    Room,
    Update,
    Updated,
)
from realtime.rooms.texts import apply_operations, text_changes
from realtime.rooms.tracking import quiet
from realtime.text_operations import Operation

__all__ = [
    "Access",
    "AnyOf",
    "Argument",
    "Children",
    "CompiledQuery",
    "Forbidden",
    "Invalid",
    "ModelRoom",
    "NewEvent",
    "Operation",
    "Outcome",
    "Pending",
    "Room",
    "RoomId",
    "Update",
    "Updated",
    "acting",
    "append",
    "append_all",
    "apply_operations",
    "author",
    "command",
    "deleted",
    "member_changed",
    "quiet",
    "refresh",
    "register",
    "room_of",
    "save_fields",
    "text_changes",
    "updated",
]
