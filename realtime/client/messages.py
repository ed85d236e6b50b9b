"""Parse the messages of docs/protocol.md."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Json = dict[str, Any]
Key = int | str
"""The key of a room's object, or of a user: an integer, or the text of any other key."""


class Message(NamedTuple):
    """Hold one message of the server, or the client's own `snapshot`; see `Room`."""

    type: str
    payload: Json
    room: Json
    """The part of the message that names the room: its envelope, or else its payload."""
    seq: int | None
    """The place of a durable event in the log of its room."""
    ref: int | str | None


class Member(NamedTuple):
    """Hold a user who is in a room."""

    user_id: Key
    username: str
    presence: Json | None = None
    """The user's presence, once the room has asked for it by `set_presence`."""


class Task(NamedTuple):
    """Hold a task of a room that is queued or running."""

    task_id: str
    task_type: str | None
    """None if only progress of the task has come."""
    progress: int
    """Percent; never falls."""
    message: str


class JoinAck(NamedTuple):
    """Hold the acknowledgement of a join."""

    seq: int
    user_id: Key
    """The client's own user."""
    role: str
    state: Json
    members: tuple[Member, ...]
    """The users who are here; only some of very many, but always the client's own."""
    member_count: int
    tasks: tuple[Task, ...]
    recovered: bool


class UpdateAck(NamedTuple):
    """Hold the acknowledgement of an update."""

    seq: int
    changes: Json
    """The values that really changed; empty if none did."""
    duplicate: bool
    """True if the update had been made already, and its acknowledgement was lost."""


# A bad message raises any error in these functions, and so ends the connection. Members that the
# client does not know are ignored.


def parse(text: str) -> Message:
    raw = json.loads(text)
    payload = raw.get("payload", {})
    # A payload may name objects of other kinds, too; then the envelope names the room.
    room = raw if any(name.endswith("_id") for name in raw) else payload
    return Message(raw["type"], payload, room, raw.get("seq"), raw.get("ref"))


def parse_join_ack(payload: Json, kind: str) -> JoinAck:
    members = tuple(
        Member(member["user_id"], member["username"], member.get("presence"))
        for member in payload["members"]
    )
    return JoinAck(
        int(payload["seq"]),
        payload["user_id"],
        payload["role"],
        dict(payload[kind]),
        members,
        int(payload.get("member_count", len(members))),
        tuple(
            Task(task["task_id"], task["task_type"], task["progress"], task["message"])
            for task in payload["tasks"]
        ),
        payload["recovered"],
    )


def parse_update_ack(payload: Json) -> UpdateAck:
    return UpdateAck(int(payload["seq"]), dict(payload["changes"]), payload["duplicate"])
