"""Keep one room in one server process: its position and its sockets."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from realtime import metrics
from realtime.events.publication import Publication
from realtime.presence.members import Members
from realtime.protocol import messages
from realtime.protocol.errors import CloseCode, ErrorCode
from realtime.protocol.messages import EVERYONE
from realtime.protocol.room_id import Id, RoomId

if TYPE_CHECKING:
    from realtime.transport.outbox import Outbox

_RECENT = 256
"""Events that a room remembers while sockets join, and tasks of which it knows the progress."""
_RECENT_SIZE = 512 * 1024
"""Characters of the events that it remembers; the log has the rest."""
_ENDED = 101
"""A progress that no report reaches."""


class Subscriber:
    """Hold one client's connection, as the rooms see it."""

    __slots__ = ("idle_since", "names", "outbox", "rooms", "user_id")

    def __init__(self, user_id: Id, names: Iterable[tuple[str, str]], outbox: Outbox) -> None:
        self.user_id = user_id
        self.names = dict(names)
        """The name that the others see, by the kind of the room."""
        self.outbox = outbox
        self.rooms: dict[RoomId, float] = {}
        """Rooms it is in, each with the time of its join (`time.monotonic()`)."""
        self.idle_since = time.monotonic()
        """The time at which it left its last room; counts only while it is in none."""


def frames(events: Iterable[Publication], *, with_operations: bool = False) -> tuple[str, ...]:
    """Return the frames of events: of those two that some have, the one that a socket is sent."""
    if with_operations:
        return tuple(event.text_with_operations or event.text for event in events)
    return tuple(event.text for event in events)


