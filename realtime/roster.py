"""Keeps what the local rooms show of who is here equal to what Redis knows, and back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from redis.exceptions import RedisError

from realtime import conf, metrics, publish
from realtime.batch import Batcher
from realtime.presence import Arrival, Entry, Presence
from realtime.room import Room

logger = logging.getLogger(__name__)

_UNREACHABLE = (RedisError, OSError, asyncio.TimeoutError)

_MAX_ARRIVALS = 256
"""Sockets that are counted in one call of Redis, when many come at once."""

Place = tuple[int, int]
"""A project and a user."""


class Roster:
    """One process's share in presence: lists its users in Redis, learns of the others'.

    Where Redis cannot be reached, the rooms show the users of this process and those who
    were known before; the next tick that reaches it puts things right.
    """

    def __init__(self, rooms: Mapping[int, Room]) -> None:
        self._rooms = rooms
        self._presence = Presence()
        self.process = self._presence.process
        self._listed: set[Place] = set()
        self._changed: set[Place] = set()
        self._sockets: Counter[int] = Counter()
        """Open sockets per user, in this process."""
        self._uncounted: set[int] = set()
        """Users whose number Redis does not know yet."""
        self._arrivals: Batcher[None, Arrival, bool] = Batcher(self._connect, limit=_MAX_ARRIVALS)
        self._sync: asyncio.Task[None] | None = None
        self.interval = conf.get().PRESENCE_LEASE / 5
        """Seconds between two ticks."""
        self._leased = False
        self._patient_until = 0.0
        """Until then nobody is taken for gone, as Redis has lost what it knew."""

    # --- sockets

    async def connect(self, user_id: int) -> bool:
        """Count a socket of a user. False where they have too many, over all processes.

        It is counted either way, until `disconnect`.
        """
        limit = conf.get().MAX_SOCKETS_PER_USER
        self._sockets[user_id] += 1
        try:
            return await self._arrivals.submit(None, Arrival(user_id, self._sockets[user_id]))
        except _UNREACHABLE as error:
            _note("Sockets are counted here", error)
            self._uncounted.add(user_id)
            return self._sockets[user_id] <= limit

    async def _connect(self, _: None, arrivals: list[Arrival]) -> list[bool]:
        await self._ensure_lease()
        return await self._presence.connect(arrivals, conf.get().MAX_SOCKETS_PER_USER)

    def disconnect(self, user_id: int) -> None:
        """Count a socket of a user off again."""
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]
        self._uncounted.add(user_id)
        self._start_sync()

    async def _ensure_lease(self) -> None:
        if not self._leased:
            await self._presence.renew()
            self._leased = True

    # --- local changes

    def changed(self, project_id: int, user_id: int) -> None:
        """Take note that a local socket of that user has come or gone."""
        self._changed.add((project_id, user_id))
        self._start_sync()

    def _start_sync(self) -> None:
        if self._sync is None or self._sync.done():
            self._sync = asyncio.create_task(self._sync_changes())

    async def _sync_changes(self) -> None:
        """Tell Redis and the other processes, as long as there is something to tell."""
        while self._changed or self._uncounted:
            places, self._changed = self._changed, set()
            users, self._uncounted = self._uncounted, set()
            try:
                await self._presence.count({user: self._sockets[user] for user in users})
                await self._enter({p for p in places if self._is_local(p)} - self._listed)
                for place in [p for p in places if not self._is_local(p)]:
                    await self._leave(place)
            except _UNREACHABLE as error:
                _note("Presence is local", error)
                self._uncounted |= users  # and the next tick compares the places
                for place in places:
                    if not self._is_local(place):
                        self._depart(place)
                return

    def _is_local(self, place: Place) -> bool:
        project_id, user_id = place
        room = self._rooms.get(project_id)
        return room is not None and room.has_user(user_id)

    async def _enter(self, places: Iterable[Place]) -> None:
        entries = [
            Entry(project_id, user_id, self._rooms[project_id].roster[user_id])
            for project_id, user_id in places
        ]
        if not entries:
            return
        await self._ensure_lease()
        await self._presence.enter(entries)
        for project_id, user_id, username in entries:
            self._listed.add((project_id, user_id))
            await publish.asend(project_id, {"joined": [user_id, username], "from": self.process})

    async def _leave(self, place: Place) -> None:
        project_id, user_id = place
        is_elsewhere = await self._presence.leave(project_id, user_id)
        self._listed.discard(place)
        if self._is_local(place):  # came back meanwhile
            self._changed.add(place)
        elif not is_elsewhere:
            self._depart(place)
            await publish.asend(project_id, {"left": user_id, "from": self.process})

    def _depart(self, place: Place) -> None:
        project_id, user_id = place
        if room := self._rooms.get(project_id):
            room.depart(user_id)

    # --- what others do

    async def load(self, room: Room) -> None:
        """Fill a new room with those who are there already."""
        if room.is_loaded:
            return
        try:
            [members] = await self._presence.members([room.project_id])
        except _UNREACHABLE as error:
            _note("Presence is local", error)
        else:
            for user_id, username in members.items():
                room.arrive(user_id, username)
            room.is_loaded = True

    def heard_of_leaving(self, room: Room, user_id: int) -> None:
        """Believe another process that a user has gone, unless they are here."""
        if room.has_user(user_id):
            # This process was taken for dead.
            self._listed.discard((room.project_id, user_id))
            self.changed(room.project_id, user_id)
        else:
            room.depart(user_id)

    async def tick(self) -> None:
        """Renew the lease, bury dead processes, and compare every room with Redis."""
        try:
            await self._renew()
            is_patient = asyncio.get_running_loop().time() < self._patient_until
            if not is_patient:
                for project_id, user_id in await self._presence.reap():
                    await publish.asend(project_id, {"left": user_id})
            await self._compare(believing=not is_patient)
        except _UNREACHABLE as error:
            _note("Presence is local", error)

    async def _renew(self) -> None:
        local = {(p, user_id) for p, room in self._rooms.items() for user_id in room.users()}
        if not await self._presence.renew():
            # Redis has lost us: its data are gone, or it was away for longer than a lease. The
            # other processes list their users anew, too; they have as long as a lease for that.
            self._listed.clear()
            self._uncounted |= self._sockets.keys()
            if self._leased:
                self._patient_until = asyncio.get_running_loop().time() + 5 * self.interval
        self._leased = True
        if self._uncounted:
            self._start_sync()
        for place in local ^ self._listed:
            self.changed(*place)

    async def _compare(self, *, believing: bool) -> None:
        """Show in the rooms who is there; with `believing`, also who is not."""
        before = {project_id: dict(room.roster) for project_id, room in self._rooms.items()}
        found = await self._presence.members(list(before))
        for (project_id, roster), members in zip(before.items(), found, strict=True):
            room = self._rooms.get(project_id)
            if room is None or room.roster != roster:
                continue  # changed while we asked: look again next time
            for user_id, username in members.items():
                room.arrive(user_id, username)
            for user_id in roster.keys() - members.keys():
                if believing and not room.has_user(user_id):
                    room.depart(user_id)

    async def close(self) -> None:
        """Take this process's users out of every room."""
        if self._sync is not None:
            self._sync.cancel()
            await asyncio.gather(self._sync, return_exceptions=True)
        try:
            if self._leased:
                for project_id, user_id in await self._presence.reap(own=True):
                    await publish.asend(project_id, {"left": user_id})
            await self._presence.close()
        except _UNREACHABLE as error:
            _note("Presence is local", error)


def _note(what: str, error: Exception) -> None:
    metrics.current.presence_failures += 1
    logger.warning("%s: %r", what, error, extra={"action": "presence"})
