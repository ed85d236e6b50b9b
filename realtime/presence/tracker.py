"""Keeps what Redis knows of this process equal to the sockets that are open here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from realtime import conf
from realtime.aio import LINGER, Batcher
from realtime.events import broadcast
from realtime.events.publication import PresenceEntry, RoomUser
from realtime.live.room import Room
from realtime.presence.store import UNREACHABLE, Arrival, PresenceStore, note_failure

_MAX_AT_ONCE = 256
"""Sockets, or places, that one call of Redis is about, when many come or go at once."""

Item = TypeVar("Item")


class PresenceTracker:
    """This process as Redis knows it: the sockets of each user, and who is in the rooms.

    Whatever changes while Redis is being told goes together into the next call. What Redis did
    not take, or has lost, it is told again at the next `renew`.
    """

    def __init__(self, rooms: Mapping[int, Room], presence: PresenceStore) -> None:
        self._rooms = rooms
        self._presence = presence
        self._lease = conf.get().PRESENCE_LEASE
        self._sockets: Counter[int] = Counter()
        """Open sockets per user."""
        self._uncounted: set[int] = set()
        """Users whose number Redis does not know yet."""
        self._listed: set[RoomUser] = set()
        """Places that Redis lists for this process."""
        self._changed: set[RoomUser] = set()
        """Places of which Redis is to be told whether they are listed."""
        self._arrivals: Batcher[None, Arrival, bool] = Batcher(
            self._connect, limit=_MAX_AT_ONCE, linger=LINGER
        )
        self._sync: asyncio.Task[None] | None = None
        self._is_leased = False
        """Whether there has been a lease."""
        self._is_lost = False
        """Whether Redis has lost what it was told, and this has not begun anew yet."""
        self._recovering_until = 0.0
        self._is_closed = False

    @property
    def is_recovering(self) -> bool:
        """Whether Redis may not know all the others yet, as it has lost what it was told."""
        return asyncio.get_running_loop().time() < self._recovering_until

    # --- what happens here

    async def connect(self, user_id: int) -> bool:
        """Count a socket of a user. False where they have too many, over all processes.

        It is counted either way, until `disconnect`.
        """
        limit = conf.get().MAX_SOCKETS_PER_USER
        self._sockets[user_id] += 1
        try:
            return await self._arrivals.submit(None, Arrival(user_id, self._sockets[user_id]))
        except UNREACHABLE as error:
            note_failure("Sockets are counted here", error)
            self._uncounted.add(user_id)
            return self._sockets[user_id] <= limit

    async def _connect(self, _: None, arrivals: list[Arrival]) -> list[bool]:
        await self._ensure_lease()
        answers = await self._presence.connect(arrivals, conf.get().MAX_SOCKETS_PER_USER)
        counts = dict(arrivals)
        outdated = {user_id for user_id in counts if counts[user_id] != self._sockets[user_id]}
        if outdated:  # some have gone since, and Redis may have been told so before
            self._uncounted |= outdated
            self._start_sync()
        return answers

    def disconnect(self, user_id: int) -> None:
        """Count a socket of a user off again."""
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]
        self._uncounted.add(user_id)
        self._start_sync()

    def changed(self, project_id: int, user_id: int) -> None:
        """Take note that a local socket of that user has come to a room, or gone from it.

        Who has come is shown there already. Who has gone is shown to have left once Redis has
        said that they are not there by another process, or cannot say it.
        """
        self._changed.add((project_id, user_id))
        self._start_sync()

    def struck_off(self, project_id: int, user_id: int) -> None:
        """Take note that another process took this one for dead, and that user off its list."""
        self._listed.discard((project_id, user_id))
        self.changed(project_id, user_id)

    def is_local(self, project_id: int, user_id: int) -> bool:
        """Say whether a local socket of that user is in that room."""
        room = self._rooms.get(project_id)
        return room is not None and room.has_user(user_id)

    # --- telling Redis

    def _start_sync(self) -> None:
        if not self._is_closed and (self._sync is None or self._sync.done()):
            self._sync = asyncio.create_task(self._sync_changes())

    async def _sync_changes(self) -> None:
        """Tell Redis and the other processes, as long as there is something to tell."""
        while self._changed or self._uncounted:
            places, users = _take(self._changed), _take(self._uncounted)
            try:
                await self._tell(places, users)
            except UNREACHABLE as error:
                note_failure("Presence is local", error)
                # Whether Redis did it, nobody knows. `renew` tries again; twice is harmless.
                self._changed |= places
                self._listed -= places
                self._uncounted |= users
                self._show_departed(place for place in places if not self.is_local(*place))
                return

    async def _tell(self, places: set[RoomUser], users: set[int]) -> None:
        local = {place for place in places if self.is_local(*place)}
        entering = [
            PresenceEntry(project_id, user_id, self._rooms[project_id].roster[user_id])
            for project_id, user_id in local - self._listed
        ]
        leaving = list(places - local)
        open_here = {user_id: self._sockets[user_id] for user_id in users}
        if not (entering or leaving or open_here):
            return
        if entering:
            await self._ensure_lease()
        done = await self._presence.sync(entering=entering, leaving=leaving, open_here=open_here)
        self._listed.update((project_id, user_id) for project_id, user_id, _ in entering)
        self._listed.difference_update(leaving)
        back = {place for place in leaving if self.is_local(*place)}
        self._changed |= back
        self._show_departed(set(leaving) - back - done.elsewhere)
        # Where Redis has lost its data, another process may not be known again yet.
        if self.is_recovering or not done.is_alone:
            await broadcast.presence(self._presence.process, entering, done.gone - back)

    def _show_departed(self, places: Iterable[RoomUser]) -> None:
        for project_id, user_id in places:
            if room := self._rooms.get(project_id):
                room.depart(user_id)

    # --- the lease

    async def _ensure_lease(self) -> None:
        """Take the lease before Redis is told anything: who has none is taken for forgotten."""
        if not self._is_leased:
            await self._presence.renew()
            self._is_leased = True

    async def renew(self) -> None:
        """Prolong the lease, and tell Redis what it did not take, or everything if it lost some."""
        self._is_lost |= not await self._presence.renew()
        if self._is_lost:
            await self._start_anew()
        self._is_leased = True
        self._start_sync()

    async def _start_anew(self) -> None:
        """List everybody again: Redis has lost something, or was away for longer than a lease.

        The other processes do the same; they have as long as a lease for that.
        """
        self._changed |= await self._presence.recall()  # some have gone since
        self._listed.clear()
        self._uncounted |= self._sockets.keys()
        for room in self._rooms.values():
            self._changed.update((room.project_id, user_id) for user_id in room.users())
        if self._is_leased:
            self._recovering_until = asyncio.get_running_loop().time() + self._lease
        self._is_lost = False

    async def close(self) -> None:
        """Take this process out of Redis for good; what is told afterwards is not heard."""
        self._is_closed = True
        if self._sync is not None:
            self._sync.cancel()
            await asyncio.gather(self._sync, return_exceptions=True)
        try:
            if self._is_leased:
                reaped = await self._presence.reap(own=True)
                if not reaped.is_alone:
                    await broadcast.presence(self._presence.process, [], reaped.gone)
            await self._presence.close()
        except UNREACHABLE as error:
            note_failure("Presence is local", error)


def _take(pending: set[Item]) -> set[Item]:
    """Remove and return as many as one call of Redis may be about."""
    return {pending.pop() for _ in range(min(len(pending), _MAX_AT_ONCE))}
