"""Join a room on each connection, and try again if that may help."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

from realtime.client.connection import Connection
from realtime.client.errors import PASSING, Disconnected, Refused
from realtime.client.messages import JoinAck, parse_join_ack
from realtime.client.room_id import RoomId

MAX_FAULTS = 3
"""Joins in a row that may fail by a fault of the server, before the caller is told."""


class JoinLoop:
    """Keep one room joined, as long as it is wanted and the server lets it in."""

    def __init__(
        self,
        room_id: RoomId,
        *,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
        pause: Callable[[int, float | None], Awaitable[None]],
        since: Callable[[], int | None],
        asks_presence: Callable[[], bool],
        on_joined: Callable[[Connection, JoinAck], None],
        on_delayed: Callable[[], None],
        on_refused: Callable[[Refused], None],
    ) -> None:
        """
        Args:
            spawn: starts a task that ends with the connection.
            pause: waits before another try; gets the failures in a row, and `retry_after`.
            since: returns the position from which to replay.
            asks_presence: returns True if the presence of the others is asked for.
            on_joined: called before any message that follows the reply is handled.
            on_delayed: called when a join has failed, and will be tried again.
            on_refused: called when a join is refused for good.
        """
        self._room_id = room_id
        self._spawn = spawn
        self._pause = pause
        self._since = since
        self._asks_presence = asks_presence
        self._on_joined = on_joined
        self._on_delayed = on_delayed
        self._on_refused = on_refused
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self, connection: Connection) -> None:
        self._connection = connection
        self.join()

    def close(self) -> None:
        """Join no more: the connection is lost, or no longer needed."""
        self._connection = None
        if self._task is not None:
            self._task.cancel()

    def join(self) -> None:
        """Join, or join anew."""
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._task = self._spawn(self._join(self._connection))

    async def _join(self, connection: Connection) -> None:
        failures = faults = 0
        while True:
            more: dict[str, object] = {"presence": {}} if self._asks_presence() else {}
            if (since := self._since()) is not None:
                more["since"] = since
            payload = self._room_id.payload(**more)
            try:
                # The reply is taken in `on_ack`, not after this await: an event that follows it
                # may be handled before this task goes on.
                await connection.call(
                    self._room_id.command("join"),
                    payload,
                    on_ack=partial(self._joined, connection),
                )
            except Disconnected:
                return
            except Refused as refused:
                is_fault = refused.code == "INTERNAL_ERROR"
                faults += is_fault
                if refused.code not in PASSING and not (is_fault and faults < MAX_FAULTS):
                    # This task calls `on_refused`, so the end that follows must not cancel it.
                    self._task = None
                    self._on_refused(refused)
                    return
                self._on_delayed()
                await self._pause(failures, refused.retry_after)
                failures += 1
            else:
                return

    def _joined(self, connection: Connection, payload: dict[str, object]) -> None:
        self._on_joined(connection, parse_join_ack(payload, self._room_id.kind))
