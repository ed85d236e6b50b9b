"""One project's room, as a client keeps it over any number of connections."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from realtime.client import messages
from realtime.client.connection import Connection, retrieve
from realtime.client.errors import Disconnected, Overrun, QueueFull, Refused, RoomClosed
from realtime.client.messages import Json, Message

logger = logging.getLogger(__name__)

Handler = Callable[[Message], None]

MAX_UNREAD = 10_000
"""Messages that wait for an `async for`; a room that nobody iterates over keeps no more."""

_PASSING = {"UNAVAILABLE", "RATE_LIMITED"}
"""What an update is tried again after."""
_PASSING_FOR_JOIN = _PASSING | {"INTERNAL_ERROR"}
_ENDED_KEPT = 100
"""Tasks that are known to have ended: late progress does not revive them."""
_PAUSE = 1.0
"""Seconds before a command is tried again, where the server names no time."""


class UpdateAck(NamedTuple):
    seq: int
    changes: Json
    """What really changed; empty where nothing did."""
    duplicate: bool
    """The update had been made already, and its acknowledgement was lost."""


class _Update(NamedTuple):
    payload: Json
    key: str
    outcome: asyncio.Future[UpdateAck]


class Room:
    """What `Realtime.join` returns. To iterate over it gives its messages from the join on.

    Beside the server's messages there is `snapshot`, after a reconnect for which the server could
    not replay what was missed: `state` is new as a whole then.
    """

    def __init__(
        self,
        project_id: int,
        *,
        queue_limit: int,
        sleep: Callable[[float], Awaitable[None]],
        on_close: Callable[[Room], None],
    ) -> None:
        self.project_id = project_id
        self.role = ""
        """As of the last join."""
        self.seq = 0
        """The last durable event that is part of `state`."""
        self.state: Json = {}
        """The project, kept up to date by its events."""
        self.members: dict[int, str] = {}
        """Who is here: user id → name."""
        self.tasks: dict[str, Json] = {}
        """The tasks that run: id → `task_id`, `progress`, `message`, and `task_type` if known."""
        self.is_closed = False
        self._queue_limit = queue_limit
        self._sleep = sleep
        self._on_close = on_close
        self._connection: Connection | None = None
        self._online = asyncio.Event()
        self._has_hole = False
        self._joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._joined.add_done_callback(retrieve)
        self._ended_tasks: deque[str] = deque(maxlen=_ENDED_KEPT)
        self._handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        self._unread: deque[Message] = deque()
        self._news = asyncio.Event()
        self._error: Exception | None = None
        self._updates: deque[_Update] = deque()
        self._writer: asyncio.Task[None] | None = None

    # --- what an application calls

    async def update(self, data: Json, *, base_seq: int | None = None) -> UpdateAck:
        """Change the project; return once the change is saved, however often the line breaks.

        Updates of a room are sent one at a time, in the order of the calls.

        Args:
            data: the fields to change; `content` is a merge patch (RFC 7396).
            base_seq: refuse with CONFLICT if something in `data` was changed after it.

        Raises:
            Refused: by the server, for what `code` says.
            QueueFull: while too many wait for a connection.
            RoomClosed, Stopped
        """
        if self.is_closed:
            raise self._error or RoomClosed
        if len(self._updates) >= self._queue_limit:
            raise QueueFull
        payload = {"project_id": self.project_id, "data": json.loads(_json(data))}
        if base_seq is not None:
            payload["base_seq"] = base_seq
        outcome: asyncio.Future[UpdateAck] = asyncio.get_running_loop().create_future()
        self._updates.append(_Update(payload, uuid.uuid4().hex, outcome))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await outcome

    async def signal(self, data: Json) -> None:
        """Show data to the others in the room, now or, without a connection, never."""
        if self._connection is not None:
            try:
                await self._connection.send(
                    "send_signal", {"project_id": self.project_id, "data": data}
                )
            except Disconnected:
                return

    async def leave(self) -> None:
        """Leave the room; its iteration ends, and updates that still wait raise `RoomClosed`."""
        connection = self._connection
        self.close(None)
        if connection is not None:
            with suppress(Disconnected, Refused):  # out of it, one way or another
                await connection.call("leave_project", {"project_id": self.project_id})

    def on(self, type_: str, handler: Handler) -> Callable[[], None]:
        """Have a function called with each message of a type; return one that ends it."""
        self._handlers[type_].append(handler)
        return partial(self._handlers[type_].remove, handler)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yield the messages since the join; end when the room is left.

        Raises:
            RoomClosed: when the project may no longer be seen, or is gone.
            Refused: when the server does not let the client in again.
            Overrun, Stopped
        """
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._error is not None:
                raise self._error
            if self.is_closed:
                return
            self._news.clear()
            await self._news.wait()

    # --- what `Realtime` calls

    async def joined(self) -> None:
        """Return once the room has been joined for the first time; raise why it cannot be."""
        await asyncio.shield(self._joined)

    async def enter(self, connection: Connection) -> None:
        """Join over a new connection, from where the last one ended."""
        while not self.is_closed:
            since = {"since": self.seq} if self._joined.done() else {}
            payload = {"project_id": self.project_id} | since
            try:
                await connection.call(
                    "join_project", payload, on_ack=partial(self._entered, connection)
                )
            except Disconnected:
                return
            except Refused as refused:
                if refused.code not in _PASSING_FOR_JOIN:
                    self.close(refused)
                    return
                await self._sleep(refused.retry_after or _PAUSE)
            else:
                return

    def disconnected(self) -> None:
        self._connection = None
        self._online.clear()

    def receive(self, message: Message) -> bool:
        """Take a message of this room in; False where the room must be entered anew."""
        if message.seq is not None:
            if message.seq <= self.seq:
                return True
            if message.seq > self.seq + 1:
                # The server promises not to leave one out; should it, the log still has it.
                is_known, self._has_hole = self._has_hole, True
                return is_known
            self.seq = message.seq
        match message.type:
            case "project_updated":
                self.state = messages.merged(self.state, message.payload["changes"])
            case "task_completed" | "task_failed":
                self._ended_tasks.append(message.payload["task_id"])
            case "task_progress" if message.payload["task_id"] in self._ended_tasks:
                return True
        self.members = messages.with_member(self.members, message)
        self.tasks = messages.with_task(self.tasks, message)
        self._deliver(message)
        if message.type == "access_revoked":
            self.close(RoomClosed(f"Project {self.project_id} may no longer be seen"))
        return True

    def close(self, error: Exception | None) -> None:
        """End the room; with an error, for whoever still uses it."""
        if self.is_closed:
            return
        self.is_closed = True
        self._on_close(self)
        self._error = self._error or error
        self.disconnected()
        if self._writer is not None:
            self._writer.cancel()
        for update in self._updates:
            if not update.outcome.done():
                update.outcome.set_exception(error or RoomClosed())
        self._updates.clear()
        if not self._joined.done():
            self._joined.set_exception(error or RoomClosed())
        self._news.set()

    # ---

    def _entered(self, connection: Connection, ack: Json) -> None:
        if self.is_closed:
            return
        is_first = not self._joined.done()
        self._has_hole = False
        self.role = ack["role"]
        self.members = {member["user_id"]: member["username"] for member in ack["members"]}
        self.tasks = {task["task_id"]: task for task in ack["tasks"]}
        if not ack["recovered"]:
            self.state, self.seq = ack["project"], ack["seq"]
        self._connection = connection
        self._online.set()
        if is_first:
            self._joined.set_result(None)
        elif not ack["recovered"]:
            payload = {"project_id": self.project_id, "project": self.state}
            self._deliver(Message("snapshot", payload, self.project_id, self.seq, None))

    def _deliver(self, message: Message) -> None:
        for handler in tuple(self._handlers[message.type]):
            try:
                handler(message)
            except Exception:
                logger.exception("A handler of %s failed", message.type)
        if self._error is not None:
            return
        if len(self._unread) >= MAX_UNREAD:
            self._unread.clear()
            self._error = Overrun()
        else:
            self._unread.append(message)
        self._news.set()

    async def _write(self) -> None:
        """Send the updates that wait, each until it has its answer."""
        while self._updates:
            await self._online.wait()
            update = self._updates[0]
            if not update.outcome.done():  # else the caller has given up
                try:
                    ack = await self._send(update)
                except Refused as refused:
                    if refused.code in _PASSING:
                        await self._sleep(refused.retry_after or _PAUSE)
                        continue
                    if not update.outcome.done():
                        update.outcome.set_exception(refused)
                except Disconnected:
                    self.disconnected()
                    continue
                else:
                    if not update.outcome.done():
                        update.outcome.set_result(UpdateAck(**ack))
            self._updates.popleft()

    async def _send(self, update: _Update) -> Json:
        if self._connection is None:
            raise Disconnected
        return await self._connection.call(
            "update_project", update.payload, idempotency_key=update.key
        )


def _json(data: Any) -> str:
    return json.dumps(data, allow_nan=False)
