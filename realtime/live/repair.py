"""Bring the rooms from the log what the channel layer did not bring."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from realtime import metrics
from realtime.db import threads
from realtime.db.outages import is_outage
from realtime.events import log, publication
from realtime.events.publication import Publication
from realtime.live.room import Room
from realtime.protocol.room_id import RoomId

logger = logging.getLogger(__name__)

_PAGE = 500
"""Events that are read at once; fewer where they are large."""


class Repair:
    """Compare the rooms with the log, and fill their gaps from it."""

    def __init__(
        self, rooms: Mapping[RoomId, Room], deliver: Callable[[Room, list[Publication]], None]
    ) -> None:
        self._rooms = rooms
        self._deliver = deliver
        self._under_way: dict[Room, asyncio.Task[None]] = {}

    async def check(self) -> None:
        """Compare the heads of all rooms with the log: one query.

        Raises:
            django.db.Error
        """
        before = {room_id: room.seq for room_id, room in self._rooms.items()}
        # Meanwhile rooms open and close, and go on by the layer. So each head is compared with
        # the room that there is now, and with where it was when the question was asked.
        heads = await threads.run(log.heads, list(before))
        for room_id, (_, head) in heads.items():
            room = self._rooms.get(room_id)
            if room is None or (head == room.seq and head >= room.highest_seen):
                continue
            if head < (before[room_id] or 0):
                # The log has gone back: somebody restored an older database.
                room.reset(head)
            else:
                room.note_head(head)
                self.begin(room)

    def begin(self, room: Room) -> None:
        """Fill the room's gap, if it has one that is not being filled already."""
        if room.has_gap and room not in self._under_way:
            self._under_way[room] = asyncio.create_task(self._fill(room))

    async def _fill(self, room: Room) -> None:
        try:
            while room.has_gap and room.seq is not None:
                metrics.current.repairs += 1
                # Meanwhile the room may get these events by the layer; `deliver` drops repeats.
                head, events = await threads.run(read, room.id, room.seq)
                if events and events[0].seq <= room.seq + 1:
                    self._deliver(room, events)
                elif head > room.seq:
                    room.reset(head)  # pruned meanwhile: only a fresh snapshot can help
                else:
                    room.forget_gap()  # somebody named a position that the log does not have
        except Exception as error:  # the next look at the heads begins anew
            extra = {"action": "repair", "room": str(room.id)}
            if is_outage(error):
                logger.warning("Could not read the log: %s", error, extra=extra)
            else:
                logger.exception("Could not repair a room", extra=extra)
        finally:
            del self._under_way[room]

    async def close(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def read(room: RoomId, after: int) -> tuple[int, list[Publication]]:
    head = log.heads([room])[room]
    events = log.tail(head.row, after, limit=_PAGE)
    return head.seq, [publication.from_event(event, room) for event in events]