class Room:
    """Hand each durable event to every local socket exactly once and in order.

    `seq` is the last event that was handed on; None until the position is first known. A room is
    written by its own methods alone, and none of them awaits anything: the hub and `Repair` read
    the log, and then call the room.
    """

    def __init__(
        self,
        room_id: RoomId,
        open_members: Callable[
            [RoomId, Callable[[str], None], Callable[[str, str, object], None]], Members
        ],
    ) -> None:
        """`open_members` gets the room, and what shows a frame; it returns the room's members."""
        self.id = room_id
        self.seq: int | None = None
        self.highest_seen = 0
        """Highest `seq` heard of; above `seq` only while there is a gap."""
        self.members = open_members(room_id, self.broadcast, self._show_presence)
        self._watching: set[Subscriber] = set()
        """Sockets that asked for presence; a client of the original page knows no such message."""
        self._editing: set[Subscriber] = set()
        """Sockets that asked for operations in place of whole texts."""
        self._positions: dict[Subscriber, int] = {}
        self._joins = 0
        """Joins under way."""
        self._recent: deque[Publication] = deque()
        self._recent_size = 0
        """Characters of their texts."""
        self._progress: dict[str, int] = {}
        """Progress of tasks, the last heard of at the end."""

    @property
    def has_gap(self) -> bool:
        """Return True if events are known that must be read from the log."""
        return self.seq is not None and self.highest_seen > self.seq

    @property
    def is_idle(self) -> bool:
        """Return True if no socket is in it, or about to be."""
        return not (self._positions or self._joins)

    def __contains__(self, socket: Subscriber) -> bool:
        return socket in self._positions

    # --- sockets

    def begin_join(self) -> None:
        """Stay open, and remember what is handed on, until `end_join`.

        Events handed on before this were committed before, so the join reads them from the log.
        """
        self._joins += 1

    def end_join(self) -> None:
        self._joins -= 1
        if not self._joins:
            self._forget()

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_size = 0

    def catch_up(self, position: int) -> list[Publication] | None:
        """Return the events after `position` that were handed on already; None if forgotten."""
        if self.seq is None:
            self.seq = position
        count = max(0, self.seq - position)
        if count > len(self._recent):
            return None
        return list(self._recent)[len(self._recent) - count :] if count else []

    def add(
        self,
        socket: Subscriber,
        position: int,
        *,
        is_watching: bool = False,
        is_editing: bool = False,
    ) -> None:
        """Let in a socket that has everything up to `position`, and what was handed on since."""
        if is_watching:
            self._watching.add(socket)
        if is_editing:
            self._editing.add(socket)
        self._positions[socket] = max(position, self.seq or 0)
        self.members.add_socket(socket.user_id)
        socket.rooms[self.id] = time.monotonic()

    def remove(self, socket: Subscriber) -> None:
        if self._positions.pop(socket, None) is None:
            return
        socket.rooms.pop(self.id, None)
        socket.idle_since = time.monotonic()
        self._watching.discard(socket)
        self._editing.discard(socket)
        self.members.remove_socket(socket.user_id, socket)

    # --- what happens

    def deliver(self, events: Iterable[Publication]) -> list[Subscriber]:
        """Hand on the events that come next, drop repeats, and note a gap.

        Returns:
            The sockets that are no longer in the room, as their user's access has ended.
        """
        evicted = []
        run: list[Publication] = []
        for event in events:
            self.note_head(event.seq)
            if self.seq is None or event.seq != self.seq + 1:
                continue
            self.seq = event.seq
            self._remember(event)
            if event.ends is not None:
                self.note_progress(event.ends, _ENDED)
            if event.evicts is not None:
                self._hand_on(run)  # those who leave get what came before
                run = []
                evicted += self._evict(event)
            run.append(event)
        self._hand_on(run)
        return evicted

    def _remember(self, event: Publication) -> None:
        if not self._joins:
            return
        self._recent.append(event)
        self._recent_size += len(event.text)
        while len(self._recent) > _RECENT or self._recent_size > _RECENT_SIZE:
            self._recent_size -= len(self._recent.popleft().text)

    def _hand_on(self, run: list[Publication]) -> None:
        """Hand events that follow each other to every socket that has not got them yet."""
        if not run:
            return
        metrics.current.deliveries += len(run) * len(self._positions)
        first, whole = run[0].seq, frames(run)
        edits = frames(run, with_operations=True) if self._editing else whole
        for socket, position in self._positions.items():
            texts = edits if socket in self._editing else whole
            left = texts if position < first else texts[position - first + 1 :]
            socket.outbox.push_all(left, is_shared=True)

    def _evict(self, event: Publication) -> list[Subscriber]:
        evicted = [
            socket
            for socket, position in self._positions.items()
            if position < event.seq and event.evicts in (EVERYONE, socket.user_id)
        ]
        for socket in evicted:
            self.revoke(socket)
        return evicted

    def revoke(self, socket: Subscriber) -> None:
        """Put a socket out and tell it so; nothing of this room reaches it any more."""
        socket.outbox.push(messages.encode_in(self.id, messages.AccessRevokedPayload()))
        self.remove(socket)

    def broadcast(
        self, text: str, *, key: str | None = None, exclude: Subscriber | None = None
    ) -> None:
        """Hand an ephemeral message to every local socket but one."""
        metrics.current.deliveries += len(self._positions)
        for socket in self._positions:
            if socket is not exclude:
                socket.outbox.push(text, key=key, is_shared=True)

    def _show_presence(self, text: str, key: str, exclude: object) -> None:
        metrics.current.deliveries += len(self._watching)
        for socket in self._watching:
            if socket is not exclude:
                socket.outbox.push(text, key=key, is_shared=True)

    def note_progress(self, task_id: str, progress: int) -> bool:
        """Note how far a task is. Return False where it was further, or has ended."""
        if progress < self._progress.get(task_id, 0):
            return False
        self._progress.pop(task_id, None)
        self._progress[task_id] = progress
        if len(self._progress) > _RECENT:
            del self._progress[next(iter(self._progress))]
        return True

    def note_head(self, head: int) -> None:
        """Note the last position of the log; above `seq` it means a gap."""
        self.highest_seen = max(self.highest_seen, head)

    def forget_gap(self) -> None:
        """Stop waiting for events that the log does not have."""
        self.highest_seen = self.seq or 0

    def reset(self, seq: int) -> None:
        """Go on from another position, as the events up to it cannot be had.

        The local sockets are closed; their clients come back and start from a snapshot.
        """
        payload = messages.ErrorPayload(ErrorCode.UNAVAILABLE, "Events are missing; join again")
        text = messages.encode(messages.Error(payload=payload))
        for socket in self._positions:
            socket.outbox.push(text)
            socket.outbox.close(CloseCode.UNAVAILABLE)
        metrics.current.resets += 1
        self.seq = self.highest_seen = seq
        self._forget()
