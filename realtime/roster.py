"""Keeps what the local rooms show of who is here equal to what Redis knows, and back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from redis.exceptions import RedisError

from realtime import conf, metrics, publish
from realtime.batch import Batcher
from realtime.presence import Arrival, Entry, Place, Presence
from realtime.room import Room

logger = logging.getLogger(__name__)

_UNREACHABLE = (RedisError, OSError, asyncio.TimeoutError)

_MAX_AT_ONCE = 256
"""Sockets, or places, that one call of Redis is about, when many come or go at once."""
_GATHERING = 0.005
"""Seconds that a socket, or a room, waits for others, while many come."""
_SWEEP = 30
"""Ticks within which each room is compared with Redis, whatever its version says."""

Item = TypeVar("Item")


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
        """Places that Redis lists for this process."""
        self._changed: set[Place] = set()
        """Places of which Redis is to be told whether they are listed."""
        self._sockets: Counter[int] = Counter()
        """Open sockets per user, in this process."""
        self._uncounted: set[int] = set()
        """Users whose number Redis does not know yet."""
        self._arrivals: Batcher[None, Arrival, bool] = Batcher(
            self._connect, limit=_MAX_AT_ONCE, gathering=_GATHERING
        )
        self._loads: Batcher[None, int, dict[int, str]] = Batcher(
            self._load, limit=_MAX_AT_ONCE, gathering=_GATHERING
        )
        self._sync: asyncio.Task[None] | None = None
        self.interval = conf.get().PRESENCE_LEASE / 5
        """Seconds between two ticks."""
        self._ticks = 0
        self._leased = False
        self._is_lost = False
        """Whether Redis has lost what it was told."""
        self._patient_until = 0.0
        """Until then nobody is taken for gone, as Redis has lost what it knew."""
        self._is_closed = False

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
        if not self._is_closed and (self._sync is None or self._sync.done()):
            self._sync = asyncio.create_task(self._sync_changes())

    async def _sync_changes(self) -> None:
        """Tell Redis and the other processes, as long as there is something to tell."""
        while self._changed or self._uncounted:
            places, users = _take(self._changed), _take(self._uncounted)
            try:
                await self._tell_redis(places, users)
            except _UNREACHABLE as error:
                _note("Presence is local", error)
                # Whether Redis did it, nobody knows. The next tick tries again; twice is harmless.
                self._changed |= places
                self._listed -= places
                self._uncounted |= users
                for place in places:
                    if not self._is_local(place):
                        self._depart(place)
                return

    async def _tell_redis(self, places: set[Place], users: set[int]) -> None:
        local = {place for place in places if self._is_local(place)}
        entering = [
            Entry(project_id, user_id, self._rooms[project_id].roster[user_id])
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
        back = {place for place in leaving if self._is_local(place)}
        self._changed |= back
        for place in set(leaving) - back - done.elsewhere:
            self._depart(place)
        # Where Redis has lost its data, another process may not be known again yet.
        if self._is_patient or not done.is_alone:
            await publish.presence(self.process, entering, done.gone - back)

    def _is_local(self, place: Place) -> bool:
        project_id, user_id = place
        room = self._rooms.get(project_id)
        return room is not None and room.has_user(user_id)

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
            members = await self._loads.submit(None, room.project_id)
        except _UNREACHABLE as error:
            _note("Presence is local", error)
            return
        if not room.is_loaded:
            for user_id, username in members.items():
                room.arrive(user_id, username)
            room.is_loaded = True

    async def _load(self, _: None, project_ids: list[int]) -> list[dict[int, str]]:
        distinct = list(dict.fromkeys(project_ids))
        members = dict(zip(distinct, await self._presence.members(distinct), strict=True))
        return [members[project_id] for project_id in project_ids]

    def hear(self, room: Room, arrived: Sequence[tuple[int, str]], departed: Sequence[int]) -> None:
        """Believe another process who has come to a room, and who has gone.

        It may be late, and wrong by now: the next tick looks.
        """
        for user_id in departed:
            self._believe_departed(room, user_id)
        for user_id, username in arrived:
            room.arrive(user_id, username)

    def _believe_departed(self, room: Room, user_id: int) -> None:
        if room.has_user(user_id):
            # This process was taken for dead.
            self._listed.discard((room.project_id, user_id))
            self.changed(room.project_id, user_id)
        else:
            room.depart(user_id)

    async def tick(self) -> None:
        """Renew the lease, bury dead processes, and compare with Redis the rooms that changed."""
        self._ticks += 1
        try:
            await self._renew()
            if not self._is_patient:
                await self._bury_the_dead()
            await self._compare(believing=not self._is_patient)
        except _UNREACHABLE as error:
            _note("Presence is local", error)

    @property
    def _is_patient(self) -> bool:
        return asyncio.get_running_loop().time() < self._patient_until

    async def _renew(self) -> None:
        self._is_lost |= not await self._presence.renew()
        if self._is_lost:
            await self._start_anew()
        self._leased = True
        if self._changed or self._uncounted:
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
        if self._leased:
            self._patient_until = asyncio.get_running_loop().time() + 5 * self.interval
        self._is_lost = False

    async def _bury_the_dead(self) -> None:
        reaped = await self._presence.reap()
        for project_id, user_id in reaped.gone:
            if room := self._rooms.get(project_id):
                self._believe_departed(room, user_id)
        if not reaped.is_alone:
            departed = [place for place in reaped.gone if not self._is_local(place)]
            await publish.presence(self.process, [], departed)

    async def _compare(self, *, believing: bool) -> None:
        """Show in the rooms who is there; with `believing`, also who is not.

        Only rooms that have changed are read: those whose version is another one than when they
        were compared last, be it newer or, with a Redis that lost something, older.
        """
        rooms = list(self._rooms.values())
        versions = await self._presence.versions([room.project_id for room in rooms])
        changed = [
            (room, version)
            for room, version in zip(rooms, versions, strict=True)
            if room.version != version or (room.project_id + self._ticks) % _SWEEP == 0
        ]
        before = [dict(room.roster) for room, _ in changed]
        found = await self._presence.members([room.project_id for room, _ in changed])
        for (room, version), roster, members in zip(changed, before, found, strict=True):
            if self._rooms.get(room.project_id) is not room or room.roster != roster:
                continue  # changed while we asked: look again next time
            self._show(room, members, believing=believing)
            if believing:
                room.version = version

    def _show(self, room: Room, members: dict[int, str], *, believing: bool) -> None:
        for user_id, username in members.items():
            room.arrive(user_id, username)
        for user_id in room.roster.keys() - members.keys():
            if believing and not room.has_user(user_id):
                room.depart(user_id)

    async def close(self) -> None:
        """Take this process's users out of every room; what is told afterwards is not heard."""
        self._is_closed = True
        if self._sync is not None:
            self._sync.cancel()
            await asyncio.gather(self._sync, return_exceptions=True)
        try:
            if self._leased:
                reaped = await self._presence.reap(own=True)
                if not reaped.is_alone:
                    await publish.presence(self.process, [], reaped.gone)
            await self._presence.close()
        except _UNREACHABLE as error:
            _note("Presence is local", error)


def _take(pending: set[Item]) -> set[Item]:
    """Remove and return as many as one call of Redis may be about."""
    return {pending.pop() for _ in range(min(len(pending), _MAX_AT_ONCE))}


def _note(what: str, error: Exception) -> None:
    metrics.current.presence_failures += 1
    logger.warning("%s: %r", what, error, extra={"action": "presence"})
