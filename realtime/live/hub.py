"""The rooms of this process, and the one receiver of the channel layer.

A hub subscribes once to the group of each project that has a local socket, and hands the
text of each message straight to the sockets: no queue, thread or encoding per socket.

The layer only hints; the log is the truth. A hole in the sequence, and a look at the heads of
all rooms every second, lead to a read from the log. So no error of the layer or of Redis is
ever a client's concern.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from realtime import conf, metrics
from realtime.db import threads
from realtime.db.outages import is_outage
from realtime.events import broadcast, publication
from realtime.events.publication import EVERYONE, Publication
from realtime.live import joins, updates
from realtime.live.access import AccessMonitor, Connection
from realtime.live.load import Load, measure
from realtime.live.repair import Repair
from realtime.live.room import Room, Subscriber
from realtime.live.subscriptions import Subscriptions
from realtime.presence.reconciler import PresenceReconciler
from realtime.presence.store import PresenceStore
from realtime.presence.tracker import PresenceTracker
from realtime.protocol import messages
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.tasks import lease

logger = logging.getLogger(__name__)

Step = Callable[[], Coroutine[Any, Any, None]]

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """Return the hub of the running event loop: one per server process."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(loop)
    return _hubs[loop]


def load() -> Load:
    """Return what this process has to do with, from any thread; nothing before its first socket."""
    running = next((hub for loop, hub in list(_hubs.items()) if loop.is_running()), None)
    return Load() if running is None else running.load()


