"""One project's room, as a client keeps it over any number of connections."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from realtime import merge_patch
from realtime.client import backoff, messages
from realtime.client.connection import Connection, retrieve
from realtime.client.errors import (
    PASSING,
    Disconnected,
    Overrun,
    RealtimeError,
    Refused,
    RoomClosed,
)
from realtime.client.messages import Json, Message, UpdateAck, parse_join_ack
from realtime.client.signals import SignalSender
from realtime.client.updates import UpdateQueue

logger = logging.getLogger(__name__)

Handler = Callable[[Message], None]

MAX_UNREAD = 10_000
"""Messages that wait for an `async for`; a room that nobody iterates over keeps no more."""

_MAX_FAULTS = 3
"""Joins in a row that a fault of the server may fail, before the caller is told."""
_ENDED_KEPT = 100
"""Tasks that are known to have ended: late progress does not revive them."""


class Context(NamedTuple):
    """What a room needs of the client that it belongs to."""

    queue_limit: int
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    """Starts a task that ends with the connection."""
    identify: Callable[[int], None]
    """Called with the user whom the server joined; may end rooms, this one too."""
    report: Callable[[Refused], None]
    """Called with a refusal that no caller is told."""
    on_end: Callable[[Room], None]


class Room:
    """The room of a project; `Realtime.join` returns it. To iterate over it gives its messages.

    Beside the server's messages there is `snapshot`, after a reconnect for which the server could
    not replay what was missed: `state` is new as a whole then.
    """

    def __init__(self, project_id: int, context: Context) -> None:
        self.project_id = project_id
        self.me: int | None = None
        """The own user id; None before the first join."""
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
        self.ended: RealtimeError | None = None
        """The reason why the room has ended. It does not come back: `join` makes a new one."""
        self._context = context
        self._users = 0
        self._connection: Connection | None = None
        self._joining: asyncio.Task[None] | None = None
        self._is_joined = False
        self._has_hole = False
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entered.add_done_callback(retrieve)
        self._ended_tasks: deque[str] = deque(maxlen=_ENDED_KEPT)
        self._handlers: defaultdict[str, list[Handler]] = defaultdict(list)
        self._unread: deque[Message] = deque()
        self._news = asyncio.Event()
        self._error: RealtimeError | None = None
        """What an iteration ends with."""
        self._is_leaving = False
        self._updates = UpdateQueue(
            project_id,
            limit=context.queue_limit,
            pause=self._pause,
            on_not_joined=self._join_again,
        )
        self._signals = SignalSender(
            project_id, sleep=context.sleep, pause=self._pause, on_refused=context.report
        )

    @property
    def joined(self) -> bool:
        """Whether events come now; while not, the room shows what was last known."""
        return self._is_joined

    @property
    def pending(self) -> int:
        """How many updates wait for their answer."""
        return len(self._updates)

    # --- what an application calls

    async def update(self, data: Json, *, base_seq: int | None = None) -> UpdateAck:
        """Change the project; return once the change is saved, however often the line breaks.

        Updates of a room are sent one at a time, in the order of the calls.

        Args:
            data: the fields to change; `content` is a merge patch (RFC 7396).
            base_seq: refuse with CONFLICT if something in `data` was changed after it.

        Raises:
            InvalidData: if the data cannot be sent; nothing was.
            Refused: by the server, for what `code` says.
            QueueFull: while too many wait for a connection.
            RoomClosed, UserChanged, Stopped
        """
        if self.ended is not None:
            raise self.ended
        if self._is_leaving:
            raise RoomClosed
        return await self._updates.add(data, base_seq)

    async def signal(self, data: Json) -> None:
        """Show data to the others in the room, now or, without a connection, never.

        Signals that come faster than the server takes them replace each other; the last is sent.

        Raises:
            InvalidData
        """
        self._signals.send(data)

    async def leave(self) -> None:
        """Leave the room, once each `join` of it was left; updates made before are sent first.

        Its iteration ends then.
        """
        if self._users == 0 or self.ended is not None:
            return
        self._users -= 1
        if self._users > 0:
            return
        self._is_leaving = True
        await self._updates.drained()
        if not self._is_leaving:  # somebody joined it meanwhile
            return
        connection = self._connection
        self.end(RoomClosed())
        if connection is not None:
            await self.depart(connection)

    def on(self, type_: str, handler: Handler) -> Callable[[], None]:
        """Have a function called with each message of a type; return one that ends it."""
        self._handlers[type_].append(handler)

        def off() -> None:
            with suppress(ValueError):
                self._handlers[type_].remove(handler)

        return off

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yield the messages since the join; end when the room is left.

        Raises:
            RoomClosed: when the project may no longer be seen, or is gone.
            UserChanged: when another user is signed in.
            Refused: when the server does not let the client in again.
            Overrun, Stopped
        """
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._error is not None:
                raise self._error
            if self.ended is not None:
                return
            self._news.clear()
            await self._news.wait()

    # --- what `Realtime` calls

    async def enter(self) -> None:
        """Count somebody who wants the room; return once it is joined, or raise why it cannot be.

        Raises:
            Refused, RoomClosed, UserChanged, Stopped
        """
        self._users += 1
        self._is_leaving = False
        try:
            await asyncio.shield(self._entered)
        except asyncio.CancelledError:
            self._forsake()
            raise

    def connected(self, connection: Connection) -> None:
        """Join over a new connection, from where the last one ended."""
        self._connection = connection
        self._join_again()

    def disconnected(self) -> None:
        self._connection = None
        self._is_joined = False
        self._updates.pause()
        self._signals.close()

    async def depart(self, connection: Connection) -> None:
        """Tell the server that the socket leaves the room."""
        with suppress(Disconnected, Refused):  # out of it, one way or another
            await connection.call("leave_project", {"project_id": self.project_id})

    def receive(self, message: Message) -> None:
        """Take a message of this room."""
        if message.seq is not None:
            if message.seq <= self.seq:
                return
            if message.seq > self.seq + 1:
                # The server promises not to leave one out; should it, the log still has it.
                if not self._has_hole:
                    self._has_hole = True
                    self._join_again()
                return
        payload = message.payload
        match message.type:
            case "project_updated":
                self.state = merge_patch.apply(self.state, payload["changes"])
            case "task_completed" | "task_failed":
                self._ended_tasks.append(payload["task_id"])
            case "task_progress" if payload["task_id"] in self._ended_tasks:
                return
        self.members = messages.with_member(self.members, message)
        self.tasks = messages.with_task(self.tasks, message)
        # Last: an event that cannot be read ends the connection, and must be asked for again.
        self.seq = self.seq if message.seq is None else message.seq
        self._deliver(message)
        if message.type == "access_revoked":
            reason = f"Project {self.project_id} may no longer be seen"
            self.end(RoomClosed(reason, code="ACCESS_REVOKED"))

    def end(self, error: RealtimeError, *, is_own: bool = False) -> None:
        """End the room; `is_own` if the application itself asked for that, as with `close`."""
        if self.ended is not None:
            return
        self.ended = error
        self._context.on_end(self)
        if not (is_own or self._is_leaving):
            self._error = self._error or error
        self.disconnected()
        self._updates.reject(error)
        if self._joining is not None:
            self._joining.cancel()
        if not self._entered.done():
            self._entered.set_exception(error)
        self._news.set()

    # ---

    def _forsake(self) -> None:
        """Count off somebody who gave up before the room was joined; nobody else may want it."""
        self._users -= 1
        if self._users == 0 and self.ended is None:
            connection = self._connection
            self.end(RoomClosed())
            if connection is not None:
                self._context.spawn(self.depart(connection))

    def _join_again(self) -> None:
        connection = self._connection
        if self._joining is not None:
            self._joining.cancel()
        if connection is not None and self.ended is None:
            self._joining = self._context.spawn(self._join(connection))

    async def _join(self, connection: Connection) -> None:
        """Join, and try again for as long as that may help."""
        failures = faults = 0
        while True:
            since = {"since": self.seq} if self._entered.done() else {}
            payload = {"project_id": self.project_id} | since
            try:
                await connection.call(
                    "join_project", payload, on_ack=partial(self._joined, connection)
                )
            except Disconnected:
                return
            except Refused as refused:
                # A join that fails leaves the socket out of the room, also where it was in.
                self._is_joined = False
                self._updates.pause()
                is_fault = refused.code == "INTERNAL_ERROR"
                faults += is_fault
                if refused.code not in PASSING and not (is_fault and faults < _MAX_FAULTS):
                    self._joining = None
                    self.end(refused)
                    return
                await self._pause(failures, refused.retry_after)
                failures += 1
            else:
                return

    def _joined(self, connection: Connection, payload: Json) -> None:
        ack = parse_join_ack(payload)
        # Before anything of the room is taken or sent: it may be another user's by now.
        self._context.identify(ack.user_id)
        if self.ended is not None or connection is not self._connection:
            return
        is_first = not self._entered.done()
        self._has_hole = False
        self.me, self.role = ack.user_id, ack.role
        self.members, self.tasks = ack.members, ack.tasks
        if not ack.recovered:
            self.state, self.seq = ack.project, ack.seq
        self._is_joined = True
        self._updates.open(connection)
        self._signals.open(connection)
        if is_first:
            self._entered.set_result(None)
        elif not ack.recovered:
            snapshot = {"project_id": self.project_id, "project": self.state}
            self._deliver(Message("snapshot", snapshot, self.project_id, self.seq, None))

    async def _pause(self, failures: int, retry_after: float | None) -> None:
        delay = retry_after
        if delay is None:
            delay = backoff.delay(failures, self._context.random())
        await self._context.sleep(delay)

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
