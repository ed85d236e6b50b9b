"""What a room's messages are, and what they make of its state."""

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


class JoinAck(NamedTuple):
    seq: int
    user_id: int
    """The client's own."""
    role: str
    project: Json
    members: dict[int, str]
    tasks: dict[str, Json]
    recovered: bool


class UpdateAck(NamedTuple):
    seq: int
    changes: Json
    """What really changed; empty where nothing did."""
    duplicate: bool
    """The update had been made already, and its acknowledgement was lost."""


# Each of these raises whatever the message makes it raise: a bad one ends the connection. Members
# that the client does not know are ignored.


def parse(text: str) -> Message:
    raw = json.loads(text)
    payload = raw.get("payload", {})
    project_id = payload.get("project_id", raw.get("project_id"))
    return Message(raw["type"], payload, project_id, raw.get("seq"), raw.get("ref"))


def parse_join_ack(payload: Json) -> JoinAck:
    return JoinAck(
        int(payload["seq"]),
        payload["user_id"],
        payload["role"],
        dict(payload["project"]),
        {member["user_id"]: member["username"] for member in payload["members"]},
        {task["task_id"]: task for task in payload["tasks"]},
        payload["recovered"],
    )


def parse_update_ack(payload: Json) -> UpdateAck:
    return UpdateAck(int(payload["seq"]), dict(payload["changes"]), payload["duplicate"])


def with_member(members: dict[int, str], message: Message) -> dict[int, str]:
    """Return who is here after a message."""
    payload = message.payload
    match message.type:
        case "user_joined":
            return {**members, payload["user_id"]: payload["username"]}
        case "user_left":
            return {
                user_id: name for user_id, name in members.items() if user_id != payload["user_id"]
            }
        case _:
            return members


def with_task(tasks: dict[str, Json], message: Message) -> dict[str, Json]:
    """Return the running tasks after a message."""
    payload = message.payload
    match message.type:
        case "task_progress":
            task_id = payload["task_id"]
            return {**tasks, task_id: tasks.get(task_id, {}) | payload}
        case "task_completed" | "task_failed":
            return {key: task for key, task in tasks.items() if key != payload["task_id"]}
        case _:
            return tasks