class Hub:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rooms: dict[int, Room] = {}
        self._joins = joins.Joins()
        self.writer = updates.writer()
        self._under_way: dict[int, int] = {}
        """How many joins a room is kept open for."""
        self._repair = Repair(self._rooms, self._deliver)
        self._subscriptions = Subscriptions(self._rooms, self._receive)
        presence = PresenceStore()
        self._process = presence.process
        self._listing = PresenceTracker(self._rooms, presence)
        self._roster = PresenceReconciler(self._rooms, presence, self._listing)
        self._sessions = AccessMonitor(self._revoke)
        self._is_draining = False
        self._tasks: set[asyncio.Task[Any]] = set()
        broadcast.use(broadcast.Local(loop, self._process, self.show))
        # Each goes by a clock of its own: with a database that hangs, presence must go on.
        interval = conf.get().REPAIR_INTERVAL
        self._spawn(_every(interval, self._repair.check))
        self._spawn(_every(conf.get().ACCESS_INTERVAL, self._sessions.check))
        self._spawn(_every(interval, self._subscriptions.settle_all))
        self._spawn(_every(self._roster.interval, self._roster.tick))
        self._spawn(_every(conf.get().TASK_LEASE / 3, _sweep_tasks))

    # --- connecting

    async def connect(self, session: Connection) -> None:
        """Take a socket in.

        Raises:
            ProtocolError: RATE_LIMITED, if its user has too many.
        """
        if self._is_draining:
            session.drain()
            return
        self._sessions.add(session)
        if not await self._listing.connect(session.identity.user_id):
            raise ProtocolError(ErrorCode.RATE_LIMITED, "You have too many connections open")

    def disconnect(self, session: Connection) -> None:
        """Take a socket out, of all its rooms too."""
        if session in self._sessions:
            self._sessions.discard(session)
            self._listing.disconnect(session.identity.user_id)
        for project_id in list(session.socket.rooms):
            self.leave(session.socket, project_id)

    def drain(self) -> None:
        """Tell every client to reconnect elsewhere, and close; those who come yet, too."""
        self._is_draining = True
        for session in self._sessions:
            session.drain()

    def load(self) -> Load:
        rooms = tuple(self._rooms.values())
        return measure(
            tuple(self._sessions),
            rooms,
            unchecked=self._sessions.unchecked,
            is_draining=self._is_draining,
        )

    # --- joining and leaving

    async def join(
        self, socket: Subscriber, project_id: int, *, since: int | None, ref: str | int | None
    ) -> None:
        """Let a socket into a room: subscribe, read the position, then go live.

        The socket gets the acknowledgement (if `ref` asks for one), what it missed since
        `since`, and from then on every event, each once and in order.

        Raises:
            ProtocolError: if the user may not see the project; the socket is not in it then.
        """
        began_at = time.perf_counter()
        room = self._open(project_id)
        # Joining anew: what happens from here on belongs behind the new acknowledgement.
        room.remove(socket)
        try:
            await self._subscriptions.settle(project_id)
            await self._roster.load(room)
            while True:
                request = joins.JoinRequest(project_id, socket.user_id, since)
                view = await self._joins.view(request)
                passed = room.catch_up(view.seq)
                if passed is None:
                    continue  # so much has happened since that it must be read again
                if any(hint.evicts in (EVERYONE, socket.user_id) for hint in passed):
                    continue  # what was read of the user's access is out of date
                break
            # No await from here to the end, so that no event comes between.
            if not socket.outbox.closed:
                self._admit(room, socket, view, passed, ref=ref)
        finally:
            self._listing.changed(project_id, socket.user_id)
            self._close_if_idle(project_id, joined=True)
        metrics.current.join_seconds.observe(time.perf_counter() - began_at)
        self._repair.begin(room)

    def _admit(
        self,
        room: Room,
        socket: Subscriber,
        view: joins.View,
        passed: list[Publication],
        *,
        ref: str | int | None,
    ) -> None:
        if ref is not None:
            members = {**room.roster, socket.user_id: socket.username}
            ack = messages.JoinAck(
                seq=view.seq,
                user_id=socket.user_id,
                role=view.role,
                project=view.project,
                members=[messages.Member(*member) for member in members.items()],
                tasks=view.tasks,
                recovered=view.missed is not None,
            )
            socket.outbox.push(messages.encode(messages.Ack(payload=ack, ref=ref)))
        socket.outbox.push_all(tuple(hint.text for hint in [*(view.missed or []), *passed]))
        for task in view.tasks:
            room.note_progress(task.task_id, task.progress)
        room.add(socket, view.seq)
        if not room.arrive(socket.user_id, socket.username):
            socket.outbox.push(room.joined_text(socket.user_id, socket.username))

    def leave(self, socket: Subscriber, project_id: int) -> None:
        """Put a socket out of a room; nothing of that room reaches it any more."""
        room = self._rooms.get(project_id)
        if room is None or socket not in room:
            return
        room.remove(socket)
        self._left(project_id, socket)

    def _left(self, project_id: int, socket: Subscriber) -> None:
        self._listing.changed(project_id, socket.user_id)
        self._close_if_idle(project_id)

    def _revoke(self, socket: Subscriber, project_id: int) -> None:
        self._rooms[project_id].revoke(socket)
        self._left(project_id, socket)

    def _open(self, project_id: int) -> Room:
        self._under_way[project_id] = self._under_way.get(project_id, 0) + 1
        if project_id not in self._rooms:
            self._rooms[project_id] = Room(project_id)
        return self._rooms[project_id]

    def _close_if_idle(self, project_id: int, *, joined: bool = False) -> None:
        if joined:
            self._under_way[project_id] -= 1
            if not self._under_way[project_id]:
                del self._under_way[project_id]
        room = self._rooms.get(project_id)
        if room is not None and room.is_empty and project_id not in self._under_way:
            del self._rooms[project_id]
            self._spawn(self._subscriptions.settle(project_id))

    # --- signals

    def signal(self, socket: Subscriber, project_id: int, data: dict[str, Any]) -> None:
        """Show ephemeral data to the others in the room, here and in other processes."""
        payload = messages.SignalPayload(project_id, socket.user_id, data)
        text = messages.encode(messages.Signal(payload=payload))
        key = f"signal:{project_id}:{socket.user_id}"
        self._rooms[project_id].broadcast(text, key=key, besides=socket)
        content = {"ephemeral": text, "key": key, "from": self._process}
        self._spawn(broadcast.asend(project_id, content))

    # --- what happens, here and elsewhere

    def show(self, project_id: int, found: list[Publication]) -> None:
        """Hand durable events to the sockets of a room, each once and in order."""
        room = self._rooms.get(project_id)
        if room is not None:
            self._deliver(room, found)
            self._repair.begin(room)

    def _receive(self, raw: Any) -> None:
        """Handle one message of the layer; one that is none of ours is logged and dropped."""
        try:
            message = publication.parse(raw)
        except msgspec.ValidationError as error:
            logger.warning(
                "Ignored a foreign channel-layer message: %s", error, extra={"action": "poison"}
            )
            return
        if message.sender == self._process:
            return  # shown already
        if message.events:
            self.show(message.project_id, message.events)
        room = self._rooms.get(message.project_id)
        if room is None:
            return
        if message.ephemeral is not None and (
            message.progress is None or room.note_progress(*message.progress)
        ):
            room.broadcast(message.ephemeral, key=message.key)
        if message.arrived or message.departed:
            self._roster.hear(room, message.arrived, message.departed)

    def _deliver(self, room: Room, found: list[Publication]) -> None:
        for socket in room.deliver(found):
            self._left(room.project_id, socket)

    # --- tasks

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up every subscription and the lease; the process is about to end.

        From here on nothing is published but that its users leave.
        """
        broadcast.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sessions.close()
        await self._repair.close()
        self._rooms.clear()
        await self._subscriptions.close()
        await self._listing.close()


async def _sweep_tasks() -> None:
    await threads.run(lease.sweep)


async def _every(interval: float, step: Step) -> None:
    """Take a step again and again, as long as the process lives, whatever a step runs into."""
    while True:
        await asyncio.sleep(interval)
        try:
            await step()
        except Exception as error:  # the next step may fare better; without any, rooms go stale
            name, extra = step.__qualname__, {"action": "tick"}
            if is_outage(error):
                logger.warning("%s: the database is away: %s", name, error, extra=extra)
            else:
                logger.exception("%s failed", name, extra=extra)
