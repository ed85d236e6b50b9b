"""Keep one room over any number of connections."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal, NamedTuple, overload

from realtime import merge_patch
from realtime.client import backoff, reducers
from realtime.client.connection import Connection, retrieve
from realtime.client.data import copy
from realtime.client.errors import Disconnected, Overrun, RealtimeError, Refused, RoomClosed
from realtime.client.join_loop import JoinLoop
from realtime.client.messages import JoinAck, Json, Key, Member, Message, Task, UpdateAck
from realtime.client.reducers import View
from realtime.client.room_id import RoomId
from realtime.client.signals import SignalSender
from realtime.client.updates import UpdateQueue

logger = logging.getLogger(__name__)

Handler = Callable[[Message], None]

MAX_UNREAD = 10_000
"""Messages kept for an `async for`; beyond that, the iteration ends with `Overrun`."""


class Context(NamedTuple):
    """Give a room the parts of the client that it belongs to."""

    queue_limit: int
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    """Starts a task that ends with the connection."""
    identify: Callable[[Key], None]
    """Called with the user whom the server joined; may end rooms, this one too."""
    on_error: Callable[[Refused], None]
    """Called with a refusal that no caller is told."""
    on_end: Callable[[Room], None]


class Room:
    """Show one room; `Realtime.join` returns it. Iterate over it to get its messages.

    Beside the server's messages there is `snapshot`, after a reconnect for which the server could
    not replay the missed events: then `state` is new as a whole.
    """

    def __init__(self, room_id: RoomId, context: Context) -> None:
        self.room_id = room_id
        self.ended: RealtimeError | None = None
        """The reason why the room has ended. It does not come back: `join` makes a new one."""
        self.presence: Json | None = None
        """The own presence; None before `set_presence`. Never changed, only replaced."""
        self._context = context
        self._users = 0
        self._connection: Connection | None = None
        self._view = View()
        self._is_joined = False
        self._has_gap = False
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(retrieve)
        self._handlers: defaultdict[str, list[Callable[..., None]]] = defaultdict(list)
        self._unread: deque[Message] = deque()
        self._news = asyncio.Event()
        self._error: RealtimeError | None = None
        """The error that ends the iteration."""
        self._is_leaving = False
        self._join_loop = JoinLoop(
            room_id,
            spawn=context.spawn,
            pause=self._pause,
            since=lambda: self.seq if self._ready.done() else None,
            asks_presence=lambda: self.presence is not None,
            on_joined=self._joined,
            on_delayed=self._suspend,
            on_refused=self.end,
        )
        self._queue = UpdateQueue(
            room_id,
            limit=context.queue_limit,
            pause=self._pause,
            on_not_joined=self._join_loop.join,
            on_change=self._changed,
        )
        self._signals = SignalSender(
            "send_signal",
            room_id,
            sleep=context.sleep,
            pause=self._pause,
            on_error=context.on_error,
        )
        self._presence_sender = SignalSender(
            "set_presence",
            room_id,
            sleep=context.sleep,
            pause=self._pause,
            on_error=context.on_error,
        )

    @property
    def kind(self) -> str:
        """The kind of the room, such as `project`."""
        return self.room_id.kind

    @property
    def key(self) -> Key:
        """The key of the room's object."""
        return self.room_id.key

    @property
    def state(self) -> Json:
        """The object, kept up to date by its events, with the own updates that wait for theirs.

        It is never changed, only replaced.
        """
        return self._queue.apply_to(self._view.state)

    @property
    def seq(self) -> int:
        """The position of the last durable event in `state`, for `base_seq`."""
        return self._view.seq

    @property
    def members(self) -> tuple[Member, ...]:
        """The users who are here, oneself too; while not `joined`, as last known.

        It has only some of very many: see `member_count`.
        """
        return self._view.members

    @property
    def member_count(self) -> int:
        """The number of users who are here, oneself too."""
        return self._view.member_count

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that are queued or running."""
        return self._view.tasks

    @property
    def role(self) -> str | None:
        """The own role in the room, such as `editor`."""
        return self._view.role

    @property
    def me(self) -> Key | None:
        """The own user id."""
        return self._view.me

    @property
    def joined(self) -> bool:
        """True while events come; otherwise the room shows its last known state."""
        return self._is_joined

    @property
    def pending(self) -> int:
        """Updates that wait for their answer."""
        return len(self._queue)

    # --- for the application

    async def update(
        self, data: Json, *, base_seq: int | None = None, optimistic: bool = True
    ) -> UpdateAck:
        """Change the object; return once the change is saved, however often the line breaks.

        It shows in `state` at once; if the server refuses it, `state` is without it again. Updates
        of a room are sent one at a time, in the order of the calls.

        Args:
            data: the fields to change; `content` is a merge patch (RFC 7396).
            base_seq: refuse with CONFLICT if something in `data` was changed after it.
            optimistic: show it before it is confirmed.

        Raises:
            InvalidData: if the data cannot be sent; nothing was.
            Refused: by the server, for the reason in `code`.
            QueueFull: while too many wait for a connection.
            RoomClosed, UserChanged, Stopped
        """
        self._check_open()
        return await self._queue.add(data, base_seq, optimistic=optimistic)

    async def command(self, name: str, payload: Json | None = None) -> UpdateAck:
        """Send a command that the site has declared for this kind of rooms.

        It returns and raises as `update` does, happens once, and in the order of the calls.

        Args:
            name: such as `move_card`.
            payload: without the key of the room.

        Raises:
            TypeError: for a name that is one of the protocol's.
            InvalidData, Refused, QueueFull, RoomClosed, UserChanged, Stopped
        """
        self.room_id.check_command(name)
        self._check_open()
        return await self._queue.add_command(name, payload or {})

    def _check_open(self) -> None:
        if self.ended is not None:
            raise self.ended
        if self._is_leaving:
            raise RoomClosed

    async def signal(self, data: Json) -> None:
        """Send data to the others in the room now; without a connection, drop them.

        Signals that come faster than the server takes them replace each other; the last is sent.

        Raises:
            InvalidData
        """
        self._signals.send(data)

    async def set_presence(self, patch: Json) -> None:
        """Show something of the user for as long as they are in the room: a cursor, a selection.

        It is merged into `presence`, and None takes a key away. The last value always arrives,
        also at those who join later. The first call asks for the presence of the others, too,
        which stands in `members`.

        Raises:
            InvalidData
        """
        if self.ended is not None:
            return
        was_asked = self.presence is not None
        own = merge_patch.apply(self.presence or {}, copy(patch))
        self._presence_sender.send(own)
        self.presence = own
        if not was_asked:
            # The server tells only those who asked at the join.
            self._join_loop.join()
        self._show_presence()
        self._changed()

    def _show_presence(self) -> None:
        # The server tells only the others.
        if self.presence is not None:
            self._view = reducers.showing(self._view, self.me, self.presence)

    async def leave(self) -> None:
        """Leave the room once; the last `leave` for its joins sends waiting updates, then leaves.

        Its iteration ends then.
        """
        if self._users == 0 or self.ended is not None:
            return
        self._users -= 1
        if self._users > 0:
            return
        self._is_leaving = True
        await self._queue.drained()
        # `enter` may have run meanwhile: the room goes on then.
        if not self._is_leaving:
            return
        connection = self._connection
        self.end(RoomClosed())
        if connection is not None:
            await self.depart(connection)

    @overload
    def on(self, type_: Literal["change"], handler: Callable[[], None]) -> Callable[[], None]: ...

    @overload
    def on(self, type_: str, handler: Handler) -> Callable[[], None]: ...

    def on(self, type_: str, handler: Callable[..., None]) -> Callable[[], None]:
        """Have a function called with each message of a type; return one that ends it.

        With `change`, it is called without an argument when state, members, tasks, role, joined,
        pending or ended is different.
        """
        self._handlers[type_].append(handler)

        def off() -> None:
            with suppress(ValueError):
                self._handlers[type_].remove(handler)

        return off

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yield the messages since the join; end when the room is left.

        Raises:
            RoomClosed: when the object may no longer be seen, or is gone.
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

    # --- for `Realtime`

    async def enter(self) -> None:
        """Count a join of the room; return once the room is joined.

        Raises:
            Refused, RoomClosed, UserChanged, Stopped
        """
        self._users += 1
        self._is_leaving = False
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            self._forsake()
            raise

    def attach(self, connection: Connection) -> None:
        """Join over a new connection, from where the last one ended."""
        self._connection = connection
        self._join_loop.open(connection)

    def detach(self) -> None:
        """Wait for the next connection."""
        self._connection = None
        self._join_loop.close()
        self._queue.pause()
        self._signals.close()
        self._presence_sender.close()
        self._drop_out()

    async def depart(self, connection: Connection) -> None:
        """Send the command that leaves the room, and wait for the reply."""
        with suppress(Disconnected, Refused):  # out of it, one way or another
            await connection.call(self.room_id.command("leave"), self.room_id.payload())

    def receive(self, message: Message) -> None:
        """Take a message of this room."""
        if message.seq is not None:
            if message.seq <= self.seq:
                return
            if message.seq > self.seq + 1:
                # The server promises to leave none out. If it does, its log still has the event.
                if not self._has_gap:
                    self._has_gap = True
                    self._join_loop.join()
                return
        if message.type == "task_progress" and message.payload["task_id"] in self._view.ended:
            return
        # An event that cannot be read raises here and ends the connection; the view is as before,
        # so the event is asked for again.
        self._view = reducers.reduce(self._view, message, self.room_id)
        if message.seq is not None:
            self._queue.confirm(message.seq)
        self._deliver(message)
        if message.type != "signal":
            self._changed()
        if message.type == "access_revoked":
            self.end(RoomClosed(f"{self.room_id} may no longer be seen", code="ACCESS_REVOKED"))

    def end(self, error: RealtimeError, *, is_own: bool = False) -> None:
        """End the room; `is_own` if the application itself asked for that, as with `close`."""
        if self.ended is not None:
            return
        self.ended = error
        self._context.on_end(self)
        if not (is_own or self._is_leaving):
            self._error = self._error or error
        self.detach()
        self._queue.reject(error)
        if not self._ready.done():
            self._ready.set_exception(error)
        self._news.set()
        self._changed()

    # ---

    def _forsake(self) -> None:
        """Undo the `enter` of a cancelled caller; leave the room if nobody else wants it."""
        self._users -= 1
        if self._users == 0 and self.ended is None:
            connection = self._connection
            self.end(RoomClosed())
            if connection is not None:
                self._context.spawn(self.depart(connection))

    def _suspend(self) -> None:
        """Wait for the next try: a failed join leaves the socket out, even if it was in before."""
        self._queue.pause()
        self._signals.close()
        self._presence_sender.close()
        self._drop_out()

    def _joined(self, connection: Connection, ack: JoinAck) -> None:
        # First of all: the room may be another user's by now, and is ended then.
        self._context.identify(ack.user_id)
        if self.ended is not None or connection is not self._connection:
            return
        is_first = not self._ready.done()
        self._has_gap = False
        self._view = reducers.join(self._view, ack)
        self._show_presence()
        self._is_joined = True
        if not ack.recovered:
            self._queue.restart(ack.seq)
        self._queue.open(connection)
        self._signals.open(connection)
        self._presence_sender.open(connection)
        if self.presence:
            # It ended with the last connection, or was never told.
            self._presence_sender.send(self.presence)
        if is_first:
            self._ready.set_result(None)
        elif not ack.recovered:
            snapshot = self.room_id.payload(**{self.kind: self.state})
            self._deliver(Message("snapshot", snapshot, snapshot, self.seq, None))
        self._changed()

    async def _pause(self, failures: int, retry_after: float | None) -> None:
        delay = retry_after
        if delay is None:
            delay = backoff.delay(failures, self._context.random())
        await self._context.sleep(delay)

    def _changed(self) -> None:
        self._call("change")

    def _call(self, type_: str, *values: Message) -> None:
        for handler in tuple(self._handlers[type_]):
            try:
                handler(*values)
            except Exception:
                logger.exception("A handler of %s failed", type_)

    def _drop_out(self) -> None:
        if self._is_joined:
            self._is_joined = False
            self._changed()

    def _deliver(self, message: Message) -> None:
        self._call(message.type, message)
        if self._error is not None:
            return
        if len(self._unread) >= MAX_UNREAD:
            self._unread.clear()
            self._error = Overrun()
        else:
            self._unread.append(message)
        self._news.set()
