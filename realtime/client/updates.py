"""Send each update of a room until it has its answer, over any number of connections."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from realtime.client.connection import Connection, retrieve
from realtime.client.data import check_size, copy
from realtime.client.errors import PASSING, Disconnected, QueueFull, RealtimeError, Refused
from realtime.client.messages import Json, UpdateAck, parse_update_ack
from realtime.client.room_id import RoomId


class _Update(NamedTuple):
    payload: Json
    key: str
    outcome: asyncio.Future[UpdateAck]


class UpdateQueue:
    """Send updates one at a time, in the order of the calls."""

    def __init__(
        self,
        room_id: RoomId,
        *,
        limit: int,
        pause: Callable[[int, float | None], Awaitable[None]],
        on_not_joined: Callable[[], None],
    ) -> None:
        """
        Args:
            limit: updates that may wait.
            pause: waits before another try; gets the failures in a row, and `retry_after`.
            on_not_joined: called when the server answers that the socket is not in the room.
        """
        self._room_id = room_id
        self._limit = limit
        self._pause = pause
        self._on_not_joined = on_not_joined
        self._connection: Connection | None = None
        self._online = asyncio.Event()
        self._updates: deque[_Update] = deque()
        self._writer: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Count the updates that have no answer yet."""
        return len(self._updates)

    def add(self, data: Json, base_seq: int | None) -> asyncio.Future[UpdateAck]:
        """Take an update; return its outcome.

        Raises:
            InvalidData, QueueFull
        """
        if len(self._updates) >= self._limit:
            raise QueueFull
        payload = self._room_id.payload(data=copy(data))
        if base_seq is not None:
            payload["base_seq"] = base_seq
        update = _Update(payload, uuid.uuid4().hex, asyncio.get_running_loop().create_future())
        type_ = self._room_id.command("update")
        check_size({"type": type_, "payload": payload, "idempotency_key": update.key, "ref": 0})
        # The caller may have given up when it is rejected.
        update.outcome.add_done_callback(retrieve)
        self._updates.append(update)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
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

    async def _send(self, update: _Update, connection: Connection) -> None:
        """Send an update and settle it, unless it is to be sent again.

        Raises:
            Disconnected
            Refused: if the same update may succeed later.
        """

        def acknowledged(payload: dict[str, Any]) -> None:
            ack = parse_update_ack(payload)
            if not update.outcome.done():
                update.outcome.set_result(ack)

        try:
            await connection.call(
                self._room_id.command("update"),
                update.payload,
                on_ack=acknowledged,
                idempotency_key=update.key,
            )
        except Refused as refused:
            if refused.code in PASSING or refused.code == "NOT_JOINED":
                raise
            if not update.outcome.done():
                update.outcome.set_exception(refused)
