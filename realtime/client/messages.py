"""Read the messages of docs/protocol.md."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Json = dict[str, Any]


class Message(NamedTuple):
    """One message of the server, or the client's own `snapshot`; see `Room`."""

    type: str
    payload: Json
    project_id: int | None
    seq: int | None
    """The place of a durable event in its project's log."""
    ref: int | str | None


class Member(NamedTuple):
    user_id: int
    username: str


class Task(NamedTuple):
    task_id: str
    task_type: str | None
    """None where only the progress of the task was heard of."""
    progress: int
    """Percent; never falls."""
    message: str


class JoinAck(NamedTuple):
    seq: int
    user_id: int
    """The client's own."""
    role: str
    project: Json
    members: tuple[Member, ...]
    """Of very many only some; the user is among them."""
    member_count: int
    tasks: tuple[Task, ...]
    recovered: bool


class UpdateAck(NamedTuple):
    seq: int
    changes: Json
    """The values that really changed; empty where none did."""
    duplicate: bool
    """True if the update had been made already, and its acknowledgement was lost."""


# Each of these raises whatever the message makes it raise: a bad one ends the connection. Members
# that the client does not know are ignored.


def parse(text: str) -> Message:
    raw = json.loads(text)
    payload = raw.get("payload", {})
    project_id = payload.get("project_id", raw.get("project_id"))
    return Message(raw["type"], payload, project_id, raw.get("seq"), raw.get("ref"))


def parse_join_ack(payload: Json) -> JoinAck:
    members = tuple(Member(member["user_id"], member["username"]) for member in payload["members"])
    return JoinAck(
        int(payload["seq"]),
        payload["user_id"],
        payload["role"],
        dict(payload["project"]),
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
