"""Clients that use `realtime.client`, and note all that it tells and answers."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

from realtime.client import Realtime, RealtimeError, Refused, Room, Stopped
from tests.harness import rest
from tests.soak.door import Door
from tests.soak.plan import Actor
from tests.soak.record import FinalState, Json, Notes, Seen, Signal, Stream, Update

_PAUSE = 1.0
_PENDING = 3
"""Updates that are sent at once."""


class PythonClient:
    """One person in one room; where the library gives up, they start anew."""

    def __init__(
        self,
        actor: Actor,
        *,
        user_id: int,
        project_id: int,
        url: str,
        door: Door,
        notes: Notes,
        chance: random.Random,
    ) -> None:
        self.actor = actor
        self.user_id = user_id
        self.project_id = project_id
        self.room: Room | None = None
        self.is_writing = True
        self._url = url
        self._door = door
        self._notes = notes
        self._chance = chance
        self._numbers = itertools.count(1)

    @property
    def is_in_room(self) -> bool:
        return self.room is not None and self.room.joined

    async def _token(self) -> str:
        try:
            return await self._door.token(self.actor.username)
        except rest.Refused as refused:
            if refused.status == 401:
                raise Stopped("not active") from None
            raise

    async def take_part(self) -> None:
        """Join and read, again and again, until cancelled."""
        while True:
            try:
                async with Realtime(self._url, token=self._token, proxy=None) as realtime:
                    await self._read(await realtime.join("project", self.project_id))
            except RealtimeError:
                await asyncio.sleep(_PAUSE)

    async def _read(self, room: Room) -> None:
        self.room = room
        # Messages may have come since the join: the first event says where the stream begins.
        stream = self._new_stream(None)
        try:
            async for message in room:
                if message.type == "snapshot":
                    stream.is_open = False
                    stream = self._new_stream(message.seq)
                elif message.type == "signal":
                    self._note_signal(message.payload["data"])
                elif message.seq is not None:
                    stream.seen.append(
                        Seen(message.seq, message.type, message.payload, time.time())
                    )
        except asyncio.CancelledError:
            raise
        except BaseException:
            stream.is_open = False
            raise

    def _note_signal(self, data: Json) -> None:
        signal = Signal(
            self.actor.name, self.user_id, self.project_id, data["mark"], data["at"], time.time()
        )
        self._notes.signals.append(signal)

    def _new_stream(self, start: int | None) -> Stream:
        stream = Stream(self.actor.name, self.user_id, self.project_id, start)
        self._notes.streams.append(stream)
        return stream

    async def write_on(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.actor.pause))
            if not self.is_writing:
                return
            room = self.room
            if room is None or room.ended is not None:
                continue
            if self._chance.random() < 0.2:
                mark = f"{self.actor.name}-{next(self._numbers)}"
                await room.signal({"at": time.time(), "mark": mark})
            count = _PENDING if self._chance.random() < 0.1 else 1
            await asyncio.gather(*(self._update(room) for _ in range(count)))

    async def _update(self, room: Room) -> None:
        mark = f"{self.actor.name}-{next(self._numbers)}"
        update = Update(self.actor.name, self.project_id, mark, attempts=2)
        self._notes.updates.append(update)
        try:
            ack = await room.update({"content": {self.actor.name: mark}})
        except Refused as refused:
            update.outcome = refused.code
        except RealtimeError:
            update.outcome = "unknown"
        else:
            update.seq = ack.seq
            update.outcome = "done"

    def places(self) -> dict[int, int | None]:
        """Return the position in the room; None where they are not in it."""
        is_here = self.is_in_room and self.room is not None
        return {self.project_id: self.room.seq if is_here and self.room else None}

    def final_states(self) -> list[FinalState]:
        if not self.is_in_room:
            return []
        assert self.room is not None
        return [FinalState(self.actor.name, self.project_id, self.room.seq, self.room.state)]
