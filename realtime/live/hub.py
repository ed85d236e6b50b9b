"""Own the rooms of one server process: who joins and leaves, and what each room is shown.

A hub subscribes once to the group of each room that has a local socket, and hands the text of
each message straight to the sockets: no queue, thread or encoding per socket.

The channel layer may lose, repeat and reorder what it carries; the log is the truth. A gap in the
sequence, and a comparison of all rooms with the log every second, lead to a read from the log. So
no error of the layer or of Redis is ever a client's concern.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

from realtime import conf, metrics
from realtime.aio import Tasks
from realtime.events import broadcast, publication
from realtime.events.publication import Publication
from realtime.live import joins
from realtime.live.repair import Repair
from realtime.live.room import Room, Subscriber, frames
from realtime.live.subscriptions import Subscriptions
from realtime.presence.process import ProcessPresence
from realtime.protocol import messages
from realtime.protocol.messages import EVERYONE
from realtime.protocol.room_id import RoomId

logger = logging.getLogger(__name__)


class Hub:
    """Keep the rooms; let sockets in and out; hand on what happens."""

    def __init__(self) -> None:
        self.rooms: dict[RoomId, Room] = {}
        self.repair = Repair(self.rooms, self._deliver)
        self.subscriptions = Subscriptions(self.rooms, self._receive)
        self.presence = ProcessPresence()
        self.process = self.presence.process
        """Name of this server process, on the layer and in Redis."""
        self._joins = joins.Joins()
        self._tasks = Tasks()

    # --- joining and leaving

    async def join(
        self,
        socket: Subscriber,
        room_id: RoomId,
        *,
        since: int | None,
        ref: str | int | None,
        presence: dict[str, Any] | None = None,
        operations: bool = False,
    ) -> int:
        """Let a socket into a room: subscribe, read the position, then go live.

        The socket gets the acknowledgement (if `ref` asks for one), what it missed since
        `since`, and from then on every event, each once and in order. With `presence`, which is
        what it shows of its user, it is also told what the others show. With `operations` it is
        told how texts change, in place of the whole texts.

        Returns:
            The number of characters that the socket was sent.

        Raises:
            ProtocolError: if the user may not see the room; the socket is not in it then.
        """
        began_at = time.perf_counter()
        room = self._open(room_id)
        # Joining anew: what happens from here on belongs behind the new acknowledgement.
        room.remove(socket)
        try:
            # The room hears the layer before the log is read: an event that is committed after the
            # read reaches the room by the layer, and one that is committed before is in the read.
            await self.subscriptions.settle(room_id)
            # The room knows who is here before it says so in an acknowledgement. While this is
            # awaited, arrivals and departures reach the room as they reach every other.
            await self.presence.load(room.members)
            request = joins.JoinRequest(room_id, socket.user_id, since, operations)
            view, passed = await self._read_until_current(room, request)
            # No await from here to the end, so that no event comes between what was read and what
            # the socket is handed from now on. It may have closed during one of the awaits above.
            sent = 0
            if not socket.outbox.closed:
                sent = self._admit(
                    room, socket, view, passed, ref=ref, presence=presence, operations=operations
                )
        finally:
            room.members.mark_dirty(socket.user_id)
            room.end_join()
            self._close_if_idle(room_id)
        metrics.current.join_seconds.observe(time.perf_counter() - began_at)
        self.repair.begin(room)
        return sent

    async def _read_until_current(
        self, room: Room, request: joins.JoinRequest
    ) -> tuple[joins.View, list[Publication]]:
        """Read what the user may see, until nothing has happened since that cannot be added to it.

        Returns:
            The view, and the events that the room has handed on since.

        Raises:
            ProtocolError: if the user may not see the room.
        """
        while True:
            # While the log is read, the room goes on handing events to its sockets. It remembers
            # them, so the reader gets exactly those after the position that was read.
            view = await self._joins.view(request)
            passed = room.catch_up(view.seq)
            if passed is None:
                continue  # more has happened than the room remembers
            if any(event.evicts in (EVERYONE, request.user_id) for event in passed):
                continue  # what was read of the user's access is out of date
            return view, passed

    def _admit(
        self,
        room: Room,
        socket: Subscriber,
        view: joins.View,
        passed: list[Publication],
        *,
        ref: str | int | None,
        presence: dict[str, Any] | None,
        operations: bool,
    ) -> int:
        """Send a socket what it joins with, and let it in; return the characters it was sent."""
        sent = 0
        is_watching = presence is not None
        name = socket.names[room.id.kind]
        if ref is not None:
            members = room.members
            ack = messages.JoinAck(
                seq=view.seq,
                user_id=socket.user_id,
                role=view.role,
                state=view.state,
                members=members.listed(socket.user_id, name, with_presence=is_watching),
                member_count=members.count_with(socket.user_id),
                tasks=view.tasks,
                recovered=view.missed is not None,
            )
            text = messages.encode_joined(room.id, ack, ref=ref)
            _check_size(text, room.id)
            socket.outbox.push(text)
            sent += len(text)
        texts = frames([*(view.missed or []), *passed], with_operations=operations)
        socket.outbox.push_all(texts)
        for task in view.tasks:
            room.note_progress(task.task_id, task.progress)
        room.add(socket, view.seq, is_watching=is_watching, is_editing=operations)
        if not room.members.arrive(socket.user_id, name):
            socket.outbox.push(room.members.joined_text(socket.user_id, name))
        if presence:
            self.set_presence(socket, room.id, presence)
        return sent + sum(map(len, texts))

    def leave(self, socket: Subscriber, room_id: RoomId) -> None:
        """Put a socket out of a room; nothing of that room reaches it any more."""
        room = self.rooms.get(room_id)
        if room is None or socket not in room:
            return
        room.remove(socket)
        self._left(room, socket)

    def _left(self, room: Room, socket: Subscriber) -> None:
        room.members.mark_dirty(socket.user_id)
        self._close_if_idle(room.id)

    def revoke(self, socket: Subscriber, room_id: RoomId) -> None:
        """Put a socket out of a room, as its user may not be there any more, and tell it so."""
        room = self.rooms[room_id]
        room.revoke(socket)
        self._left(room, socket)

    def _open(self, room_id: RoomId) -> Room:
        """Return a room, and keep it open until its `end_join`, though nobody is in it yet."""
        if room_id not in self.rooms:
            self.rooms[room_id] = Room(room_id, self.presence.open_room)
        self.rooms[room_id].begin_join()
        return self.rooms[room_id]

    def _close_if_idle(self, room_id: RoomId) -> None:
        room = self.rooms.get(room_id)
        if room is not None and room.is_idle:
            del self.rooms[room_id]
            self.presence.close_room(room_id)
            self._tasks.spawn(self.subscriptions.settle(room_id))

    # --- signals

    def signal(self, socket: Subscriber, room_id: RoomId, data: dict[str, Any]) -> None:
        """Show ephemeral data to the others in the room, here and in other processes."""
        text = messages.encode_in(room_id, messages.SignalPayload(socket.user_id, data))
        key = f"signal:{room_id}:{socket.user_id}"
        self.rooms[room_id].broadcast(text, key=key, exclude=socket)
        content = {"ephemeral": text, "key": key, "from": self.process}
        self._tasks.spawn(broadcast.asend(room_id, content))

    def set_presence(self, socket: Subscriber, room_id: RoomId, data: dict[str, Any]) -> None:
        """Show what a user shows of themselves, here, elsewhere, and to those who join later."""
        text = msgspec.json.encode(data).decode()
        state = self.rooms[room_id].members.set_own_state(socket.user_id, socket, text)
        content = {"states": [[socket.user_id, *state]], "from": self.process}
        self._tasks.spawn(broadcast.asend(room_id, content))

    # --- what happens, here and elsewhere

    def show(self, room_id: RoomId, found: list[Publication]) -> None:
        """Hand durable events to the sockets of a room, each once and in order."""
        room = self.rooms.get(room_id)
        if room is not None:
            self._deliver(room, found)
            self.repair.begin(room)

    def _receive(self, raw: Any) -> None:
        """Handle one message of the layer; log and drop a foreign one."""
        try:
            message = publication.parse(raw)
        except msgspec.ValidationError as error:
            logger.warning(
                "Ignored a foreign channel-layer message: %s", error, extra={"action": "poison"}
            )
            return
        if message.sender == self.process:
            return  # shown already
        if message.events:
            self.show(message.room, message.events)
        room = self.rooms.get(message.room)
        if room is None:
            return
        if message.ephemeral is not None and (
            message.progress is None or room.note_progress(*message.progress)
        ):
            room.broadcast(message.ephemeral, key=message.key)
        if message.arrived or message.states or message.departed:
            self.presence.apply_remote(room.id, message.arrived, message.states, message.departed)

    def _deliver(self, room: Room, found: list[Publication]) -> None:
        for socket in room.deliver(found):
            self._left(room, socket)

    # --- the end

    async def close(self) -> None:
        """Give up every subscription, and take this process out of Redis."""
        # Whatever could open a subscription, or write a room, ends before those do.
        await self._tasks.cancel()
        await self.repair.close()
        self.rooms.clear()
        await self.subscriptions.close()
        await self.presence.close()


def _check_size(ack: str, room: RoomId) -> None:
    """Refuse an acknowledgement too large for any client: it would be cut off, and try again.

    Raises:
        ValueError
    """
    size, most = len(ack.encode()), conf.get().max_frame
    if size > most:
        raise ValueError(
            f"A join of {room.noun} {room.key} would be answered with {size} bytes, as its "
            f'snapshot is large; {most} may be sent, which is half of REALTIME["MAX_UNSENT"]'
        )
