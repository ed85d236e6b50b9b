"""Reduce a room's messages to its view, by pure functions.

`client/src/reducers.js` has the same rules for JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from realtime import merge_patch
from realtime.client.messages import JoinAck, Json, Key, Member, Message, Task
from realtime.client.room_id import RoomId

ENDED_KEPT = 100
"""Ended tasks that are remembered, so that late progress does not revive them."""


@dataclass(frozen=True)
class View:
    """Hold a room as the server has confirmed it; never changed, only replaced."""

    seq: int = 0
    """The last durable event that is part of it."""
    state: Json = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    member_count: int = 0
    """Number of users who are here; `members` has only some of very many."""
    tasks: tuple[Task, ...] = ()
    ended: tuple[str, ...] = ()
    """The tasks that ended last."""
    me: Key | None = None
    join_role: str | None = None
    """The own role at position `join_seq`."""
    join_seq: int = 0
    roles: Mapping[Key, str | None] = field(default_factory=dict)
    """Roles that changed after that, by user."""

    @property
    def role(self) -> str | None:
        return self.join_role if self.me is None else self.roles.get(self.me, self.join_role)


def join(view: View, ack: JoinAck) -> View:
    """Return the view after a join was acknowledged."""
    running = {task.task_id for task in ack.tasks}
    return View(
        # With `recovered`, the events that lead from the old position to the new one follow.
        seq=view.seq if ack.recovered else ack.seq,
        state=view.state if ack.recovered else ack.state,
        members=ack.members,
        member_count=ack.member_count,
        tasks=ack.tasks,
        ended=tuple(task_id for task_id in view.ended if task_id not in running),
        me=ack.user_id,
        join_role=ack.role,
        join_seq=ack.seq,
    )


def reduce(view: View, message: Message, room_id: RoomId) -> View:
    """Return the view after a message of the room. A durable event must be the next one."""
    seq = view.seq if message.seq is None else message.seq
    return replace(_change(view, message, room_id), seq=seq)


def _change(view: View, message: Message, room_id: RoomId) -> View:
    payload = message.payload
    changes = room_id.changes_in(message.type, payload)
    if changes is not None:
        return replace(view, state=merge_patch.apply(view.state, changes))
    match message.type:
        case "user_joined" | "user_left" | "presence":
            return _member(view, message)
        case "task_progress":
            return _progress(view, payload)
        case "task_completed" | "task_failed":
            task_id = payload["task_id"]
            return replace(
                view,
                tasks=tuple(task for task in view.tasks if task.task_id != task_id),
                ended=(*view.ended, task_id)[-ENDED_KEPT:],
            )
        case "member_changed" if (message.seq or 0) > view.join_seq:
            # A change that is replayed from before the join is part of `join_role`.
            return replace(view, roles={**view.roles, payload["user_id"]: payload["role"]})
        case _:
            return view


def _member(view: View, message: Message) -> View:
    user_id = message.payload["user_id"]
    if message.type == "presence":
        return showing(view, user_id, message.payload["data"])
    others = tuple(member for member in view.members if member.user_id != user_id)
    is_known = len(others) < len(view.members)
    if message.type == "user_left":
        # An unknown user is one of those whom the join did not list.
        count = max(view.member_count - 1, len(others))
        return replace(view, members=others, member_count=count)
    if is_known:
        return view
    member = Member(user_id, message.payload["username"])
    return replace(view, members=(*others, member), member_count=view.member_count + 1)


def showing(view: View, user_id: Key | None, presence: Json) -> View:
    """Return the view when a user shows something else; an empty presence is none."""
    members = tuple(
        member._replace(presence=presence or None) if member.user_id == user_id else member
        for member in view.members
    )
    return replace(view, members=members)


def _progress(view: View, payload: Json) -> View:
    task_id = payload["task_id"]
    if task_id in view.ended:
        return view
    task = Task(task_id, None, payload["progress"], payload["message"])
    for n, known in enumerate(view.tasks):
        if known.task_id == task_id:
            if task.progress < known.progress:
                return view
            task = task._replace(task_type=known.task_type)
            return replace(view, tasks=(*view.tasks[:n], task, *view.tasks[n + 1 :]))
    return replace(view, tasks=(*view.tasks, task))
