"""Send each update and command of a room until it has its answer, over any connections."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from realtime import merge_patch
from realtime.client.connection import Connection, retrieve
from realtime.client.data import check_size, copy
from realtime.client.errors import PASSING, Disconnected, QueueFull, RealtimeError, Refused
from realtime.client.messages import Json, UpdateAck, parse_update_ack
from realtime.client.room_id import RoomId


@dataclass(eq=False)
class _Update:
    type: str
    payload: Json
    key: str
    optimistic: bool
    """True if it shows before it is confirmed."""
    outcome: asyncio.Future[UpdateAck]
    ack_seq: int | None = None
    """The position at which the room has it; None without an answer."""


class UpdateQueue:
    """Send updates and commands one at a time, in the order of the calls."""

    def __init__(
        self,
        room_id: RoomId,
        *,
        limit: int,
        pause: Callable[[int, float | None], Awaitable[None]],
        on_not_joined: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        """
        Args:
            limit: updates that may wait.
            pause: waits before another try; gets the failures in a row, and `retry_after`.
            on_not_joined: called when the server answers that the socket is not in the room.
            on_change: called when `apply_to` would return another state, or the length is another.
        """
        self._room_id = room_id
        self._limit = limit
        self._pause = pause
        self._on_not_joined = on_not_joined
        self._on_change = on_change
        self._connection: Connection | None = None
        self._online = asyncio.Event()
        self._updates: deque[_Update] = deque()
        """Updates without an answer."""
        self._acknowledged: list[_Update] = []
        """Updates that the confirmed state has once it is at their position."""
        self._seq = 0
        """Position of the confirmed state."""
        self._applied: tuple[Json, Json] | None = None
        """Confirmed state, and what `apply_to` made of it."""
        self._writer: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Count the updates that have no answer yet."""
        return len(self._updates)

    def apply_to(self, state: Json) -> Json:
        """Return a confirmed state as it will be when it has all updates.

        It is the same object as long as nothing changes.
        """
        if self._applied is None or self._applied[0] is not state:
            patches = [update.payload["data"] for update in self._shown()]
            self._applied = (state, reduce(merge_patch.apply, patches, state))
        return self._applied[1]

    def confirm(self, seq: int) -> None:
        """Let go of the updates that the confirmed state has at its new position."""
        before = self._shown()
        self._seq = seq
        self._acknowledged = [update for update in self._acknowledged if self._is_ahead(update)]
        if self._shown() != before:
            self._applied = None

    def _shown(self) -> list[_Update]:
        return [
            update
            for update in (*self._acknowledged, *self._updates)
            if update.optimistic and self._is_ahead(update)
        ]

    def _is_ahead(self, update: _Update) -> bool:
        """Return True if the confirmed state does not have an update yet."""
        return update.ack_seq is None or update.ack_seq > self._seq

    def restart(self, seq: int) -> None:
        """Confirm a state that is new as a whole."""
        if seq < self._seq:
            # A server that was put back to an earlier time has none of what was acknowledged later.
            self._acknowledged = []
        self.confirm(seq)

    def add(
        self, data: Json, base_seq: int | None, *, optimistic: bool
    ) -> asyncio.Future[UpdateAck]:
        """Take an update; return its outcome.

        Raises:
            InvalidData, QueueFull
        """
        payload = self._room_id.payload(data=copy(data))
        if base_seq is not None:
            payload["base_seq"] = base_seq
        return self._add(self._room_id.command("update"), payload, optimistic=optimistic)

    def add_command(self, name: str, payload: Json) -> asyncio.Future[UpdateAck]:
        """Take a command of the host's own; return its outcome.

        Raises:
            InvalidData, QueueFull
        """
        return self._add(name, copy(payload) | self._room_id.payload(), optimistic=False)

    def _add(self, type_: str, payload: Json, *, optimistic: bool) -> asyncio.Future[UpdateAck]:
        if len(self._updates) >= self._limit:
            raise QueueFull
        outcome: asyncio.Future[UpdateAck] = asyncio.get_running_loop().create_future()
        update = _Update(type_, payload, uuid.uuid4().hex, optimistic, outcome)
        check_size({"type": type_, "payload": payload, "idempotency_key": update.key, "ref": 0})
        # The caller may have given up when it is rejected.
        update.outcome.add_done_callback(retrieve)
        self._updates.append(update)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        self._changed()
        return update.outcome

    def open(self, connection: Connection) -> None:
        """Send: the room is joined on this connection."""
        self._connection = connection
        self._online.set()

    def pause(self) -> None:
        """Wait: the room is not joined."""
        self._connection = None
        self._online.clear()

    async def drained(self) -> None:
        """Return once every update has its answer."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def reject(self, error: RealtimeError) -> None:
        """Give up all updates, for good."""
        self.pause()
        if self._writer is not None:
            self._writer.cancel()
        for update in self._updates:
            if not update.outcome.done():
                update.outcome.set_exception(error)
        self._updates.clear()
        self._acknowledged = []
        self._applied = None

    def _changed(self) -> None:
        self._applied = None
        self._on_change()

    async def _write(self) -> None:
        failures = 0
        while self._updates:
            # `reject` cancels this task before it empties the list, so there is a first update.
            await self._online.wait()
            update, connection = self._updates[0], self._connection
            if connection is None:
                continue
            try:
                if not update.outcome.done():  # the caller may have given up
                    await self._send(update, connection)
            except Disconnected:
                if self._connection is connection:
                    self.pause()
                continue
            except Refused as refused:
                if refused.code == "NOT_JOINED" and self._connection is connection:
                    self.pause()
                    self._on_not_joined()
                await self._pause(failures, refused.retry_after)
                failures += 1
                continue
            failures = 0
            # Only after its answer: until then `reject` must find it.
            self._updates.popleft()
            if update.ack_seq is not None and self._is_ahead(update):
                self._acknowledged.append(update)
            self._changed()

    async def _send(self, update: _Update, connection: Connection) -> None:
        """Send an update and settle it, unless it is to be sent again.

        Raises:
            Disconnected
            Refused: if the same update may succeed later.
        """

        def acknowledged(payload: dict[str, Any]) -> None:
            ack = parse_update_ack(payload)
            update.ack_seq = ack.seq
            if not update.outcome.done():
                update.outcome.set_result(ack)

        try:
            await connection.call(
                update.type,
                update.payload,
                on_ack=acknowledged,
                idempotency_key=update.key,
            )
        except Refused as refused:
            if refused.code in PASSING or refused.code == "NOT_JOINED":
                raise
            if not update.outcome.done():
                update.outcome.set_exception(refused)
